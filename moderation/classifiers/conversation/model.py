"""The learnt part of the conversation classifier: a folder beside the text model it belongs to.

``conversation.json`` says what it is, whose vectors it was learnt on, its heads with their
calibration; ``weights.safetensors`` holds the regression of the marks; ``MODEL_CARD.md`` says how
it was made and how good it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from moderation.classifiers.conversation.marks import (
    IN_CONTEXT,
    MARK_NAMES,
    ContextLine,
    MarkWeights,
)
from moderation.classifiers.conversation.progress import Head
from moderation.errors import ModelUnavailable

FORMAT = 2
#: The shipped model.
FOLDER = Path(__file__).resolve().parents[2] / "models" / "conversation"
#: What the heads tell: a scam in the making, luring spread over turns, distress and self-harm.
HEADS = ("scam", "luring", "self_harm")


class ConversationDescription(BaseModel):
    """Contents of ``conversation.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    version: str
    text_weights_sha256: str  #: the text model whose vectors and scores were learnt on
    marks: tuple[str, ...] = MARK_NAMES
    in_context: Mapping[str, ContextLine]  #: calibration of turns where they stand
    heads: Mapping[str, Head]
    calibration_version: str
    weights_sha256: str


class ConversationModel:
    """Marks and heads.

    Args:
        folder: holds ``conversation.json`` and ``weights.safetensors``.
        text_weights_sha256: of the text model that will read the turns.

    Raises:
        ModelUnavailable: a file is missing or damaged, or was learnt on another text model.
    """

    def __init__(self, folder: Path, text_weights_sha256: str) -> None:
        self.description = read_description(folder)
        learnt_on = self.description.text_weights_sha256
        if learnt_on != text_weights_sha256:
            raise ModelUnavailable(
                f"{folder / 'conversation.json'}: learnt on the text model {learnt_on[:12]}…, but "
                f"{text_weights_sha256[:12]}… is installed; run 'moderation train conversation'"
            )
        self.marks = _read_marks(folder / "weights.safetensors", self.description.weights_sha256)

    @property
    def version(self) -> str:
        """Version of the marks and heads, with that of the text model beneath them."""
        d = self.description
        return f"{d.version}-{d.weights_sha256[:8]}-{d.text_weights_sha256[:8]}"

    def head(self, name: str) -> Head:
        """The head of that name, one of `HEADS`."""
        return self.description.heads[name]


def read_description(folder: Path) -> ConversationDescription:
    """Read and check ``conversation.json``.

    Raises:
        ModelUnavailable: missing, or not understood.
    """
    path = folder / "conversation.json"
    try:
        found = ConversationDescription.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelUnavailable(
            f"{path}: cannot be read ({error}); run 'moderation train conversation'"
        ) from error
    except ValidationError as error:
        raise ModelUnavailable(
            f"{path}: not a description of a conversation model: {error.errors()[0]['msg']}; "
            "run 'moderation train conversation'"
        ) from error
    parts = (found.format, found.marks, set(found.heads), tuple(found.in_context))
    if parts != (FORMAT, MARK_NAMES, set(HEADS), tuple(IN_CONTEXT)):
        raise ModelUnavailable(
            f"{path}: made by another version of the workbench; run 'moderation train conversation'"
        )
    return found


def _read_marks(path: Path, sha256: str) -> MarkWeights:
    remedy = "restore the file or run 'moderation train conversation'"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"{path}: cannot be read ({error}); {remedy}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelUnavailable(f"{path}: truncated, or of another version; {remedy}")
    try:
        tensors = load(data)
        return MarkWeights(tensors["own"].astype(np.float32), tensors["before"].astype(np.float32))
    except (SafetensorError, KeyError) as error:
        raise ModelUnavailable(f"{path}: does not fit ({error}); {remedy}") from error


def write_model(
    folder: Path,
    marks: MarkWeights,
    lines: Mapping[str, ContextLine],
    heads: Mapping[str, Head],
    *,
    version: str,
    calibration_version: str,
    text_weights_sha256: str,
) -> ConversationDescription:
    """Save marks (fp16), lines and heads."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "weights.safetensors"
    halves = {"own": marks.own.astype(np.float16), "before": marks.before.astype(np.float16)}
    path.write_bytes(save(halves))
    description = ConversationDescription(
        version=version,
        text_weights_sha256=text_weights_sha256,
        in_context=lines,
        heads=heads,
        calibration_version=calibration_version,
        weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    (folder / "conversation.json").write_text(
        description.model_dump_json(indent=1) + "\n", encoding="utf-8"
    )
    return description
