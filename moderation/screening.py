"""The one meeting point: an Item goes in, a Screening comes out.

Pure: it knows neither database nor web. The queue, the service, the command line, the dashboard
and the tests all call `Screener.screen`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from moderation.classifiers.ensemble import Ensemble
from moderation.items import Item
from moderation.policy import Facts, PackSet, Verdict, evaluate, load_packs
from moderation.settings import Settings
from moderation.signals import Assessment


@dataclass(frozen=True, slots=True)
class Screening:
    """What the classifiers saw and what policy says about it, per viewer region."""

    item: Item
    assessment: Assessment
    verdicts: Mapping[str, Verdict]

    @property
    def needs_review(self) -> bool:
        """Whether a person should look, for any region."""
        return any(verdict.needs_review for verdict in self.verdicts.values())

    def to_row(self) -> dict[str, Any]:
        """As one JSON object: `id`, `scores`, `signals`, `verdicts`, `language`, `problems`."""
        return {
            "id": self.item.id,
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
        packs: the policy packs in force.
        regions: viewer regions for items that name none.
    """

    def __init__(self, ensemble: Ensemble, packs: PackSet, regions: Sequence[str]) -> None:
        self.ensemble = ensemble
        self.packs = packs
        self.regions = tuple(regions)

    @classmethod
    def from_settings(
        cls, settings: Settings | None = None, *, allow_paths: bool = True
    ) -> Screener:
        """A screener as configured by the environment.

        Args:
            settings: default: from the environment.
            allow_paths: whether an item may name image files of this machine.

        Raises:
            ModelUnavailable: a model cannot be loaded.
            PackError: a policy pack is broken; the message names file, line and rule.
        """
        settings = settings or Settings()
        packs = load_packs(settings.policies_dir)
        ensemble = Ensemble.from_settings(settings, allow_paths=allow_paths)
        return cls(ensemble, packs, settings.regions)

    def screen(self, items: Sequence[Item]) -> list[Screening]:
        """Screens a batch; one result per item, in order.

        Verdicts are for the regions of the item's audience, or the configured ones.

        Raises:
            UnknownRegion: a region is not an ISO 3166-1 alpha-2 code.
        """
        return self.judge(items, self.ensemble.assess(items))

    def judge(self, items: Sequence[Item], assessments: Sequence[Assessment]) -> list[Screening]:
        """Verdicts for assessments that stand already; runs no model."""
        if not items:
            return []
        wanted = [item.audience.regions or self.regions for item in items]
        every = tuple(dict.fromkeys(region for own in wanted for region in own))
        verdicts = evaluate(self.packs, Facts.from_items(items, assessments), every)
        screenings = []
        for index, (item, assessment) in enumerate(zip(items, assessments, strict=True)):
            row = verdicts.row(index)
            screenings.append(
                Screening(item, assessment, {region: row[region] for region in wanted[index]})
            )
        return screenings

    def screen_stream(self, items: Iterator[Item], batch: int = 32) -> Iterator[Screening]:
        """Screens an endless stream, a batch at a time, in order."""
        while chunk := list(islice(items, batch)):
            yield from self.screen(chunk)
