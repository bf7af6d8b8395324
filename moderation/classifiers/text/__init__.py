"""Text classifiers: the shipped multilingual model, any Hugging Face model, contact tokens."""

from __future__ import annotations
