"""Where policy cuts the scores of each category: read from the rules that are in force."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from moderation.policy import PackSet


class PolicyThresholds(BaseModel):
    """Of one category, over all rules of all packs in force that read its score."""

    model_config = ConfigDict(frozen=True)

    review: float  #: the lowest from which any rule does anything, be it to send it to review
    act: float | None = None  #: the lowest from which a rule restricts the item or its author


def thresholds_of(packs: PackSet) -> Mapping[str, PolicyThresholds]:
    """Category → thresholds; a category whose score no rule reads is missing."""
    review: dict[str, float] = {}
    act: dict[str, float] = {}
    for pack in packs.active.values():
        for rule in pack.rules:
            for leaf, negated in rule.when.leaves():
                if leaf.score is None or negated:
                    continue
                name, gte = leaf.score.category, leaf.score.gte
                review[name] = min(gte, review.get(name, 1.0))
                if rule.effects.restricts:
                    act[name] = min(gte, act.get(name, 1.0))
    return {
        name: PolicyThresholds(review=lowest, act=act.get(name))
        for name, lowest in sorted(review.items())
    }
