"""States of rooms that were stored last, kept at hand: an append need not read its own again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from moderation.classifiers.conversation import ConversationState, from_json

#: Rooms whose state is kept; a state takes a few tens of kilobytes.
_MOST = 512


class RecentStates:
    """The newest state per conversation, each told from an outdated one by the very text that is
    stored, so that other processes, erasures and restarts cannot make it wrong."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, tuple[str, ConversationState]] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, conversation_id: str, stored: str) -> ConversationState:
        """The state that ``stored`` is the text of. It is the caller's alone, who may change it."""
        with self._guard:
            text, state = self._states.pop(conversation_id, ("", None))
        return state if state is not None and text == stored else from_json(stored)

    def keep(self, conversation_id: str, stored: str, state: ConversationState) -> None:
        """Remember the state; the caller changes it no more."""
        with self._guard:
            self._states[conversation_id] = (stored, state)
            self._states.move_to_end(conversation_id)
            while len(self._states) > _MOST:
                self._states.popitem(last=False)
