"""The conversation classifier: turns in, signals about the conversation as a whole out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from moderation.classifiers.base import Prepared
from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.classifiers.conversation.minor_risk import RestrictedLexicon
from moderation.classifiers.conversation.model import FOLDER, ConversationModel
from moderation.classifiers.conversation.reading import ReadingModel, reading_model
from moderation.classifiers.conversation.state import ConversationState, ReadTurn
from moderation.classifiers.conversation.transcript import (
    Participant,
    Transcript,
    in_order,
    transcript_of,
)
from moderation.classifiers.text.contacts import find_contacts
from moderation.items import Turn
from moderation.settings import Settings
from moderation.signals import Signal, TurnRange

#: Environment variable that names a file of restricted terms, see `minor_risk`.
RESTRICTED_LEXICON = "MODERATION_RESTRICTED_LEXICON"
#: Characters of a turn in which contacts are looked for.
_HEAD = 20_000
#: Most evidence ranges of one signal.
_MOST_RANGES = 8


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
            "raid_brigading",
            "self_harm",
            "grooming",
        }
    )

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
        named = os.environ.get(RESTRICTED_LEXICON, "")
        return cls(reader, model, RestrictedLexicon.from_file(Path(named) if named else None))

    @property
    def version(self) -> str:
        """See `Classifier.version`."""
        return self.model.version

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
            own_reads = [next(reads) for _ in transcript.turns]
            state = self.follow(transcript, own_reads)
            places = in_order(entry.item.turns)
            found = state.findings(self.model, transcript.participants)
            signals.append([self.signal(finding, places) for finding in found])
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
        return state.add(read, participants, self._lexicon)

    def signal(self, finding: Finding, places: Sequence[int]) -> Signal:
        """A finding as a signal.

        Args:
            places: position in the conversation → index into the item's turns.
        """
        ranges = []
        for first, last in finding.ranges[:_MOST_RANGES]:
            inside = [places[i] for i in range(first, min(last, len(places) - 1) + 1)]
            if inside:
                ranges.append(TurnRange(first=min(inside), last=max(inside)))
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
