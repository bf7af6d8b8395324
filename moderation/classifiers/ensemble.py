"""Puts the configured classifiers together: prepare once, run each in one batch, combine.

Per category the strongest signal is the score: an item is as bad as its worst part, and a second
harmless picture makes the first no better. Calibrated probabilities stay calibrated for items of
one part; for many parts the maximum leans high by a little, which is the side to err on.

A conversation is not as bad as its worst sentence: where a classifier has scored its turns together
(`over_turns`), turns that were scored one by one do not set that category's score.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from moderation.classifiers.base import ENTRY_POINT_GROUP, Classifier, Explains, Prepared
from moderation.classifiers.preparation import Preparation
from moderation.errors import ModerationError
from moderation.items import Item
from moderation.settings import Settings
from moderation.signals import Assessment, Problem, Signal
from moderation.taxonomy import CATEGORY_IDS

_log = logging.getLogger(__name__)

Factory = Callable[[Settings], Classifier]


class UnknownClassifier(ModerationError):
    """A classifier is configured that nobody registered."""


@dataclass(frozen=True, slots=True)
class Look:
    """An assessment, and the prepared item that it was made of."""

    prepared: Prepared
    assessment: Assessment


class Ensemble:
    """The configured classifiers, as one: items in, assessments out.

    Args:
        classifiers: each with a name of its own.
        preparation: decodes images, reads drawn text, identifies languages.
    """

    def __init__(self, classifiers: Sequence[Classifier], preparation: Preparation) -> None:
        names = Counter(classifier.name for classifier in classifiers)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ModerationError(f"two classifiers have the name {twice[0]!r}; names are unique")
        self.classifiers = tuple(classifiers)
        self.preparation = preparation
        self._detectable = frozenset().union(*(c.categories for c in classifiers))
        self._over_turns: Mapping[str, frozenset[str]] = {
            c.name: frozenset(getattr(c, "over_turns", ())) for c in classifiers
        }

    @classmethod
    def from_settings(cls, settings: Settings, *, allow_paths: bool = True) -> Ensemble:
        """The classifiers named in `settings.classifiers`, built-in or from entry points.

        Args:
            allow_paths: whether an item may name files of this machine.

        Raises:
            UnknownClassifier: a configured name is not registered.
            ModelUnavailable: a model file is missing, truncated or of another version.
        """
        factories = registered_factories()
        names = [name for name in settings.classifiers if name != "image_text"]
        for name in names:
            if name not in factories:
                known = ", ".join(sorted([*factories, "image_text"]))
                raise UnknownClassifier(
                    f"MODERATION_CLASSIFIERS names {name!r}, which is not registered; "
                    f"known: {known}"
                )
        return cls(
            [factories[name](settings) for name in names],
            Preparation.from_settings(settings, allow_paths=allow_paths),
        )

    @property
    def versions(self) -> Mapping[str, str]:
        """Classifier name → version, as stored with every assessment."""
        own = {classifier.name: classifier.version for classifier in self.classifiers}
        return {**self.preparation.versions, **own}

    def assess(self, items: Sequence[Item]) -> list[Assessment]:
        """One assessment per item, in order; see `look`."""
        return [look.assessment for look in self.look(items)]

    def look(self, items: Sequence[Item]) -> list[Look]:
        """One assessment per item, in order, with what `explain` needs to say more.

        A classifier that fails on a batch is a problem of every item in it, which sends them to
        review; it never passes them in silence.
        """
        prepared = self.preparation.prepare(items)
        signals: list[list[Signal]] = [list(entry.signals) for entry in prepared]
        problems: list[list[Problem]] = [list(entry.problems) for entry in prepared]
        for classifier in self.classifiers:
            try:
                found = classifier.classify(prepared)
            except Exception as error:  # noqa: BLE001 - one model must not lose the others' results
                _log.exception("classifier %s failed on a batch", classifier.name)
                for index in range(len(items)):
                    problems[index].append(
                        Problem(
                            part="item",
                            code="classifier_failed",
                            message=f"{classifier.name}: {type(error).__name__}",
                        )
                    )
                continue
            for index, own in enumerate(found):
                signals[index].extend(own)
        versions = self.versions
        return [
            Look(
                entry,
                Assessment(
                    item_id=entry.item.id,
                    scores=self._scores(signals[index]),
                    signals=tuple(signals[index]),
                    language=entry.language,
                    languages=entry.languages,
                    models=versions,
                    problems=tuple(problems[index]),
                ),
            )
            for index, entry in enumerate(prepared)
        ]

    def explain(self, looks: Sequence[Look]) -> list[Assessment]:
        """The assessments with the evidence that classifiers give on demand.

        It costs as much as several passes over a text, so it is asked for where somebody will
        read it. A classifier that fails at it costs the evidence, never the assessment.
        """
        signals = [list(look.assessment.signals) for look in looks]
        prepared = [look.prepared for look in looks]
        for classifier in self.classifiers:
            if not isinstance(classifier, Explains) or not looks:
                continue
            try:
                signals = classifier.explain(prepared, signals)
            except Exception:  # noqa: BLE001 - evidence is an addition
                _log.exception("classifier %s could not explain a batch", classifier.name)
        return [
            look.assessment.model_copy(update={"signals": tuple(own)})
            for look, own in zip(looks, signals, strict=True)
        ]

    def _scores(self, signals: Sequence[Signal]) -> dict[str, float]:
        scores = {name: 0.0 for name in CATEGORY_IDS if name in self._detectable}
        decided = {
            (signal.model, signal.category)
            for signal in signals
            if signal.category in self._over_turns.get(signal.model, ())
        }
        together = {category for _, category in decided}
        for signal in signals:
            name = signal.category
            alone = signal.part.startswith("turn:") and (signal.model, name) not in decided
            if name is not None and not (alone and name in together):
                scores[name] = max(scores.get(name, 0.0), signal.probability)
        return scores


def registered_factories() -> dict[str, Factory]:
    """Name → factory of every classifier that can be configured."""
    return {point.name: _lazy(point) for point in entry_points(group=ENTRY_POINT_GROUP)}


def _lazy(point: object) -> Factory:
    def build(settings: Settings) -> Classifier:
        factory: Factory = point.load()  # type: ignore[attr-defined]
        return factory(settings)

    return build


__all__ = ["Ensemble", "Factory", "Prepared", "UnknownClassifier", "registered_factories"]
