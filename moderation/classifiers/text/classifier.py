"""The shipped text model as a classifier: texts in, one calibrated signal per category out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.calibration import Floats
from moderation.classifiers.text.evidence import locate, place_of, span
from moderation.classifiers.text.model import ENCOURAGEMENT, MODELS_FOLDER, ScoredText, TextModel
from moderation.classifiers.text.normalise import Reading, readings
from moderation.classifiers.text.remembered import Remembered
from moderation.classifiers.text.windows import LONGEST_TEXT, partly_read
from moderation.settings import Settings
from moderation.signals import SelfHarmAspect, Signal, TextSpan

#: From this probability on, the reason is shown and every part has its own signal.
SHOWN_FROM = 0.3
#: Characters of a turn that is pointed at whole: no longer than a sentence of another text.
_SHORT_TURN = 100
#: Texts whose scores are remembered; about 600 bytes each.
_REMEMBERED = 20_000

#: A disguised text's reading must be at least this probable to raise a score.
READING_FROM = 0.5


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text as it is given to the model."""

    text: str
    language: str  #: without script or region
    may_end: bool  #: by the first stage

    @property
    def key(self) -> tuple[bytes, str, bool]:
        """All that its score depends on, beside the model."""
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=16)
        return digest.digest(), self.language, self.may_end


@dataclass(frozen=True, slots=True)
class _Scored:
    """What the model says about a text and its readings."""

    score: ScoredText  #: of the text as written
    best: Floats  #: with readings, per output
    raised: dict[int, Reading]  #: outputs that a reading raised


@dataclass(frozen=True, slots=True)
class _Part:
    """One text with its scores."""

    text: LocatedText
    scored: _Scored


