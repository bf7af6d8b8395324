"""The shipped text model and its tokenizer, loaded once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.classifiers.text import TextClassifier
from moderation.classifiers.text.encoder import encoder_folder, load_tokenizer
from moderation.classifiers.text.tokenizer import Tokenizer
from moderation.settings import Settings


@pytest.fixture(scope="session")
def encoder() -> Path:
    """The converted encoder, built on first use and kept in the user's cache."""
    return encoder_folder(Settings().model_cache)


@pytest.fixture(scope="session")
def tokenizer(encoder: Path) -> Tokenizer:
    return load_tokenizer(encoder)


@pytest.fixture(scope="session")
def text_classifier() -> TextClassifier:
    return TextClassifier.from_settings(Settings())
