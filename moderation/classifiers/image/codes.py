"""Two-dimensional codes in images: what they say, and that they lead people somewhere else.

Decoded by ZXing-C++ (Apache-2.0). A code is no harm in itself; on a platform's posts it is mostly
a contact or a payment that should not go around the platform, so it becomes a hint of luring. The
numbers are rules of thumb, not frequencies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from moderation.signals import ImageBox, Signal

NAME = "image_codes"
VERSION = f"zxing-cpp-{version('zxing-cpp')}-1"
CATEGORY = "offplatform_luring"

#: Codes that people point a camera at. Bars of products and parcels are left alone.
_FORMATS = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.MicroQRCode,
        zxingcpp.BarcodeFormat.Aztec,
        zxingcpp.BarcodeFormat.DataMatrix,
    ]
)

#: Hosts whose links open a chat, a group or a payment (the host or a subdomain of it).
_CONTACT_HOSTS = (
    "weixin.qq.com",
    "work.weixin.qq.com",
    "qm.qq.com",
    "qun.qq.com",
    "jq.qq.com",
    "t.me",
    "telegram.me",
    "wa.me",
    "whatsapp.com",
    "line.me",
    "lin.ee",
    "open.kakao.com",
    "discord.gg",
    "discord.com",
    "signal.me",
    "signal.group",
    "zalo.me",
    "viber.com",
    "m.me",
    "snapchat.com",
)
_PAYMENT_HOSTS = (
    "qr.alipay.com",
    "ur.alipay.com",
    "paypal.me",
    "cash.app",
    "venmo.com",
    "revolut.me",
)
_CONTACT_SCHEMES = {"mailto", "tel", "sms", "smsto", "tg", "weixin", "whatsapp", "line", "skype"}
_PAYMENT_SCHEMES = {"wxp", "alipays", "upi", "bitcoin", "ethereum", "litecoin", "lightning", "tron"}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,20}):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Code:
    """One code in an image."""

    text: str  #: what it says
    corners: tuple[tuple[int, int], ...]  #: four, pixels

    def box(self, image: int, width: int, height: int) -> ImageBox:
        """The rectangle around it, as evidence."""
        xs = [min(max(x, 0), width) for x, _ in self.corners]
        ys = [min(max(y, 0), height) for _, y in self.corners]
        return ImageBox(
            image=image,
            x=min(xs) / width,
            y=min(ys) / height,
            width=(max(xs) - min(xs)) / width,
            height=(max(ys) - min(ys)) / height,
            text=self.text[:2000],
        )


def read_codes(pixels: npt.NDArray[np.uint8]) -> list[Code]:
    """The codes in a picture that can be read. What the reader takes for damaged codes is left out:
    it finds such on one photo in two.

    Args:
        pixels: RGB, `(height, width, 3)`.
    """
    if min(pixels.shape[:2]) < 16:
        return []
    found = zxingcpp.read_barcodes(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), formats=_FORMATS)
    codes = []
    for code in found:
        place = code.position
        corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        codes.append(Code(code.text, tuple((corner.x, corner.y) for corner in corners)))
    return [code for code in codes if code.text.strip()]


def luring_probability(text: str) -> tuple[float, str]:
    """How much a code's content looks like the way off the platform, and why, in plain words.

    A rule of thumb: chats and contact cards 0.85, payments 0.75, any other link 0.5, the rest 0.25.
    """
    scheme_match = _SCHEME.match(text.strip())
    scheme = scheme_match.group(1).lower() if scheme_match else ""
    host = ""
    if scheme in {"http", "https"}:
        try:
            host = (urlsplit(text.strip()).hostname or "").lower()
        except ValueError:
            return 0.5, "a code with a broken link"
    if scheme in _CONTACT_SCHEMES or _under(host, _CONTACT_HOSTS):
        return 0.85, "a code that opens a chat or a contact"
    if scheme in {"begin", "mecard", "bizcard"}:
        return 0.85, "a code with a contact card"
    if scheme in _PAYMENT_SCHEMES or _under(host, _PAYMENT_HOSTS):
        return 0.75, "a code that asks for a payment"
    if scheme in {"http", "https"}:
        return 0.5, "a code with a link"
    return 0.25, "a code"


def _under(host: str, hosts: Sequence[str]) -> bool:
    return any(host == known or host.endswith(f".{known}") for known in hosts)


def code_signals(image: int, codes: Sequence[Code], width: int, height: int) -> list[Signal]:
    """One `contact_code` signal per code."""
    signals = []
    for code in codes:
        probability, note = luring_probability(code.text)
        signals.append(
            Signal(
                name="contact_code",
                category=CATEGORY,
                probability=probability,
                part=f"image:{image}",
                evidence=(code.box(image, width, height),),
                model=NAME,
                model_version=VERSION,
                note=note,
            )
        )
    return signals
