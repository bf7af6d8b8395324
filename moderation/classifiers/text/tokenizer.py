"""Tokens of the encoder: pieces of a vocabulary of 250,002, as XLM-R has them.

Run by ``sentencepiece``, which holds the vocabulary in a quarter of a gigabyte less than
``tokenizers`` does and is twice as fast. Its ids are those of XLM-R's reference tokenizer but where
two ways to cut a text score the same (two of a thousand texts, mostly runs of one letter). Control
tokens are never made from text: who writes ``</s>`` gets the pieces of its letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

from moderation.classifiers.text.encoder_file import EncoderFile

BOS, PAD, EOS = 0, 1, 2
_MASK = "<mask>"


class Pieces(NamedTuple):
    """A text in tokens, without the one that begins and the one that ends a window."""

    ids: list[int]
    spans: list[tuple[int, int]]  #: the characters of each, first and one past the last


class Tokenizer:
    """Reads a file that `tokenizer_model` made. Safe to use from threads.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._processor = SentencePieceProcessor()
        self._processor.LoadFromSerializedProto(file.read_bytes())

    def encode(self, text: str) -> Pieces:
        """The tokens of a text without lone surrogates."""
        found = self._processor.Encode(_without_joiners(text), return_type="offset_mapping")
        return Pieces(found["ids"], found["offsets"])

    def ids_of_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        found: list[list[int]] = self._processor.Encode([_without_joiners(t) for t in texts])
        return found


def _without_joiners(text: str) -> str:
    """As XLM-R reads them; of the same length."""
    return text.replace("\u200d", " ")


def tokenizer_model(source: EncoderFile, normalisation: bytes) -> bytes:
    """A file for `Tokenizer`: the encoder's vocabulary in sentencepiece's own format.

    Args:
        normalisation: sentencepiece's compiled map of characters.
    """
    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    kinds = model.SentencePiece
    control = {source.bos, source.pad, source.eos}
    for number, (piece, score) in enumerate(source.vocabulary):
        entry = model.pieces.add(piece=piece, score=score)
        if number == source.unknown:
            entry.type = kinds.UNKNOWN
        elif number in control or piece == _MASK:
            entry.type = kinds.CONTROL
    trained = model.trainer_spec
    trained.model_type = trained.UNIGRAM
    trained.vocab_size = len(source.vocabulary)
    trained.bos_id, trained.pad_id = source.bos, source.pad
    trained.eos_id, trained.unk_id = source.eos, source.unknown
    trained.bos_piece, trained.pad_piece, trained.eos_piece, trained.unk_piece = (
        source.vocabulary[number][0]
        for number in (source.bos, source.pad, source.eos, source.unknown)
    )
    model.normalizer_spec.precompiled_charsmap = normalisation
    written: bytes = model.SerializeToString()
    return written
