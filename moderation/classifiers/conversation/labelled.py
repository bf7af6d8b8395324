"""Labelled conversations: the seed file of the package, and two-party transcripts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.classifiers.conversation.marks import COLUMNS, IN_CONTEXT, MARK_NAMES, MARKS
from moderation.classifiers.conversation.transcript import Transcript
from moderation.classifiers.text.calibration import Floats
from moderation.items import Participant, Surface, Turn

#: 373 invented conversations in 19 languages: harm of many kinds and its harmless twins (CC0).
SEED = Path(__file__).resolve().parents[2] / "seed" / "conversations.jsonl"

_SURFACES = {
    "direct_message": Surface.DIRECT_MESSAGE,
    "marketplace_chat": Surface.DIRECT_MESSAGE,
    "live_room": Surface.LIVE_CHAT,
    "comment_thread": Surface.COMMENT,
}
_MARK_OF_STAGE = {stage: mark for mark, stages in MARKS.items() for stage in stages}
_SPEAKER = re.compile(r"(?m)^([A-Z])[:：]\s*")


@dataclass(frozen=True)
class Labelled:
    """A conversation, and what it is."""

    id: str
    language: str
    transcript: Transcript
    labels: frozenset[str]  #: of the conversation as a whole; empty: harmless
    twin: bool  #: harmless, and looks like harm
    idea: str  #: conversations of one idea stay on one side of a split
    money: int | None  #: first turn of payment or fee, from 0
    stages: tuple[tuple[str, int, int], ...]  #: name, first, last turn, from 0
    turn_labels: tuple[frozenset[str], ...] = ()
    targets: tuple[str | None, ...] = ()
    weight: float = 1.0
    has_marks: bool = True

    @property
    def is_scam(self) -> bool:
        """Whether somebody is being defrauded."""
        return "fraud" in self.labels

    def marks(self) -> Floats:
        """(turns, marks): 1 where a turn belongs to a stage of that mark."""
        found = np.zeros((len(self.transcript.turns), len(MARK_NAMES)), np.float32)
        for name, first, last in self.stages:
            mark = _MARK_OF_STAGE.get(name)
            if mark is not None:
                found[first : last + 1, MARK_NAMES.index(mark)] = 1
        return found

    def columns(self) -> Floats:
        """(turns, COLUMNS): marks, and 1 where a turn has the label of a category in context."""
        found = np.zeros((len(self.transcript.turns), COLUMNS), np.float32)
        found[:, : len(MARK_NAMES)] = self.marks()
        for column, label in enumerate(IN_CONTEXT.values(), start=len(MARK_NAMES)):
            found[:, column] = [label in labels for labels in self.turn_labels]
        return found


def seed_conversations(path: Path = SEED) -> list[Labelled]:
    """The package's own conversations."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_of_row(json.loads(line)) for line in lines if line.strip()]


def _of_row(row: dict[str, Any]) -> Labelled:
    participants = {
        p["id"]: Participant(
            id=p["id"],
            role=p["role"],
            account_age_days=p["account_age_days"],
            age=p["age_bracket"],
        )
        for p in row["participants"]
    }
    turns = tuple(
        Turn(id=str(t["n"]), speaker=t["speaker"], text=t["text"], seconds=t["t"])
        for t in row["turns"]
    )
    stages = tuple((s["name"], s["from"] - 1, s["to"] - 1) for s in row["stages"])
    money = [a for name, a, _ in stages if _MARK_OF_STAGE.get(name) in {"payment", "fee"}]
    labels = frozenset(row["conversation_labels"])
    idea = "|".join([row["surface"], *sorted(labels), *(name for name, _, _ in stages[:4])])
    return Labelled(
        id=row["id"],
        language=row["lang"],
        transcript=Transcript(turns, participants, _SURFACES[row["surface"]]),
        labels=labels,
        twin=row["twin"],
        idea=idea if labels else row["id"],
        money=min(money) if money else None,
        stages=stages,
        turn_labels=tuple(frozenset(t["labels"]) for t in row["turns"]),
        targets=tuple(t["target"] for t in row["turns"]),
    )


def two_party_transcripts(
    rows: Iterable[tuple[str, str, bool]], language: str, weight: float = 1.0
) -> list[Labelled]:
    """Transcripts written as lines ``A: …`` and ``B: …``: (id, text, whether it is fraud)."""
    found = []
    for name, text, is_fraud in rows:
        parts = _SPEAKER.split(text)
        said = [
            (parts[i], parts[i + 1].strip())
            for i in range(1, len(parts) - 1, 2)
            if parts[i + 1].strip()
        ]
        if len(said) < 2:
            continue
        turns = tuple(
            Turn(id=str(n), speaker=speaker, text=line) for n, (speaker, line) in enumerate(said)
        )
        labels = frozenset({"fraud"}) if is_fraud else frozenset()
        found.append(
            Labelled(
                id=name,
                language=language,
                transcript=Transcript(turns, {}, Surface.LIVE_TRANSCRIPT),
                labels=labels,
                twin=False,
                idea=name,
                money=None,
                stages=(),
                weight=weight,
                has_marks=False,
            )
        )
    return found


def fold_of(name: str, folds: int) -> int:
    """A fold that depends on the name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % folds
