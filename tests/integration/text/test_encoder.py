"""The encoder is read from the installed package, built once, and checked at every start."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from moderation.classifiers.text.encoder import (
    check_encoder_folder,
    encoder_folder,
    load_encoder_weights,
)
from moderation.classifiers.text.encoder_file import (
    EncoderFile,
    EncoderFileError,
    installed_encoder_file,
)
from moderation.classifiers.text.network import TextNetwork, pad_batch
from moderation.classifiers.text.tokenizer import BOS, EOS, Tokenizer

TEXTS = ["I love this cat", "我爱这只猫", "Цены на нефть снова упали вчера"]


def test_our_network_is_the_standard_one(encoder: Path, tokenizer: Tokenizer) -> None:
    ids, mask = pad_batch([[BOS, *ids, EOS] for ids in tokenizer.ids_of_all(TEXTS)], 1)
    standard = BertModel.from_pretrained(encoder, add_pooling_layer=False).eval()
    ours = TextNetwork(load_encoder_weights(encoder), 3).eval()
    with torch.no_grad():
        states = standard(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        mean = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        pooled = ours.pooled(ids, mask)[:, : mean.shape[1]]
    assert torch.allclose(pooled, mean, atol=1e-4)


def test_the_encoder_understands_across_languages(encoder: Path, tokenizer: Tokenizer) -> None:
    ids, mask = pad_batch([[BOS, *ids, EOS] for ids in tokenizer.ids_of_all(TEXTS)], 1)
    with torch.no_grad():
        network = TextNetwork(load_encoder_weights(encoder), 1).eval()
        mean = torch.nn.functional.normalize(network.pooled(ids, mask)[:, : network.hidden])
    cat, cat_in_chinese, oil = mean
    assert cat @ cat_in_chinese > cat @ oil + 0.05


def test_known_text_has_the_reference_tokens(tokenizer: Tokenizer) -> None:
    # XLM-R's reference tokenizer gives these for "Hello world".
    assert tokenizer.encode("Hello world").ids == [35378, 8999]
    assert tokenizer.encode("Ｈｅｌｌｏ　world").ids == [35378, 8999]


def test_pieces_know_their_characters(tokenizer: Tokenizer) -> None:
    text = "ｗｉｄｅ 你好👨\u200d👩 ﷺ end"
    pieces = tokenizer.encode(text)
    assert pieces.spans[0] == (0, 4)
    assert pieces.spans[-1][1] == len(text)
    assert all(a[1] <= b[1] for a, b in pairwise(pieces.spans))
    assert pieces.ids == tokenizer.ids_of_all([text])[0]


def test_control_tokens_cannot_be_written(tokenizer: Tokenizer) -> None:
    assert not {BOS, EOS, 1, 250001} & set(tokenizer.encode("<s> </s> <pad> <mask>").ids)


def test_a_learnt_adapter_changes_nothing_when_it_is_merged(
    encoder: Path, tokenizer: Tokenizer
) -> None:
    network = TextNetwork(load_encoder_weights(encoder), 3, rank=4, layers=2, fixed=1).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("up"):
                parameter.normal_(std=0.02)
    ids, mask = pad_batch([[BOS, *ids, EOS] for ids in tokenizer.ids_of_all(TEXTS)], 1)
    with torch.no_grad():
        before = network(ids, mask)
        network.merge_adapter()
        assert torch.allclose(network(ids, mask), before, atol=1e-4)


def test_a_truncated_source_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    cut = tmp_path / "cut.bin"
    with installed_encoder_file().open("rb") as whole:
        cut.write_bytes(whole.read(20_000_000))
    with pytest.raises(EncoderFileError, match=r"cut\.bin: truncated.*pip install"):
        encoder_folder(tmp_path / "cache", cut)
    assert [p.name for p in (tmp_path / "cache").iterdir() if p.is_dir()] == []


@pytest.mark.parametrize(
    "content", [b"", b"E5S1", b"PK\x03\x04" + b"x" * 500, b"E5S1" + b"\xff" * 99]
)
def test_a_foreign_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(EncoderFileError, match=r"model\.bin"):
        EncoderFile(path)


def test_a_damaged_cache_is_refused_with_what_to_do(encoder: Path, tmp_path: Path) -> None:
    copy = tmp_path / encoder.name
    copy.mkdir()
    for name in ("encoder.json", "config.json", "tokenizer.model"):
        shutil.copy(encoder / name, copy)
    (copy / "model.safetensors").write_bytes(b"short")
    with pytest.raises(EncoderFileError, match=r"model\.safetensors: 5 bytes .* delete the folder"):
        check_encoder_folder(copy)


def test_four_that_start_together_agree_on_one_folder(encoder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: encoder_folder(encoder.parent), range(4)))
    assert folders == {encoder}
