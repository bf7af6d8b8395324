"""Text classifiers: the shipped multilingual model, any Hugging Face model, contact tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moderation.classifiers.base import Classifier
from moderation.classifiers.text.contacts import ContactTokens
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.settings import Settings

if TYPE_CHECKING:
    from moderation.classifiers.text.classifier import TextClassifier

__all__ = ["ContactTokens", "LanguageIdentifier", "TextClassifier", "contacts", "text"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: torch takes seconds, and most commands do without the model.
    if name == "TextClassifier":
        from moderation.classifiers.text.classifier import TextClassifier

        return TextClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def text(settings: Settings) -> Classifier:
    """The text classifier in force: the shipped model, or the one that the settings name; with a
    second opinion, if they name one."""
    first = _first(settings)
    if not settings.text_second_model:
        return first
    from moderation.classifiers.text.second_opinion import SecondOpinion

    return SecondOpinion.from_settings(first, settings)


def _first(settings: Settings) -> Classifier:
    if settings.text_model:
        # Imported here: transformers takes seconds, and the shipped model does not need it.
        from moderation.classifiers.text.huggingface import HuggingFaceClassifier

        return HuggingFaceClassifier.from_settings(settings)
    from moderation.classifiers.text.classifier import TextClassifier
    from moderation.classifiers.text.reading import reading_model

    if "conversation" in settings.classifiers:
        # One model for both: what it has read as a turn is not computed again.
        return TextClassifier(reading_model(settings))
    return TextClassifier.from_settings(settings)


def contacts(settings: Settings) -> Classifier:
    """Contact tokens and personal data, told by rules."""
    return ContactTokens.from_settings(settings)
