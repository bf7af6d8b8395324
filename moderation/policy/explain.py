"""Why a verdict is what it is, in sentences; and how far the rules that did not act were away."""

from __future__ import annotations

from collections.abc import Iterator

from moderation.policy.diff import describe
from moderation.policy.effects import SideEffect
from moderation.policy.facts import Facts, score_column
from moderation.policy.inheritance import ELSEWHERE
from moderation.policy.packs import PackSet
from moderation.policy.verdict import RuleHit, Verdict

#: A score this close below a threshold is worth mentioning.
NEAR = 0.10


def explain(packs: PackSet, verdict: Verdict) -> tuple[str, ...]:
    """A verdict in sentences, the most important first."""
    return tuple(_sentences(packs, verdict))


def _sentences(packs: PackSet, verdict: Verdict) -> Iterator[str]:
    holding = ", ".join(f"{p.id} {p.pack.version}" for p in packs.packs_for(verdict.region))
    yield f"In {verdict.region} (packs {holding}) the action is {verdict.action}."
    if not any(hit.exempted_by is None for hit in verdict.rules):
        yield "No rule acts."
    for hit in verdict.rules:
        yield _rule_sentence(packs, hit, primary=hit is verdict.primary)
    if verdict.side_effects:
        names = ", ".join(SideEffect(side).value.replace("_", " ") for side in verdict.side_effects)
        yield f"Also: {names}."
    if verdict.needs_review:
        yield f"A person must look: queue {verdict.queue}, within {verdict.sla_minutes:,} minutes."
    elif verdict.sampled:
        yield f"A sample of such items is looked at (queue {verdict.queue})."
    if verdict.primary_reason is not None:
        notice = packs.notice(verdict.primary_reason, "en", region=verdict.region)
        yield f"The author is told ({verdict.primary_reason}): {notice}"
    if verdict.duties:
        yield f"Owed: {', '.join(duty.replace('_', ' ') for duty in verdict.duties)}."


def _rule_sentence(packs: PackSet, hit: RuleHit, *, primary: bool) -> str:
    rule = packs.rule(hit.rule_id)
    score = ""
    if hit.score is not None:
        score = (
            f" {hit.score_category} scored {hit.score:.2f}, the threshold is {hit.threshold:.2f}."
        )
    lead = "Rule" if not primary else "Reason shown: rule"
    if hit.exempted_by is not None:
        return (
            f"Rule {hit.rule_id} ({hit.pack} {hit.pack_version}) did not act: the confirmed "
            f"context {hit.exempted_by!r} exempts the item.{score}"
        )
    actions = ", ".join(action.replace("_", " ") for action in hit.actions)
    less = " (reduced: political speech)" if hit.reduced_for_political_speech else ""
    floor = ", a floor rule" if hit.floor else ""
    title = f" – {rule.title}" if rule.title else ""
    return (
        f"{lead} {hit.rule_id} ({' → '.join(hit.chain)}{floor}){title}: {actions}{less}.{score} "
        f"Rests on {'; '.join(hit.legal_cites)}."
    )


def near_misses(packs: PackSet, facts: Facts, row: int, region: str) -> tuple[str, ...]:
    """Thresholds that a score of the item just missed, in sentences."""
    key = region if region in packs.regions else ELSEWHERE
    found: dict[str, None] = {}
    for compiled in packs.compiled:
        if key not in compiled.regions:
            continue
        for leaf, negated in compiled.rule.when.leaves():
            if leaf.score is None or negated:
                continue
            score = float(facts.scores[row, score_column(leaf.score.category)])
            if leaf.score.gte - NEAR <= score < leaf.score.gte:
                found[
                    f"Rule {compiled.rule.id} ({describe(compiled.rule.when)}) was near: "
                    f"{leaf.score.category} scored {score:.2f}."
                ] = None
    return tuple(found)
