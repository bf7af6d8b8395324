"""The one meeting point: an Item goes in, a Screening comes out.

Pure: it knows neither database nor web. The queue, the service, the command line, the dashboard
and the tests all call `Screener.screen`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from moderation.classifiers.ensemble import Ensemble
from moderation.items import Item
from moderation.policy import Facts, PackSet, Strike, Verdict, load_packs
from moderation.policy.rollout import FixedPolicy, PolicySource, Shadow
from moderation.settings import Settings
from moderation.signals import Assessment

#: Earlier strikes of each item's author, in the order of the items.
StrikesOf = Callable[[Sequence[Item]], Sequence[Sequence[Strike]]]


@dataclass(frozen=True, slots=True)
class Screening:
    """What the classifiers saw and what policy says about it, per viewer region.

    Attributes:
        shadow: what a version on trial says instead; stored, never acted on.
        scanned: False for a private message that nobody reported, where a region does not allow
            that it is looked at unasked: no classifier ran.
    """

    item: Item
    assessment: Assessment
    verdicts: Mapping[str, Verdict]
    shadow: Shadow | None = None
    scanned: bool = True

    @property
    def needs_review(self) -> bool:
        """Whether a person should look, for any region."""
        return any(verdict.needs_review for verdict in self.verdicts.values())

    @property
    def acted_on(self) -> bool:
        """Whether a rule does something, or a person should look, for any region."""
        return any(v.needs_review or v.primary is not None for v in self.verdicts.values())

    def to_row(self) -> dict[str, Any]:
        """As one JSON object: `id`, `scanned`, `scores`, `signals`, `verdicts`, `language`,
        `problems`, `models`."""
        return {
            "id": self.item.id,
            "scanned": self.scanned,
            "language": self.assessment.language,
            "scores": {name: round(p, 4) for name, p in self.assessment.scores.items()},
            "signals": [
                signal.model_dump(mode="json", exclude_none=True)
                for signal in self.assessment.signals
            ],
            "verdicts": {
                region: verdict.model_dump(mode="json", exclude_none=True)
                | {"action": verdict.action}
                for region, verdict in self.verdicts.items()
            },
            "problems": [problem.model_dump(mode="json") for problem in self.assessment.problems],
            "models": dict(self.assessment.models),
        }


class Screener:
    """Item → Screening, with models loaded once.

    Args:
        ensemble: the classifiers.
        policy: where it asks, once per batch, which packs are in force.
        regions: viewer regions for items that name none.
        strikes: where it asks for earlier strikes of authors; without it nobody has any.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        policy: PolicySource,
        regions: Sequence[str],
        *,
        strikes: StrikesOf | None = None,
    ) -> None:
        self.ensemble = ensemble
        self.policy = policy
        self.regions = tuple(regions)
        self._strikes = strikes

    @classmethod
    def from_settings(
        cls,
        settings: Settings | None = None,
        *,
        allow_paths: bool = True,
        policy: PolicySource | None = None,
        strikes: StrikesOf | None = None,
    ) -> Screener:
        """A screener as configured by the environment.

        Args:
            settings: default: from the environment.
            allow_paths: whether an item may name image files of this machine.
            policy: default: the packs of the folder as they are now.
            strikes: earlier strikes of authors, where they are remembered.

        Raises:
            ModelUnavailable: a model cannot be loaded.
            PackError: a policy pack is broken; the message names file, line and rule.
        """
        settings = settings or Settings()
        if policy is None:
            policy = FixedPolicy(load_packs(settings.policies_dir, today=settings.policy_date))
        ensemble = Ensemble.from_settings(settings, allow_paths=allow_paths)
        return cls(ensemble, policy, settings.regions, strikes=strikes)

    @property
    def packs(self) -> PackSet:
        """The packs in force now."""
        return self.policy.current().live

    def screen(self, items: Sequence[Item]) -> list[Screening]:
        """Screens a batch; one result per item, in order.

        Verdicts are for the regions of the item's audience, or the configured ones. Which words
        carry a score is worked out only for items that some rule acts on. A private
        message is looked at only where every region of its author and viewers allows it, or where
        somebody reported it; otherwise the rules get no score.

        Raises:
            UnknownRegion: a region is not an ISO 3166-1 alpha-2 code.
        """
        scanned = [self.may_scan(item) for item in items]
        places = [index for index, may in enumerate(scanned) if may]
        looks = self.ensemble.look([items[index] for index in places]) if places else []
        assessments = [Assessment(item_id=item.id, scores={}) for item in items]
        for index, look in zip(places, looks, strict=True):
            assessments[index] = look.assessment
        screenings = self.judge(items, assessments, scanned=scanned)
        acted = [
            (index, look)
            for index, look in zip(places, looks, strict=True)
            if screenings[index].acted_on
        ]
        explained = self.ensemble.explain([look for _, look in acted])
        for (index, _), assessment in zip(acted, explained, strict=True):
            screenings[index] = replace(screenings[index], assessment=assessment)
        return screenings

    def may_scan(self, item: Item, *, reported: bool = False) -> bool:
        """Whether classifiers may look at an item; see `PackSet.may_scan`.

        Args:
            reported: somebody reported it, whether or not the item carries the report.
        """
        regions = [*(item.audience.regions or self.regions)]
        if item.author.region is not None:
            regions.append(item.author.region)
        return self.packs.may_scan(
            item.surface, regions, reported=reported or item.report is not None
        )

    def judge(
        self,
        items: Sequence[Item],
        assessments: Sequence[Assessment],
        *,
        scanned: Sequence[bool] | None = None,
        drawn_by: Sequence[str] | None = None,
    ) -> list[Screening]:
        """Verdicts for assessments that stand already; runs no model.

        Args:
            scanned: for which items classifiers ran; all if not given.
            drawn_by: the id by which each item is drawn for a canary, where it is not its own.
        """
        if not items:
            return []
        wanted = [item.audience.regions or self.regions for item in items]
        every = tuple(dict.fromkeys(region for own in wanted for region in own))
        strikes = self._strikes(items) if self._strikes is not None else None
        facts = Facts.from_items(items, assessments, strikes=strikes)
        verdicts = self.policy.current().evaluate(facts, every, drawn_by=drawn_by)
        screenings = []
        for index, (item, assessment) in enumerate(zip(items, assessments, strict=True)):
            row, shadow = verdicts.acting(index), verdicts.shadow(index)
            if shadow is not None:
                own = {region: shadow.verdicts[region] for region in wanted[index]}
                shadow = replace(shadow, verdicts=own)
            screenings.append(
                Screening(
                    item,
                    assessment,
                    {region: row[region] for region in wanted[index]},
                    shadow,
                    scanned is None or scanned[index],
                )
            )
        return screenings

    def screen_stream(self, items: Iterator[Item], batch: int = 32) -> Iterator[Screening]:
        """Screens an endless stream, a batch at a time, in order."""
        while chunk := list(islice(items, batch)):
            yield from self.screen(chunk)
