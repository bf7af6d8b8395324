"""Helps reviewers with texts in languages that they do not read.

A word gloss (`ChineseGloss`) says what single words can mean; it is made at once, needs no model
and is no translation. A `Translator` gives whole sentences; `MarianTranslator` is one. What either
says is for a person's eyes: no score and no rule ever rests on it.
"""

from moderation.translation.gloss import ChineseGloss, GlossedWord
from moderation.translation.marian import MarianTranslator
from moderation.translation.translator import Translation, TranslationUnavailable, Translator

__all__ = [
    "ChineseGloss",
    "GlossedWord",
    "MarianTranslator",
    "Translation",
    "TranslationUnavailable",
    "Translator",
]
