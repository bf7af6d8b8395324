"""New turns of many rooms through the models together, one pass at a time.

Two passes at once on two cores get in each other's way; one pass over what both wanted does not. A
lone caller waits for nobody.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from moderation.classifiers.conversation import ConversationClassifier, ReadTurn
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.items import Turn


class _Waiting:
    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = turns
        self.reads: list[ReadTurn] | None = None


class TurnReader:
    """Reads turns for any number of threads."""

    def __init__(self, classifier: ConversationClassifier) -> None:
        self._classifier = classifier
        self._languages = LanguageIdentifier()
        self._waiting: list[_Waiting] = []
        self._guard, self._models = threading.Lock(), threading.Lock()

    def read(self, turns: Sequence[Turn]) -> list[ReadTurn]:
        """What the models make of each turn by itself."""
        if not turns:
            return []
        own = _Waiting(turns)
        with self._guard:
            self._waiting.append(own)
        with self._models:
            if own.reads is None:
                with self._guard:
                    together, self._waiting = self._waiting, []
                self._read_together(together)
        # Not read: somebody else's turns failed together with these; alone they fail or succeed.
        return own.reads if own.reads is not None else self._read(turns)

    def _read_together(self, together: Sequence[_Waiting]) -> None:
        try:
            reads = self._read([turn for waiting in together for turn in waiting.turns])
        except Exception:
            if len(together) == 1:
                raise
            return
        at = 0
        for waiting in together:
            waiting.reads = reads[at : at + len(waiting.turns)]
            at += len(waiting.turns)

    def _read(self, turns: Sequence[Turn]) -> list[ReadTurn]:
        return self._classifier.read(turns, self._tags(turns))

    def _tags(self, turns: Sequence[Turn]) -> list[str]:
        unsaid = [turn.text for turn in turns if not turn.language]
        found = iter(self._languages.identify(unsaid))
        return [turn.language or next(found) for turn in turns]

    def languages_of(self, turns: Sequence[Turn]) -> list[str]:
        """The languages of these turns, the one with most characters first; without `und`."""
        weights: Counter[str] = Counter()
        for turn, tag in zip(turns, self._tags(turns), strict=True):
            weights[tag] += len(turn.text)
        return [tag for tag, _ in weights.most_common() if tag != "und"]
