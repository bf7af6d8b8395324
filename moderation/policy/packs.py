"""Loads a folder of packs: files → checked models → one compiled, hashed set."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from moderation.items import Surface
from moderation.policy.document import Document, read_document
from moderation.policy.inheritance import (
    CompiledRule,
    apply_changes,
    basis_of,
    chain_of,
    compile_rules,
    packs_for,
    territories,
)
from moderation.policy.problems import PackError, PackProblem
from moderation.policy.rule import Rule
from moderation.policy.schema import Kind, Pack, Status


@dataclass(frozen=True, eq=False)
class PackSet:
    """All packs of a folder, and the rules of those in force on one day.

    Attributes:
        files: file name → exact bytes.
        packs: pack id → pack; drafts and disabled packs included.
        in_force: ids of the packs whose rules apply, sorted.
        notes: warnings, such as an enabled pack whose review is overdue.
        today: the day the set was compiled for.
    """

    files: Mapping[str, bytes]
    documents: Mapping[str, Document]  #: pack id → its file with line numbers
    packs: Mapping[str, Pack]
    in_force: tuple[str, ...]
    notes: tuple[PackProblem, ...]
    today: datetime.date

    @cached_property
    def active(self) -> Mapping[str, Pack]:
        """The packs in force by id."""
        return {pack_id: self.packs[pack_id] for pack_id in self.in_force}

    @cached_property
    def compiled(self) -> tuple[CompiledRule, ...]:
        """Every distinct form of every rule in force."""
        return compile_rules(self.active)

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """Regions that have a pack of their own in force; any other has the baseline."""
        return territories(self.active.values())

    @cached_property
    def content_hash(self) -> str:
        """Names the exact files: `sha256:…`. The same files and the same day give the same
        verdicts; `moderation.policy.archive` finds the files of a hash again."""
        return hash_of_files(self.files)

    @classmethod
    def from_files(
        cls, files: Mapping[str, bytes], *, today: datetime.date | None = None
    ) -> PackSet:
        """Parses and checks pack files given as bytes.

        Raises:
            PackError: with every problem found, by file, line, rule and field.
        """
        today = today or datetime.datetime.now(datetime.UTC).date()
        packs, documents = _parse(files)
        problems = list(_cross_references(packs, documents))
        if problems:
            raise PackError(problems)
        in_force, notes = _in_force(packs, documents, today)
        if not any(packs[pack_id].pack.kind is Kind.BASELINE for pack_id in in_force):
            names = ", ".join(sorted(files)) or "no files"
            message = f"no baseline is enabled and in force on {today} (found: {names})"
            raise PackError([PackProblem("policies", 0, "", "", message)])
        ordered = dict(sorted(files.items()))
        return cls(ordered, documents, packs, in_force, tuple(notes), today)

    def with_drafts(self, pack_ids: Iterable[str]) -> PackSet:
        """The same files as if these packs (and those they inherit) were in force: to try drafts.

        Raises:
            KeyError: there is no such pack.
        """
        wanted = {
            each.id for name in pack_ids for each in chain_of(self.packs, self.packs[name].id)
        }
        return replace(self, in_force=tuple(sorted(wanted.union(self.in_force))))

    def packs_for(self, region: str) -> tuple[Pack, ...]:
        """The packs in force in a region, the baseline first."""
        return packs_for(self.active, region)

    def may_scan(self, surface: Surface, regions: Iterable[str], *, reported: bool) -> bool:
        """Whether classifiers may look at an item unasked.

        A region may switch the scanning of private messages off. Reports are always followed up:
        the switch stops nothing that somebody asked for.

        Args:
            surface: where the item is.
            regions: of the author and of those who can see it.
            reported: whether somebody reported the item.
        """
        if reported or surface is not Surface.DIRECT_MESSAGE:
            return True
        return not any(
            pack.switches.scan_private_messages == "off"
            for region in regions
            for pack in self.packs_for(region)
        )

    def rule(self, rule_id: str) -> Rule:
        """A rule as its pack defines it.

        Raises:
            KeyError: no pack has it.
        """
        for pack in self.packs.values():
            for rule in pack.rules:
                if rule.id == rule_id:
                    return rule
        raise KeyError(rule_id)

    def notice(self, reason_code: str, language: str, *, region: str | None = None) -> str:
        """What the author is told for a reason code.

        The language of the author, then the languages of the region's packs, then English.

        Raises:
            KeyError: no pack has a notice for the code.
        """
        texts: dict[str, str] = {}
        wanted = [language, language.split("-")[0]]
        holding = self.packs_for(region) if region else tuple(self.packs.values())
        for pack in holding or self.packs.values():
            texts.update(pack.notices.get(reason_code, {}))
        if not texts:
            for pack in self.packs.values():
                texts.update(pack.notices.get(reason_code, {}))
        if region:
            for pack in reversed(holding):
                if pack.defaults.notice is not None:
                    wanted.extend(pack.defaults.notice.languages)
        for name in (*wanted, "en"):
            found = texts.get(name) or next(
                (texts[tag] for tag in sorted(texts) if tag.split("-")[0] == name), None
            )
            if found:
                return found
        raise KeyError(reason_code)


def load_packs(directory: Path, *, today: datetime.date | None = None) -> PackSet:
    """Loads, checks and compiles all `*.yaml` files directly inside a folder.

    Args:
        directory: the folder of packs.
        today: the day for which effective dates and review dates are judged; now if not given.

    Raises:
        PackError: a file is broken or unsafe; nothing of the folder is used then.
    """
    from moderation.policy.lint import safety_problems  # the linter needs PackSet

    if not directory.is_dir():
        message = "there is no such folder; set MODERATION_POLICIES_DIR to the folder of packs"
        raise PackError([PackProblem(str(directory), 0, "", "", message)])
    packs = PackSet.from_files(read_pack_files(directory), today=today)
    unsafe = [problem for problem in safety_problems(packs) if not problem.warning]
    if unsafe:
        raise PackError(unsafe)
    return packs


def hash_of_files(files: Mapping[str, bytes]) -> str:
    """The content hash of pack files: SHA-256 over their names and the SHA-256 of each."""
    manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def read_pack_files(directory: Path) -> dict[str, bytes]:
    """The bytes of every pack file of a folder, by file name."""
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*.yaml"))}


def _parse(files: Mapping[str, bytes]) -> tuple[dict[str, Pack], dict[str, Document]]:
    packs: dict[str, Pack] = {}
    documents: dict[str, Document] = {}
    problems: list[PackProblem] = []
    for name in sorted(files):
        try:
            document = read_document(name, files[name])
            pack = parse_pack(document)
        except PackError as error:
            problems.extend(error.problems)
            continue
        if pack.id in packs:
            other = documents[pack.id].file
            message = f"the pack {pack.id!r} is also in {other}; give one of them another id"
            problems.append(document.problem(("pack", "id"), message))
            continue
        packs[pack.id] = pack
        documents[pack.id] = document
    if problems:
        raise PackError(problems)
    return packs, documents


def parse_pack(document: Document) -> Pack:
    """A pack from a document.

    Raises:
        PackError: fields that are unknown, missing or impossible, each with its line.
    """
    if not isinstance(document.data, dict):
        message = "a pack is a mapping that begins with 'schema: policy-pack/1'"
        raise PackError([document.problem((), message)])
    try:
        return Pack.model_validate(document.data)
    except ValidationError as error:
        problems = [
            document.problem(_path_in(document, each["loc"]), _message(each), code=_breach(each))
            for each in error.errors(include_url=False, include_context=False)
            # A list whose entries are all wrong is not empty as well.
            if not (each["type"] == "too_short" and each["input"])
        ]
        raise PackError(list(dict.fromkeys(problems))) from None


def _path_in(document: Document, location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A pydantic location as a path of the file: names of union members are left out, a missing
    field keeps its name."""
    path: tuple[str | int, ...] = ()
    for part in location:
        if (*path, part) in document.lines:
            path = (*path, part)
    last = location[-1] if location else ""
    if isinstance(last, str) and path[-1:] != (last,) and last.isidentifier() and last.islower():
        path = (*path, last)
    return path


