"""Turns between kinds of material: after enough of one kind, the others come first.

Lanes stay as they are: what is urgent for somebody else is never held back for this. Within the
lanes of ordinary work the kind that a person has seen enough of comes last until their next break,
and it still comes when nothing else waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from moderation.queue.rules import QueueRules

#: Kinds of material that tire in the same way. Judgement; what is in no family is never rested.
FAMILIES: Mapping[str, frozenset[str]] = {
    "sexual material": frozenset(
        {"csae", "grooming", "minor_risk", "ncii", "adult_sexual", "trafficking_exploitation"}
    ),
    "violence": frozenset({"terror_extremism", "threat_incitement", "graphic_violence"}),
    "hate and harassment": frozenset(
        {"hate", "harassment", "raid_brigading", "doxxing_privacy", "toxicity"}
    ),
    "self-harm": frozenset({"self_harm"}),
    "scams and commerce": frozenset(
        {
            "identity_inauthentic",
            "fraud_phishing",
            "pig_butchering",
            "crossborder_scam",
            "offplatform_luring",
            "prohibited_goods",
            "counterfeit",
            "copyright",
            "deceptive_commerce",
            "gambling",
            "spam",
        }
    ),
}


def family(category: str | None) -> str | None:
    """The kind of material that a category is; None if it is in no family."""
    return next((name for name, members in FAMILIES.items() if category in members), None)


def rested_families(
    seen: Iterable[tuple[str | None, float, bool]], rules: QueueRules
) -> tuple[str, ...]:
    """The kinds that a person has seen enough of since their last break.

    Args:
        seen: category, seconds and whether it was difficult, of each item since the break.
    """
    minutes: dict[str, float] = {}
    severe: dict[str, int] = {}
    for category, seconds, difficult in seen:
        name = family(category)
        if name is not None:
            minutes[name] = minutes.get(name, 0.0) + seconds / 60
            severe[name] = severe.get(name, 0) + difficult
    return tuple(
        name
        for name in minutes
        if 0 < rules.rotate_after_minutes <= minutes[name]
        or 0 < rules.rotate_after_severe <= severe[name]
    )


def categories_of(families: Iterable[str]) -> list[str]:
    """All categories of these kinds, in order."""
    return sorted(set().union(*(FAMILIES[name] for name in families)))


def rotation_words(category: str | None, lane: int, rested: tuple[str, ...]) -> str | None:
    """What a claimed job says about it."""
    if not rested:
        return None
    kind = family(category)
    if kind not in rested:
        return f"another kind of material: you have seen much of {' and '.join(rested)}"
    if lane == 0:
        return f"{kind} again, because it goes before everything else"
    return f"{kind} again: nothing else as urgent waits for you; a break is due"
