"""What a translator is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from moderation.errors import ModerationError


class TranslationUnavailable(ModerationError):
    """No translation can be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A machine translation. Unverified: it may say the opposite of what was written."""

    text: str
    model: str  #: by whom it was made, for the reviewer
    is_partial: bool = False  #: whether the text was longer than what is translated


@runtime_checkable
class Translator(Protocol):
    """Texts in, texts in the reviewers' language out."""

    @property
    def name(self) -> str:
        """The model, as shown beside every translation."""

    def translates(self, language: str) -> bool:
        """Whether there is a model for texts in this language (ISO 639)."""

    def translate(self, text: str, language: str) -> Translation:
        """One text.

        Raises:
            TranslationUnavailable: no model for the language, or it cannot be loaded.
        """