#: Predicates that somebody may try to write and that there will never be (L7).
_ORIGIN = frozenset({"author_region", "nationality", "religion", "ethnicity", "disguised"})


def _breach(each: Any) -> str:
    return "L7" if each["type"] == "extra_forbidden" and each["loc"][-1] in _ORIGIN else ""


def _message(each: Any) -> str:
    if _breach(each):
        return "no rule may look at origin, nationality, religion or disguise; remove it"
    kind, text = each["type"], str(each["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return "unknown field; check its spelling against policies/policy-pack.schema.json"
    if kind == "missing":
        return "is missing; add it"
    shown = repr(each.get("input"))
    return f"{text} (this is {shown[:80]})" if len(shown) <= 80 else text


def _cross_references(
    packs: Mapping[str, Pack], documents: Mapping[str, Document]
) -> Iterator[PackProblem]:
    yield from _inheritance_problems(packs, documents)
    owners: dict[str, str] = {}
    for pack_id in sorted(packs, key=lambda name: (len(chain_of(packs, name)), name)):
        pack, document = packs[pack_id], documents[pack_id]
        for number, rule in enumerate(pack.rules):
            if rule.id in owners:
                where = documents[owners[rule.id]].file
                message = f"the rule {rule.id} is already in {where}; use an override to change it"
                yield document.problem(("rules", number, "id"), message)
            owners.setdefault(rule.id, pack_id)
        yield from _basis_problems(packs, pack, document)
        yield from _override_problems(packs, pack, document)


def _inheritance_problems(
    packs: Mapping[str, Pack], documents: Mapping[str, Document]
) -> Iterator[PackProblem]:
    baselines = [pack for pack in packs.values() if pack.pack.kind is Kind.BASELINE]
    for extra in baselines[1:]:
        message = f"{baselines[0].id!r} is the baseline already; there can be only one"
        yield documents[extra.id].problem(("pack", "kind"), message)
    for pack_id, pack in packs.items():
        parent = pack.pack.inherits
        place = ("pack", "inherits")
        if parent is None:
            continue
        if parent not in packs:
            message = f"there is no pack {parent!r}; the packs are {', '.join(sorted(packs))}"
            yield documents[pack_id].problem(place, message)
        elif chain_of(packs, pack_id)[0].pack.inherits is not None:
            yield documents[pack_id].problem(place, "inherits from itself in a circle; break it")
        elif packs[parent].pack.kind is not Kind.BASELINE:
            outside = set(pack.pack.territory) - set(packs[parent].pack.territory)
            if outside:
                message = f"{', '.join(sorted(outside))} is not in the territory of {parent!r}"
                yield documents[pack_id].problem(("pack", "territory"), message)


def _basis_problems(
    packs: Mapping[str, Pack], pack: Pack, document: Document
) -> Iterator[PackProblem]:
    for section in ("rules", "overrides", "process"):
        for number, entry in enumerate(getattr(pack, section)):
            for place, name in enumerate(entry.legal_basis):
                if basis_of(packs, pack.id, name) is None:
                    message = f"the legal basis {name} is not defined; add it under legal_bases"
                    path = (section, number, "legal_basis", place)
                    yield document.problem(path, message, code="L4")


def _override_problems(
    packs: Mapping[str, Pack], pack: Pack, document: Document
) -> Iterator[PackProblem]:
    known = {rule.id: rule for each in chain_of(packs, pack.id) for rule in each.rules}
    for number, override in enumerate(pack.overrides):
        if override.rule not in known:
            message = "no such rule in this pack or those it inherits; check the id"
            yield document.problem(("overrides", number, "rule"), message)
            continue
        try:
            apply_changes(known[override.rule], override.set)
        except ValidationError as error:
            text = _message(error.errors(include_url=False, include_context=False)[0])
            yield document.problem(("overrides", number, "set"), text)


def _in_force(
    packs: Mapping[str, Pack], documents: Mapping[str, Document], today: datetime.date
) -> tuple[tuple[str, ...], list[PackProblem]]:
    notes: list[PackProblem] = []
    chosen: set[str] = set()
    for pack_id in sorted(packs, key=lambda name: (len(chain_of(packs, name)), name)):
        head = packs[pack_id].pack
        if head.status is not Status.ENABLED or today < head.effective_from:
            continue
        if head.effective_to is not None and today >= head.effective_to:
            continue
        overdue = today > head.reviewed.next_due
        baseline = head.kind is Kind.BASELINE
        if overdue:
            # Without a baseline there are no floor rules: an old one is better than none.
            consequence = "it stays in force, review it now" if baseline else "treated as draft"
            message = f"the review was due on {head.reviewed.next_due}; {consequence}"
            place = ("pack", "reviewed", "next_due")
            notes.append(documents[pack_id].problem(place, message, code="L11", warning=True))
            if not baseline:
                continue
        if head.inherits is not None and head.inherits not in chosen:
            message = f"{head.inherits!r} is not in force, so this pack is not either"
            notes.append(documents[pack_id].problem(("pack", "inherits"), message, warning=True))
            continue
        chosen.add(pack_id)
    return tuple(sorted(chosen)), notes
