"""The conversation classifier: turns in, signals about the conversation as a whole out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from moderation.classifiers.base import Prepared
from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.classifiers.conversation.minor_risk import RestrictedLexicon
from moderation.classifiers.conversation.model import FOLDER, ConversationModel
from moderation.classifiers.conversation.state import ConversationState, ReadTurn
from moderation.classifiers.conversation.transcript import (
    Transcript,
    in_order,
    transcript_of,
)
from moderation.classifiers.text.contacts import find_contacts
from moderation.classifiers.text.reading import ReadingModel, reading_model
from moderation.items import Participant, Turn
from moderation.settings import Settings
from moderation.signals import Signal, TurnRange

#: Characters of a turn in which contacts are looked for.
_HEAD = 20_000
#: Most evidence ranges of one signal.
_MOST_RANGES = 8
#: Categories whose score is what the conversation says, not its worst turn read alone: two by a
#: head over all turns, two by their worst turn in context.
BY_HEAD = frozenset({"fraud_phishing", "offplatform_luring"})
BY_TURN = frozenset({"harassment", "toxicity"})
#: From this probability on, a turn in context is shown, the strongest so many of a category.
_SHOWN_FROM, _MOST_TURNS = 0.3, 32


class ConversationClassifier:
    """Scores conversations; items without turns get no signals.

    Args:
        reader: the text model that reads the turns.
        model: marks and heads learnt on that text model.
        lexicon: restricted terms from outside.
    """

    name = "conversation"
    categories = frozenset(
        {
            "fraud_phishing",
            "pig_butchering",
            "offplatform_luring",
            "harassment",
            "toxicity",
            "raid_brigading",
            "self_harm",
            "grooming",
        }
    )

    #: See `moderation.classifiers.base`.
    over_turns = BY_HEAD | BY_TURN

    def __init__(
        self,
        reader: ReadingModel,
        model: ConversationModel,
        lexicon: RestrictedLexicon | None = None,
    ) -> None:
        self.reader = reader
        self.model = model
        self._lexicon = lexicon or RestrictedLexicon()

    @classmethod
    def from_settings(
        cls, settings: Settings, folder: Path | None = None
    ) -> ConversationClassifier:
        """The shipped model, or the one in ``folder``.

        Raises:
            ModelUnavailable: a file is missing, damaged, or learnt on another text model.
        """
        reader = reading_model(settings)
        model = ConversationModel(folder or FOLDER, reader.weights_sha256)
        return cls(reader, model, RestrictedLexicon.from_file(settings.restricted_lexicon))

    @property
    def version(self) -> str:
        """See `Classifier.version`."""
        runtime = self.reader.runtime
        return self.model.version if runtime.exact else f"{self.model.version}+{runtime.name}"

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`; all turns of all items are read together."""
        transcripts = [transcript_of(entry.item) if entry.item.turns else None for entry in batch]
        languages = [
            {text.part: text.language for text in entry.texts if text.part.startswith("turn:")}
            for entry in batch
        ]
        flat: list[tuple[Turn, str]] = []
        for entry, own in zip(batch, languages, strict=True):
            flat += [
                (entry.item.turns[i], own.get(f"turn:{i}", "und"))
                for i in in_order(entry.item.turns)
            ]
        reads = iter(self.read([t for t, _ in flat], [language for _, language in flat]))
        signals: list[list[Signal]] = []
        for entry, transcript in zip(batch, transcripts, strict=True):
            if transcript is None:
                signals.append([])
                continue
            places = in_order(entry.item.turns)
            state = ConversationState()
            people, minor = transcript.participants, transcript.has_minor
            turns = [self.add(state, next(reads), people) for _ in transcript.turns]
            found = [
                self.signal(finding, places) for finding in self.findings(state, has_minor=minor)
            ]
            signals.append(found + self._in_context(turns, places))
        return signals

    def read(self, turns: Sequence[Turn], languages: Sequence[str]) -> list[ReadTurn]:
        """What the models make of each turn by itself; one pass of the text model."""
        readings = self.reader.read(
            [turn.text for turn in turns], [language.split("-")[0] for language in languages]
        )
        found = []
        for turn, language, reading in zip(turns, languages, readings, strict=True):
            own, lent = self.model.marks.of_turn(reading)
            scores = {
                name: float(p)
                for name, p in zip(self.reader.outputs, reading.probabilities, strict=True)
            }
            contacts = find_contacts(turn.text[:_HEAD], language)
            kinds = tuple(dict.fromkeys(contact.kind for contact in contacts))
            found.append(ReadTurn(turn, scores, own, lent, kinds))
        return found

    def follow(self, transcript: Transcript, reads: Sequence[ReadTurn]) -> ConversationState:
        """The state after the last turn."""
        state = ConversationState()
        for read in reads:
            self.add(state, read, transcript.participants)
        return state

    def add(
        self, state: ConversationState, read: ReadTurn, participants: Mapping[str, Participant]
    ) -> Heard:
        """Add the next turn to a state."""
        return state.add(read, participants, self._lexicon, self.model.description.in_context)

    def findings(self, state: ConversationState, *, has_minor: bool = False) -> list[Finding]:
        """What is said about the conversation as far as it has come.

        Args:
            has_minor: a participant is declared a minor, whether or not they have spoken.
        """
        return state.findings(self.model, has_minor=has_minor)

    def _in_context(self, turns: Sequence[Heard], places: Sequence[int]) -> list[Signal]:
        """The worst turns where they stand, per category of `BY_TURN`; the worst one always."""
        signals = []
        for category in sorted(BY_TURN):
            worst = sorted(turns, key=lambda turn: -turn.in_context[category])[:_MOST_TURNS]
            signals += [
                self.turn_signal(
                    category, turn.in_context[category], places[turn.index], turn.target
                )
                for rank, turn in enumerate(worst)
                if not rank or turn.in_context[category] >= _SHOWN_FROM
            ]
        return signals

    def turn_signal(
        self, category: str, probability: float, index: int, target: str | None
    ) -> Signal:
        """A turn where it stands; ``index`` is its place among the item's turns."""
        aimed = f"aimed at {target}" if target and probability >= _SHOWN_FROM else ""
        return Signal(
            name=f"conversation.turn.{category}",
            category=category,
            probability=probability,
            part=f"turn:{index}",
            evidence=(TurnRange(first=index, last=index),),
            model=self.name,
            model_version=self.version,
            calibration_version=self.model.description.calibration_version,
            note=aimed[:2000],
        )

    def signal(self, finding: Finding, places: Sequence[int] | None = None) -> Signal:
        """A finding as a signal.

        Args:
            places: position in the conversation → index into the item's turns; None: the same.
        """
        ranges = [
            TurnRange(first=first, last=last)
            for first, last in (_placed(found, places) for found in finding.ranges[:_MOST_RANGES])
        ]
        return Signal(
            name=finding.name,
            category=finding.category,
            probability=finding.probability,
            part="item",
            evidence=tuple(ranges),
            model=self.name,
            model_version=self.version,
            calibration_version=(
                self.model.description.calibration_version if finding.calibrated else ""
            ),
            aspect=finding.aspect,
            note=finding.note[:2000],
        )


def _placed(found: tuple[int, int], places: Sequence[int] | None) -> tuple[int, int]:
    if places is None:
        return found
    inside = places[found[0] : found[1] + 1]
    return min(inside), max(inside)