class TextClassifier:
    """Scores every text of an item; per category the strongest part always has a signal, and
    every other part has one from `SHOWN_FROM` on.

    Args:
        model: the trained model.
        name: stored with every signal.
    """

    def __init__(self, model: TextModel, name: str = "text") -> None:
        self._model = model
        self.name = name
        self.version = model.version
        self._calibration = model.description.calibration.version
        self._remembered: Remembered[tuple[bytes, str, bool], _Scored] = Remembered(_REMEMBERED)
        self._columns = [
            (i, output) for i, output in enumerate(model.outputs) if output != ENCOURAGEMENT
        ]
        self.categories = frozenset(output for _, output in self._columns)
        self._encouragement = (
            model.outputs.index(ENCOURAGEMENT) if ENCOURAGEMENT in model.outputs else None
        )

    @classmethod
    def from_settings(cls, settings: Settings, folder: Path | None = None) -> TextClassifier:
        """The shipped model, or the one in ``folder``.

        Raises:
            ModelUnavailable: a file is missing, truncated or of another version.
        """
        return cls(
            TextModel(
                folder or MODELS_FOLDER / "base",
                settings.model_cache,
                settings.threads,
                runtime=settings.text_runtime,
                cascade=settings.text_cascade,
            )
        )

    @property
    def model(self) -> TextModel:
        """The model behind the signals."""
        return self._model

    @property
    def runs_on(self) -> Mapping[str, Any]:
        """Which runtime computes and what was measured, for operators."""
        stage = self._model.first_stage
        return self._model.runtime.described() | {"cascade": stage.version if stage else "off"}

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`; all texts of all items are scored together.

        Which words carry a score is told on demand, see `explain`.
        """
        texts = [(i, text) for i, entry in enumerate(batch) for text in entry.texts if text.text]
        by_item: list[list[_Part]] = [[] for _ in batch]
        for (i, text), scored in zip(
            texts, self._read_and_score([_asked(text) for _, text in texts]), strict=True
        ):
            by_item[i].append(_Part(text, scored))
        return [self._signals(parts) for parts in by_item]

    def explain(
        self, batch: Sequence[Prepared], signals: Sequence[Sequence[Signal]]
    ) -> list[list[Signal]]:
        """See `Explains.explain`: adds to each shown signal the words that carry it."""
        return [self._explained(entry, own) for entry, own in zip(batch, signals, strict=True)]

    def _explained(self, entry: Prepared, signals: Sequence[Signal]) -> list[Signal]:
        columns = {category: column for column, category in self._columns}
        whole = _told_whole(entry, signals)
        wanted: dict[LocatedText, dict[int, int]] = {}
        spans: dict[int, tuple[TextSpan, ...]] = {}
        for index, signal in enumerate(signals):
            if signal.model != self.name or signal.category not in columns:
                continue
            if signal.probability < SHOWN_FROM or _has_span(signal):
                continue
            if index in whole:
                spans[index] = whole[index]
                continue
            column = columns[signal.category]
            text = self._text_of(entry, signal, column)
            if text is not None:
                wanted.setdefault(text, {})[column] = index
        for text, places in wanted.items():
            located = self._located(text, list(places))
            spans |= {places[column]: found for column, found in located.items()}
        result = list(signals)
        for index, found in spans.items():
            evidence = (*found, *result[index].evidence)
            result[index] = result[index].model_copy(update={"evidence": evidence})
        return result

    def _text_of(self, entry: Prepared, signal: Signal, column: int) -> LocatedText | None:
        """The text that got the signal; a part may hold several."""
        box = place_of(signal)
        texts = [t for t in entry.texts if t.text and t.part == signal.part and t.box == box]
        if len(texts) < 2:
            return texts[0] if texts else None
        scored = self._read_and_score([_asked(text) for text in texts])
        return min(
            zip(texts, scored, strict=True),
            key=lambda pair: abs(float(pair[1].best[column]) - signal.probability),
        )[0]

    def _located(self, text: LocatedText, columns: list[int]) -> dict[int, tuple[TextSpan, ...]]:
        asked = _asked(text)
        (scored,) = self._read_and_score([asked])
        by_window: dict[tuple[int, int], list[int]] = {}
        for column in columns:
            by_window.setdefault(scored.score.span_of(column), []).append(column)

        def probabilities(texts: list[str]) -> Floats:
            found = self._read_and_score([_Asked(t, asked.language, False) for t in texts])
            return np.stack([each.best for each in found])

        spans: dict[int, tuple[TextSpan, ...]] = {}
        for window, own in by_window.items():
            spans |= locate(probabilities, text.text, window, own)
        return spans

    def _read_and_score(self, texts: Sequence[_Asked]) -> list[_Scored]:
        """Score each text and its readings; what was scored lately is remembered."""
        keys = [text.key for text in texts]
        known = self._remembered.known(keys)
        new = {k: text for k, text in zip(keys, texts, strict=True) if k not in known}
        if new:
            found = dict(zip(new, self._score(list(new.values())), strict=True))
            self._remembered.remember(found)
            known |= found
        return [known[key] for key in keys]

    def _score(self, texts: Sequence[_Asked]) -> list[_Scored]:
        """A reading may raise an output where the model finds the reading itself more likely
        harmful than not. A text that can be read otherwise is never ended by the first stage."""
        read = [readings(text.text, text.language) for text in texts]
        flat = [(reading.text, i) for i, own in enumerate(read) for reading in own]
        scores = self._model.score(
            [text.text for text in texts] + [text for text, _ in flat],
            [text.language for text in texts] + [texts[i].language for _, i in flat],
            may_end=[t.may_end and not own for t, own in zip(texts, read, strict=True)]
            + [False] * len(flat),
        )
        results: list[_Scored] = []
        at = len(texts)
        for score, own in zip(scores, read, strict=False):
            best = score.best.copy()
            raised: dict[int, Reading] = {}
            for reading in own:
                for column, _ in self._columns:
                    probability = scores[at].best[column]
                    if probability >= READING_FROM and probability > best[column]:
                        best[column] = probability
                        raised[column] = reading
                at += 1
            results.append(_Scored(score, best, raised))
        return results

    def _signals(self, parts: list[_Part]) -> list[Signal]:
        if not parts:
            return []
        signals = [partly_read(self, p.text) for p in parts if len(p.text.text) > LONGEST_TEXT]
        strongest = np.stack([part.scored.best for part in parts]).argmax(axis=0)
        for position, part in enumerate(parts):
            for column, category in self._columns:
                if strongest[column] == position or part.scored.best[column] >= SHOWN_FROM:
                    signals.append(self._signal(part, column, category))
        return signals

    def _signal(self, part: _Part, column: int, category: str) -> Signal:
        scored = part.scored
        probability = float(scored.best[column])
        reading = scored.raised.get(column)
        box = part.text.box
        return Signal(
            name=f"{self.name}.{category}",
            category=category,
            probability=probability,
            part=part.text.part,
            evidence=(box,) if box is not None and probability >= SHOWN_FROM else (),
            model=self.name,
            model_version=self.version,
            calibration_version=self._calibration,
            aspect=self._aspect(category, scored.score),
            note=reading.note if reading else "",
        )

    def _aspect(self, category: str, score: ScoredText) -> str | None:
        if category != "self_harm" or self._encouragement is None:
            return None
        encouraged = float(score.best[self._encouragement]) >= 0.5
        return SelfHarmAspect.ENCOURAGEMENT if encouraged else SelfHarmAspect.DISTRESS


def _asked(text: LocatedText) -> _Asked:
    """Turns are read whole, since what judges a conversation needs all that the network says."""
    turn = text.part.startswith("turn:")
    return _Asked(text.text, _base(text.language), may_end=not turn)


def _told_whole(entry: Prepared, signals: Sequence[Signal]) -> dict[int, tuple[TextSpan, ...]]:
    """Index of a signal → the whole turn, where no words are looked for in it.

    A short turn is its own evidence, and of long ones only the strongest of a category is looked
    into: so that explaining a conversation costs less than reading it.
    """
    turns = {text.part: text.text for text in entry.texts if text.part.startswith("turn:")}
    strongest: dict[str | None, float] = {}
    for signal in signals:
        if signal.part in turns:
            strongest[signal.category] = max(
                strongest.get(signal.category, 0.0), signal.probability
            )
    return {
        index: (span(turns[signal.part], 0, len(turns[signal.part])),)
        for index, signal in enumerate(signals)
        if signal.part in turns
        and (
            len(turns[signal.part]) <= _SHORT_TURN
            or signal.probability < strongest[signal.category]
        )
    }


def _has_span(signal: Signal) -> bool:
    return any(isinstance(evidence, TextSpan) for evidence in signal.evidence)


def _base(language: str) -> str:
    """``zh-Hant`` → ``zh``: calibration is by language."""
    return language.split("-")[0].lower()
