"""Conversations scored as what they are: over their turns, not by their worst sentence.

`ConversationClassifier` takes part in screening like any classifier. Live rooms use its parts:
`read` a turn once, `add` it to a `ConversationState`, ask for the `findings`.
"""

from __future__ import annotations

from moderation.classifiers.base import Classifier
from moderation.classifiers.conversation.classifier import ConversationClassifier
from moderation.classifiers.conversation.state import (
    ConversationState,
    ReadTurn,
    as_json,
    from_json,
)
from moderation.classifiers.conversation.transcript import Transcript, transcript_of
from moderation.items import Participant
from moderation.settings import Settings

__all__ = [
    "ConversationClassifier",
    "ConversationState",
    "Participant",
    "ReadTurn",
    "Transcript",
    "as_json",
    "conversation",
    "from_json",
    "transcript_of",
]


def conversation(settings: Settings) -> Classifier:
    """The conversation classifier in force."""
    return ConversationClassifier.from_settings(settings)
