"""`moderation policy`: check packs, compare them, explain a verdict, run the golden items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moderation.cli import policy_backtest, policy_rollouts, policy_versions
from moderation.cli.options import DatabaseUrl
from moderation.cli.policy_reports import (
    Folder,
    existing_database,
    print_problems,
)
from moderation.errors import InvalidItem, ModerationError
from moderation.policy import Facts, PackSet, Verdict, evaluate, load_packs
from moderation.policy.diff import diff
from moderation.policy.explain import explain, near_misses
from moderation.policy.golden import facts_of, golden_problems, golden_verdicts, read_golden
from moderation.policy.inheritance import ELSEWHERE
from moderation.policy.json_schema import FILE_NAME, pack_json_schema_text
from moderation.policy.lint import lint
from moderation.policy.packs import read_pack_files
from moderation.policy.problems import PackError
from moderation.settings import Settings

app = typer.Typer(no_args_is_help=True)
app.add_typer(policy_versions.app)
app.add_typer(policy_rollouts.app)
app.add_typer(policy_backtest.app)


@app.command("lint")
def lint_command(folder: Folder = None) -> None:
    """Check packs against the schema, the constraints L1 to L12 and the golden items.

    Ends with 1 where there are errors.
    """
    directory = folder or Settings().policies_dir
    console = Console()
    try:
        packs = PackSet.from_files(read_pack_files(directory), today=Settings().policy_date)
    except PackError as error:
        print_problems(console, error.problems)
        raise typer.Exit(1) from None
    problems = lint(directory, packs)
    drafts = sorted(set(packs.packs) - set(packs.in_force))
    open_questions = sum(
        sum(basis.verify is not None for basis in pack.legal_bases.values())
        + sum(rule.verify is not None for rule in pack.rules)
        + sum(route.verify is not None for route in pack.reporting.routes)
        for pack in packs.packs.values()
    )
    console.print(
        f"{len(packs.packs)} packs in {directory}, {packs.content_hash[:19]}: in force "
        f"{', '.join(packs.in_force)}; not in force {', '.join(drafts) or 'none'}. "
        f"{open_questions} places wait for counsel (verify).",
        highlight=False,
        soft_wrap=True,
    )
    print_problems(console, problems)
    if any(not problem.warning for problem in problems):
        raise typer.Exit(1)


@app.command("diff")
def diff_command(
    before: Annotated[str, typer.Argument(help="A folder, a version's hash, or `live`.")],
    after: Annotated[str, typer.Argument(help="A folder, a version's hash, or `live`.")],
    database: DatabaseUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per change.")] = False,
) -> None:
    """What changes from one pack set to another, in sentences and as a table."""
    from moderation.tuning.policy_in_force import resolve_packs

    folder, day = Settings().policies_dir, Settings().policy_date
    with existing_database(database) as opened:
        changes = diff(
            resolve_packs(before, folder, opened, today=day),
            resolve_packs(after, folder, opened, today=day),
        )
    console = Console()
    if as_json:
        for change in changes:
            row = {name: getattr(change, name) for name in change.__slots__}
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    if not changes:
        console.print("Nothing changes for any region.")
        return
    for change in changes:
        console.print(f"• {escape(change.sentence)}.", highlight=False)
    table = Table("rule", "field", "before", "after", "regions")
    for change in changes:
        named = [region if region != ELSEWHERE else "others" for region in change.regions]
        shown = ", ".join(named) if len(named) <= 8 else f"{len(named)} regions"
        table.add_row(
            *map(escape, (change.rule_id, change.field, change.before, change.after, shown))
        )
    console.print(table)


@app.command("explain")
def explain_command(
    item: Annotated[
        str,
        typer.Argument(
            help="A JSON file with `item` and `scores` (`-`: standard input), the id of a golden "
            "item, or the id of an item in the database."
        ),
    ],
    region: Annotated[
        list[str] | None, typer.Option("--region", help="Viewer region; may be repeated.")
    ] = None,
    policies: Annotated[
        str, typer.Option(help="Which packs: a folder, a version's hash, or `live`.")
    ] = "live",
    database: DatabaseUrl = None,
) -> None:
    """Why an item gets the verdicts it gets, rule by rule, and which rules it just missed."""
    from moderation.tuning.policy_in_force import resolve_packs

    settings = Settings()
    console = Console()
    with existing_database(database) as opened:
        packs = resolve_packs(policies, settings.policies_dir, opened, today=settings.policy_date)
        facts = _facts(item, settings.policies_dir, opened)
    regions = tuple(dict.fromkeys(region or settings.regions))
    told: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in evaluate(packs, facts, regions).row(0).values():
        lines = explain(packs, verdict)
        told.setdefault(lines[1:], []).append(verdict)
    for rest, verdicts in told.items():
        names = ", ".join(verdict.region for verdict in verdicts)
        console.print(
            f"[bold]{names}: {verdicts[0].action}[/bold]", highlight=False, soft_wrap=True
        )
        for line in (*rest, *near_misses(packs, facts, 0, verdicts[0].region)):
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    console.print(f"policy {packs.content_hash}", highlight=False, soft_wrap=True)


def _facts(item: str, directory: Path, database: Any) -> Facts:
    from moderation.policy.golden import GoldenItem

    path = Path(item)
    if item == "-" or path.is_file():
        text = typer.get_text_stream("stdin").read() if item == "-" else path.read_text("utf-8")
        try:
            given = json.loads(text)
            body = given.get("item", {"surface": given.get("surface", "post")})
            golden = GoldenItem.model_validate(
                {
                    "id": str(given.get("id") or body.get("id") or "item"),
                    "what": "given",
                    "item": {name: value for name, value in body.items() if name != "id"},
                    "scores": given.get("scores", {}),
                    "language": given.get("language", "und"),
                    "expect": {"ZZ": {}},
                }
            )
        except (ValueError, AttributeError) as error:
            raise InvalidItem(
                f"{item}: give a JSON object with `item` (as for screening) and `scores` "
                f"(category to probability): {error}"
            ) from None
        return facts_of(golden)
    for case in read_golden(directory):
        if case.golden.id == item:
            return facts_of(case.golden)
    if database is None:
        raise InvalidItem(f"{item!r} is neither a file nor a golden item, and there is no database")
    from moderation.tuning.stored_facts import load_facts

    found = load_facts(database, item_ids=[item])
    if not len(found.facts):
        raise InvalidItem(f"{item!r} is neither a file, a golden item, nor an item in the database")
    return found.facts.rows(len(found.facts) - 1, len(found.facts))


@app.command("test")
def run_golden(folder: Folder = None) -> None:
    """Run the golden items of a folder of packs. Ends with 1 where one fails."""
    directory = folder or Settings().policies_dir
    packs = load_packs(directory, today=Settings().policy_date)
    cases = read_golden(directory)
    if not cases:
        raise InvalidItem(f"there are no golden items in {directory / 'golden'}")
    table = Table("item", "what", "verdicts", "result")
    failures = 0
    for case in cases:
        problems = list(golden_problems(packs, (case,)))
        failures += bool(problems)
        drafts = set(case.packs) - set(packs.in_force)
        try:
            verdicts = golden_verdicts(packs.with_drafts(drafts), case.golden)
            shown = ", ".join(f"{name} {verdict.action}" for name, verdict in verdicts.items())
        except ModerationError as error:
            shown = str(error)
        result = "; ".join(f"{p.field}: {p.message}" for p in problems) or "as expected"
        table.add_row(case.golden.id, escape(case.golden.what), escape(shown), escape(result))
    console = Console()
    console.print(table)
    console.print(f"{len(cases) - failures} of {len(cases)} golden items are as expected.")
    if failures:
        raise typer.Exit(1)


@app.command("schema")
def schema_command(
    folder: Folder = None,
    check: Annotated[bool, typer.Option(help="Write nothing; end with 1 if it is old.")] = False,
) -> None:
    """Write the JSON Schema that editors complete packs against."""
    path = (folder or Settings().policies_dir) / FILE_NAME
    text = pack_json_schema_text()
    if check:
        same = path.is_file() and path.read_text("utf-8") == text
        typer.echo(f"{path} is {'up to date' if same else 'old: run `moderation policy schema`'}")
        raise typer.Exit(0 if same else 1)
    path.write_text(text, "utf-8")
    typer.echo(f"wrote {path}")
