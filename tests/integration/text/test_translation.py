"""Machine translation by MarianMT: a tiny model, made here, goes the whole way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moderation.settings import Settings
from moderation.translation import MarianTranslator, TranslationUnavailable, Translator
from moderation.translation.marian import LONGEST


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MarianMT model with random weights: what it says means nothing, how it is run does."""
    import sentencepiece
    from transformers import MarianConfig, MarianMTModel

    folder = tmp_path_factory.mktemp("marian") / "tiny-zh-en"
    folder.mkdir()
    words = [f"今天 {a}{b} good day {a}" for a in "天地人" for b in "来去看说"]
    for name in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(words),
            model_prefix=str(folder / name),
            vocab_size=32,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        (folder / f"{name}.model").rename(folder / f"{name}.spm")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "target.spm"))
    vocabulary = ["</s>", "<unk>"]
    vocabulary += [p for i in range(len(pieces)) if (p := pieces.id_to_piece(i))[0] != "<"]
    vocabulary.append("<pad>")
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(vocabulary)}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"source_lang": "zh", "target_lang": "en", "tokenizer_class": "MarianTokenizer"})
    )
    config = MarianConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        pad_token_id=len(vocabulary) - 1,
        eos_token_id=0,
        decoder_start_token_id=len(vocabulary) - 1,
        forced_eos_token_id=0,
    )
    MarianMTModel(config).save_pretrained(folder, safe_serialization=True)
    return folder


def test_a_model_named_by_folder_translates(model: Path) -> None:
    translator = MarianTranslator({"zh": str(model)})
    assert isinstance(translator, Translator)
    found = translator.translate("今天天气很好。我们去看海！", "zh-Hant")
    assert found.model == "tiny-zh-en"
    assert not found.is_partial
    assert found == translator.translate("今天天气很好。我们去看海！", "zh")


@pytest.mark.parametrize("text", ["", " ", "\ud800\0", "\u0301" * 5000, "好" * 5000, "😀" * 500])
def test_any_text_is_survived(model: Path, text: str) -> None:
    found = MarianTranslator({"*": str(model)}).translate(text, "xx")
    assert found.is_partial is (len(text) > LONGEST)


def test_a_language_without_a_model_says_what_to_set(model: Path) -> None:
    translator = MarianTranslator({"zh": str(model)})
    assert not translator.translates("ko")
    with pytest.raises(TranslationUnavailable, match="MODERATION_TRANSLATION_MODELS"):
        translator.translate("안녕", "ko")


def test_a_missing_model_is_named_with_what_to_do(tmp_path: Path) -> None:
    translator = MarianTranslator({"zh": str(tmp_path / "nowhere")})
    with pytest.raises(TranslationUnavailable, match=r"nowhere.*safetensors"):
        translator.translate("你好", "zh")


def test_models_are_named_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_TRANSLATION_MODELS", '{"zh": "a/b", "*": "c/d"}')
    translator = MarianTranslator.from_settings(Settings())
    assert translator.translates("ko")
    assert translator.name == "a/b, c/d"
