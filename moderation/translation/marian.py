"""Translation by MarianMT models (Junczys-Dowmunt et al. 2018), such as those of OPUS-MT.

A model is named per source language, by local folder or hub name. As with every foreign model,
weights are read from safetensors only and no code of a repository is run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moderation.classifiers.text.windows import readable
from moderation.settings import Settings
from moderation.translation.translator import Translation, TranslationUnavailable

#: Key of the model for every language without one of its own.
ANY_LANGUAGE = "*"
#: Characters translated of one text, and of one sentence; more would keep a reviewer waiting.
LONGEST, _SENTENCE = 2_000, 300
_ENDS = re.compile(r"(?<=[.!?…。！？；\n])\s*")


class MarianTranslator:
    """Loads each model when it is first needed and keeps it. Safe to use from threads.

    Args:
        models: source language (ISO 639, or `ANY_LANGUAGE`) → local folder or hub name.
    """

    def __init__(self, models: Mapping[str, str]) -> None:
        self._models = dict(models)
        self._loaded: dict[str, tuple[Any, Any]] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> MarianTranslator:
        """With the models of `settings.translation_models`; none if that is empty."""
        return cls(settings.translation_models)

    @property
    def name(self) -> str:
        """All models by name."""
        return ", ".join(dict.fromkeys(self._models.values()))

    def translates(self, language: str) -> bool:
        """Whether a model is named for the language."""
        return self._source(language) is not None

    def translate(self, text: str, language: str) -> Translation:
        """One text, sentence by sentence, its first `LONGEST` characters.

        Raises:
            TranslationUnavailable: no model is named for the language, or it cannot be loaded.
        """
        source = self._source(language)
        if source is None:
            raise TranslationUnavailable(
                f"no translation model is named for {language!r}; set "
                'MODERATION_TRANSLATION_MODELS, for example {"zh": "Helsinki-NLP/opus-mt-zh-en"}'
            )
        sentences = _sentences(readable(text[:LONGEST]))
        with self._lock:
            if source not in self._loaded:
                self._loaded[source] = _load(source)
            translated = _run(*self._loaded[source], sentences) if sentences else []
        return Translation(" ".join(translated), Path(source).name, len(text) > LONGEST)

    def _source(self, language: str) -> str | None:
        base = language.partition("-")[0].lower()
        return self._models.get(base) or self._models.get(ANY_LANGUAGE)


def _sentences(text: str) -> list[str]:
    pieces: list[str] = []
    for sentence in _ENDS.split(text):
        stripped = sentence.strip()
        pieces += [stripped[i : i + _SENTENCE] for i in range(0, len(stripped), _SENTENCE)]
    return pieces


def _load(source: str) -> tuple[Any, Any]:
    # Imported here: transformers takes seconds, and most processes never translate.
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    try:
        tokenizer = MarianTokenizer.from_pretrained(source)
        model: Any = MarianMTModel.from_pretrained(
            source, use_safetensors=True, dtype=torch.float32
        )
    except Exception as error:
        raise TranslationUnavailable(
            f"the translation model {source!r} cannot be loaded ({type(error).__name__}: "
            f"{str(error)[:200]}); name a folder or hub repository that holds a MarianMT model "
            "with safetensors weights, source.spm, target.spm and vocab.json"
        ) from error
    return tokenizer, model.eval().requires_grad_(False)


def _run(tokenizer: Any, model: Any, sentences: list[str]) -> list[str]:
    import torch

    limit = int(model.config.max_position_embeddings)
    given = tokenizer(
        sentences, return_tensors="pt", padding=True, truncation=True, max_length=limit
    )
    room = min(limit, 2 * int(given["input_ids"].shape[1]) + 16)
    with torch.inference_mode():
        answer = model.generate(
            **given, num_beams=2, max_new_tokens=room, max_length=None, no_repeat_ngram_size=6
        )
    decoded: list[str] = tokenizer.batch_decode(answer, skip_special_tokens=True)
    return decoded
