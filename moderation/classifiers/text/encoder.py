"""The multilingual text encoder: built once from the installed weights, then kept on disk.

``encoder_folder(cache)`` returns a folder that holds a standard ``transformers`` BERT model
(``config.json``, ``model.safetensors``) and its tokenizer (``tokenizer.model``). The first
call builds it, which takes about ten seconds; later calls only check the marker file. Two
processes that start together do not collide: one builds in a temporary folder under a lock
and renames it into place.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from safetensors import SafetensorError, safe_open

from moderation.classifiers.text.encoder_file import (
    EncoderFile,
    EncoderFileError,
    installed_encoder_file,
)
from moderation.classifiers.text.tokenizer import Tokenizer, tokenizer_model

if TYPE_CHECKING:
    import torch

#: The encoder's name and the version of the conversion below; a change builds anew.
ENCODER = "multilingual-e5-small-q4"
CONVERSION = 2
_MARKER = "encoder.json"
_WORDS = "embeddings.word_embeddings.weight"
_FILES = ("config.json", "model.safetensors", "tokenizer.model")


def encoder_folder(cache: Path, source: Path | None = None) -> Path:
    """The folder with the converted encoder below ``cache``, built if it is not there yet.

    ``source`` names a 4-bit file other than the one in the installed package.

    Raises:
        EncoderFileError: the source is unusable, or the cached copy is damaged.
    """
    folder = cache / f"{ENCODER}-v{CONVERSION}"
    if not (folder / _MARKER).is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{folder.name}.lock"):
            if not (folder / _MARKER).is_file():
                _build(folder, source or installed_encoder_file())
    check_encoder_folder(folder)
    return folder


def check_encoder_folder(folder: Path) -> None:
    """Raise EncoderFileError if a cached encoder is incomplete, truncated or of another version."""
    remedy = f"delete the folder {folder} and start again; it is rebuilt in seconds"
    try:
        marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        sizes = dict(marker["sizes"])
        version = (marker["encoder"], marker["conversion"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderFileError(f"{folder / _MARKER}: unreadable ({error}); {remedy}") from error
    if version != (ENCODER, CONVERSION):
        raise EncoderFileError(f"{folder / _MARKER}: made by another version; {remedy}")
    for name in _FILES:
        path = folder / name
        size = path.stat().st_size if path.is_file() else 0
        if size != sizes.get(name):
            raise EncoderFileError(
                f"{path}: {size} bytes where {sizes.get(name)} were written; {remedy}"
            )


def load_encoder_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The encoder's tensors by their ``transformers`` names, float32, mapped from disk.

    The word embeddings have a mapping of their own and vectors are copied, so that the pages of
    the other matrices are given back once those have been laid out for a runtime.
    """
    path = folder / "model.safetensors"
    try:
        with safe_open(str(path), framework="pt") as tensors:
            names = [name for name in tensors.keys() if name != _WORDS]  # noqa: SIM118
            found = {name: tensors.get_tensor(name) for name in names}
        with safe_open(str(path), framework="pt") as tensors:
            words = tensors.get_tensor(_WORDS)
        return {n: t.clone() if t.ndim == 1 else t for n, t in found.items()} | {_WORDS: words}
    except (OSError, SafetensorError) as error:
        raise EncoderFileError(
            f"{path}: unreadable ({error}); delete the folder {folder} and start again"
        ) from error


def load_tokenizer(folder: Path) -> Tokenizer:
    """The encoder's tokenizer."""
    return Tokenizer(folder / "tokenizer.model")


def _build(folder: Path, source: Path) -> None:
    from safetensors.torch import save_file

    opened = EncoderFile(source)
    work = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        shape = opened.shape
        save_file(
            _state(opened),
            work / "model.safetensors",
            metadata={"format": "pt", "encoder": ENCODER},
        )
        config = {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "vocab_size": shape.vocabulary,
            "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.feed_forward,
            "hidden_act": "gelu",
            "max_position_embeddings": shape.positions,
            "type_vocab_size": shape.token_types,
            "layer_norm_eps": 1e-12,
            "pad_token_id": opened.pad,
            "bos_token_id": opened.bos,
            "eos_token_id": opened.eos,
        }
        (work / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
        (work / "tokenizer.model").write_bytes(tokenizer_model(opened, _nmt_nfkc_map()))
        marker = {
            "encoder": ENCODER,
            "conversion": CONVERSION,
            "source_sha256": opened.sha256(),
            "sizes": {name: (work / name).stat().st_size for name in _FILES},
        }
        # The marker is written last: a folder without it was never finished.
        (work / _MARKER).write_text(json.dumps(marker, indent=2), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        work.replace(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _state(source: EncoderFile) -> dict[str, torch.Tensor]:
    import torch

    shape = source.shape
    hidden, inner = shape.hidden, shape.feed_forward

    def read(name: str, *size: int) -> torch.Tensor:
        return torch.from_numpy(source.tensor(name, size))

    state = {
        "embeddings.word_embeddings.weight": read("emb.word", shape.vocabulary, hidden),
        "embeddings.position_embeddings.weight": read("emb.pos", shape.positions, hidden),
        "embeddings.token_type_embeddings.weight": read("emb.type", shape.token_types, hidden),
        "embeddings.LayerNorm.weight": read("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": read("emb.ln.b", hidden),
    }
    matrices = {
        "q": ("attention.self.query", hidden, hidden),
        "k": ("attention.self.key", hidden, hidden),
        "v": ("attention.self.value", hidden, hidden),
        "ao": ("attention.output.dense", hidden, hidden),
        "fi": ("intermediate.dense", inner, hidden),
        "fo": ("output.dense", hidden, inner),
    }
    norms = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}"
        for short, (name, rows, columns) in matrices.items():
            state[f"{prefix}.{name}.weight"] = read(f"l{layer}.{short}.w", rows, columns)
            state[f"{prefix}.{name}.bias"] = read(f"l{layer}.{short}.b", rows)
        for short, name in norms.items():
            state[f"{prefix}.{name}.weight"] = read(f"l{layer}.{short}.w", hidden)
            state[f"{prefix}.{name}.bias"] = read(f"l{layer}.{short}.b", hidden)
    return state


def _nmt_nfkc_map() -> bytes:
    """SentencePiece's ``nmt_nfkc`` normalisation map, taken from a throw-away model."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.txt"
        lines = "\n".join(f"abc def {i} ghi jkl" for i in range(200))
        corpus.write_text(lines, encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus),
            model_prefix=str(Path(folder) / "model"),
            vocab_size=32,
            normalization_rule_name="nmt_nfkc",
            minloglevel=2,
            hard_vocab_limit=False,
        )
        model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
        model.ParseFromString((Path(folder) / "model.model").read_bytes())
        charsmap: bytes = model.normalizer_spec.precompiled_charsmap
        return charsmap
