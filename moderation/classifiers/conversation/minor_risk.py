"""Adult-to-minor risk: an adult (or an account of unknown age) probes a minor's age, offers a gift,
asks for secrecy, moves the chat elsewhere.

It speaks only where the platform has *declared* a minor among the participants; no age is guessed
from language. The patterns are generic and learnt from invented, non-sexual conversations; the
repository holds no list of code words. Who has a restricted lexicon may name a file of terms (one
a line) outside the repository by the setting `restricted_lexicon`; a hit counts like a strong
mark, and which term it was is neither stored nor logged.

The number is a hand-set logistic of the strongest marks of one adult, for few examples exist: it
orders conversations for specialists and is no frequency. Another adult who takes part openly (a
parent in the chat) halves it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from moderation.classifiers.conversation.heard import Finding, Heard
from moderation.classifiers.conversation.transcript import MINORS
from moderation.errors import ModelUnavailable
from moderation.items import AgeBracket

#: Marks, and what the strongest turn of each adds to the log odds.
_WEIGHTS = {"secrecy": 3.0, "move": 2.0, "age_probe": 1.5, "gift": 1.0, "lexicon": 4.0}
_BASE = -3.6
_UNKNOWN_AGE = 0.8
_SEEN_FROM = 0.5
_SHOWN_FROM = 0.2
_MOST = 16


class Approach(BaseModel):
    """What one adult has done so far."""

    model_config = ConfigDict(extra="forbid")

    strongest: dict[str, float] = Field(default_factory=dict)
    first: int = -1
    last: int = -1
    declared_adult: bool = False


class MinorRisk(BaseModel):
    """Adult → approach; minors present."""

    model_config = ConfigDict(extra="forbid")

    approaches: dict[str, Approach] = Field(default_factory=dict)
    has_minor: bool = False

    def add(self, turn: Heard, lexicon: RestrictedLexicon) -> None:
        """One more turn."""
        if turn.age in MINORS:
            self.has_minor = True
            return
        approach = self.approaches.pop(turn.speaker, None) or Approach()
        approach.declared_adult = turn.age is AgeBracket.FROM_18
        luring = turn.scores.get("offplatform_luring", 0.0)
        contact = 0.5 if turn.contacts else 0.0
        seen = {
            "secrecy": turn.mark("secrecy"),
            "move": max(turn.mark("move"), luring, contact),
            "age_probe": turn.mark("age_probe"),
            "gift": turn.mark("gift"),
            "lexicon": 1.0 if lexicon.is_in(turn.text) else 0.0,
        }
        for name, strength in seen.items():
            approach.strongest[name] = max(approach.strongest.get(name, 0.0), strength)
        if max(seen.values()) >= _SEEN_FROM:
            approach.first = turn.index if approach.first < 0 else approach.first
            approach.last = turn.index
        self.approaches[turn.speaker] = approach
        while len(self.approaches) > _MOST:
            del self.approaches[next(iter(self.approaches))]

    def findings(self, has_minor: bool) -> list[Finding]:
        """At most one, for the adult with the most of it.

        Args:
            has_minor: a participant is declared a minor, whether or not they have spoken.
        """
        if not (has_minor or self.has_minor):
            return []
        best: tuple[float, Approach] | None = None
        for name, approach in self.approaches.items():
            company = any(other.declared_adult for n, other in self.approaches.items() if n != name)
            probability = _probability(approach) * (0.5 if company else 1.0)
            if best is None or probability > best[0]:
                best = (probability, approach)
        if best is None or best[0] < _SHOWN_FROM or best[1].first < 0:
            return []
        signs = [n for n, strength in best[1].strongest.items() if strength >= _SEEN_FROM]
        note = "towards a minor: " + ", ".join(sign.replace("_", " ") for sign in signs)
        ranges = ((best[1].first, best[1].last),)
        return [Finding("conversation.minor_risk", "grooming", best[0], ranges, note)]


class RestrictedLexicon:
    """Terms from outside the repository, matched as substrings of folded text."""

    def __init__(self, terms: Sequence[str] = ()) -> None:
        self._terms = tuple(term.casefold() for term in terms if term.strip())

    @classmethod
    def from_file(cls, path: Path | None) -> RestrictedLexicon:
        """One term a line; lines that begin with # are comments. None: no terms.

        Raises:
            ModelUnavailable: the file cannot be read.
        """
        if path is None:
            return cls()
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelUnavailable(
                f"MODERATION_RESTRICTED_LEXICON: {path} cannot be read ({type(error).__name__})"
            ) from None
        return cls([line.strip() for line in lines if not line.startswith("#")])

    def is_in(self, text: str) -> bool:
        """Whether any term stands in the text."""
        folded = text.casefold()
        return any(term in folded for term in self._terms)


def _probability(approach: Approach) -> float:
    z = _BASE + sum(_WEIGHTS[n] * strength for n, strength in approach.strongest.items())
    share = 1.0 if approach.declared_adult else _UNKNOWN_AGE
    return share / (1 + math.exp(-z))
