"""A canvas with soft shapes, shadows and captions, on which the pictures of the demo are painted.

Coordinates are those of the finished picture, 1080 by 1440; everything is painted at twice that
size and scaled down at the end, because Pillow draws without smoothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 1080, 1440
_SCALE = 2
_FONTS = Path("/usr/share/fonts")
_CJK = _FONTS / "opentype/noto"
_EMOJI = _FONTS / "truetype/noto/NotoColorEmoji.ttf"
_EMOJI_SIZE = 109  # the only size of the bitmaps in that font

#: Where the glyph variants of a language lie in the font collection.
_FACES = {"ja": 0, "ko": 1, "zh": 2, "zh-Hant": 3}

Colour = str | tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Look(TypedDict, total=False):
    """How a shape is filled, besides its colour."""

    to: Colour  #: the colour at its lower edge
    opacity: float  #: 0..1
    blur: float  #: radius, in pixels of the finished picture
    shadow: float  #: opacity of the shadow below it
    lift: float  #: how far below


def rgb(colour: Colour) -> tuple[int, int, int]:
    """`"#e07a5f"` or a triple as a triple of 0..255."""
    if isinstance(colour, tuple):
        return colour
    digits = colour.lstrip("#")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def mix(one: Colour, other: Colour, share: float) -> tuple[int, int, int]:
    """The colour that lies `share` (0..1) of the way from `one` to `other`."""
    pairs = zip(rgb(one), rgb(other), strict=True)
    red, green, blue = (round(a + (b - a) * share) for a, b in pairs)
    return red, green, blue


def smooth(points: Sequence[Point], *, closed: bool = True, steps: int = 14) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    count = len(points)
    path: list[Point] = []
    for i in range(count if closed else count - 1):
        at = [i - 1, i, i + 1, i + 2]
        four = [points[k % count] if closed else points[min(max(k, 0), count - 1)] for k in at]
        p0, p1, p2, p3 = (np.array(p, dtype=float) for p in four)
        for t in np.linspace(0, 1, steps, endpoint=False):
            a, b = 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * p1 - p0 - 3 * p2 + p3
            x, y = 0.5 * (2 * p1 + (p2 - p0) * t + a * t**2 + b * t**3)
            path.append((float(x), float(y)))
    return path if closed else [*path, points[-1]]


def font(size: float, *, bold: bool = True, language: str = "zh") -> ImageFont.FreeTypeFont:
    """Noto Sans CJK in the glyphs of the language; DejaVu for what it lacks (Vietnamese)."""
    points = round(size * _SCALE)
    if language == "vi":
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        return ImageFont.truetype(str(_FONTS / "truetype/dejavu" / name), points)
    name = f"NotoSansCJK-{'Bold' if bold else 'Regular'}.ttc"
    return ImageFont.truetype(str(_CJK / name), points, index=_FACES.get(language, 2))


class Canvas:
    """One picture in the making."""

    def __init__(self, *stops: Colour) -> None:
        self.image = _vertical(WIDTH * _SCALE, HEIGHT * _SCALE, stops)

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)

    def ellipse(self, box: Box, colour: Colour, **look: Unpack[Look]) -> None:
        self._paint(lambda d, b: d.ellipse(b, fill=255), box, colour, **look)

    def disc(self, x: float, y: float, radius: float, colour: Colour, **look: Unpack[Look]) -> None:
        self.ellipse((x - radius, y - radius, x + radius, y + radius), colour, **look)

    def rounded(self, box: Box, radius: float, colour: Colour, **look: Unpack[Look]) -> None:
        def draw(pen: ImageDraw.ImageDraw, at: Box) -> None:
            pen.rounded_rectangle(at, radius * _SCALE, fill=255)

        self._paint(draw, box, colour, **look)

    def polygon(self, points: Sequence[Point], colour: Colour, **look: Unpack[Look]) -> None:
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        box = (min(xs), min(ys), max(xs), max(ys))

        def draw(pen: ImageDraw.ImageDraw, at: Box) -> None:
            dx, dy = at[0] - box[0] * _SCALE, at[1] - box[1] * _SCALE
            pen.polygon([(x * _SCALE + dx, y * _SCALE + dy) for x, y in points], fill=255)

        self._paint(draw, box, colour, **look)

    def blob(self, points: Sequence[Point], colour: Colour, **look: Unpack[Look]) -> None:
        """A closed soft curve through the points."""
        self.polygon(smooth(points), colour, **look)

    def line(
        self, points: Sequence[Point], width: float, colour: Colour, **look: Unpack[Look]
    ) -> None:
        half = width / 2
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        box = (min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half)

        def draw(pen: ImageDraw.ImageDraw, at: Box) -> None:
            dx, dy = at[0] - box[0] * _SCALE, at[1] - box[1] * _SCALE
            path = [(x * _SCALE + dx, y * _SCALE + dy) for x, y in points]
            pen.line(path, fill=255, width=round(width * _SCALE), joint="curve")
            for x, y in (path[0], path[-1]):
                r = half * _SCALE
                pen.ellipse((x - r, y - r, x + r, y + r), fill=255)

        self._paint(draw, box, colour, **look)

    def glow(self, x: float, y: float, radius: float, colour: Colour, opacity: float) -> None:
        self.disc(x, y, radius * 0.6, colour, opacity=opacity, blur=radius * 0.35)

    def text(
        self,
        at: Point,
        words: str,
        size: float,
        colour: Colour,
        *,
        anchor: str = "la",
        bold: bool = True,
        language: str = "zh",
        shadow: float = 0.0,
    ) -> None:
        """One line; `shadow` is the opacity of a soft dark halo that lifts it off a photo."""
        face = font(size, bold=bold, language=language)
        place = (at[0] * _SCALE, at[1] * _SCALE)
        if shadow:
            halo = Image.new("L", self.image.size)
            pen = ImageDraw.Draw(halo)
            pen.text(place, words, font=face, fill=round(255 * shadow), anchor=anchor)
            halo = _blurred(halo, size * 0.12)
            self.image.paste((10, 12, 24), (0, 4), halo)
        ImageDraw.Draw(self.image).text(place, words, font=face, fill=rgb(colour), anchor=anchor)

    def lines(
        self,
        at: Point,
        rows: Sequence[str],
        size: float,
        colour: Colour,
        *,
        leading: float = 1.5,
        anchor: str = "la",
        bold: bool = True,
        language: str = "zh",
        shadow: float = 0.0,
    ) -> float:
        """Lines below each other; the y of the next one."""
        x, y = at
        for row in rows:
            self.text(
                (x, y),
                row,
                size,
                colour,
                anchor=anchor,
                bold=bold,
                language=language,
                shadow=shadow,
            )
            y += size * leading
        return y

    def emoji(self, x: float, y: float, size: float, sign: str, *, stands: bool = False) -> None:
        """A colour emoji, `size` at its longer side, with its centre (or its foot) at (x, y)."""
        face = ImageFont.truetype(str(_EMOJI), _EMOJI_SIZE)
        stamp = Image.new("RGBA", (136, 128))
        ImageDraw.Draw(stamp).text((0, 0), sign, font=face, embedded_color=True)
        stamp = stamp.crop(stamp.getbbox())
        factor = size * _SCALE / max(stamp.size)
        shape = (round(stamp.width * factor), round(stamp.height * factor))
        stamp = stamp.resize(shape, Image.Resampling.LANCZOS)
        top = y * _SCALE - stamp.height * (1.0 if stands else 0.5)
        place = (round(x * _SCALE - stamp.width / 2), round(top))
        self.image.paste(stamp, place, stamp)

    def code(self, box: Box, link: str, dark: Colour = "#1d2433") -> None:
        """A QR code of the link, square, on the white that it needs around it."""
        x0, y0, x1, _ = (round(v * _SCALE) for v in box)
        modules = cv2.QRCodeEncoder.create().encode(link)
        ink = Image.fromarray(255 - np.asarray(modules, dtype=np.uint8))
        ink = ink.resize((x1 - x0, x1 - x0), Image.Resampling.NEAREST)
        self.image.paste((255, 255, 255), (x0, y0, x1, y0 + x1 - x0))
        self.image.paste(rgb(dark), (x0, y0), ink)

    def _paint(
        self,
        draw: Callable[[ImageDraw.ImageDraw, Box], None],
        box: Box,
        colour: Colour,
        **look: Unpack[Look],
    ) -> None:
        """Fill a shape, from `colour` above `to` the one below."""
        opacity, blur = look.get("opacity", 1.0), look.get("blur", 0.0)
        if "shadow" in look:
            lift = look.get("lift", 18.0)
            moved = (box[0], box[1] + lift, box[2], box[3] + lift)
            self._paint(draw, moved, "#0b1020", opacity=look["shadow"], blur=lift)
        pad = blur * 3 + 2
        left, top = round((box[0] - pad) * _SCALE), round((box[1] - pad) * _SCALE)
        right, bottom = round((box[2] + pad) * _SCALE), round((box[3] + pad) * _SCALE)
        mask = Image.new("L", (max(1, right - left), max(1, bottom - top)))
        at = (
            box[0] * _SCALE - left,
            box[1] * _SCALE - top,
            box[2] * _SCALE - left,
            box[3] * _SCALE - top,
        )
        draw(ImageDraw.Draw(mask), at)
        if blur:
            mask = _blurred(mask, blur)
        if opacity < 1:
            mask = ImageChops.multiply(mask, Image.new("L", mask.size, round(255 * opacity)))
        paint = _vertical(*mask.size, (colour, look.get("to", colour)))
        self.image.paste(paint, (left, top), mask)


def _vertical(width: int, height: int, stops: Sequence[Colour]) -> Image.Image:
    """A vertical gradient through the colours."""
    colours = np.array([rgb(stop) for stop in stops], dtype=float)
    where = np.linspace(0, 1, len(stops))
    rows = np.linspace(0, 1, height)
    column = np.stack([np.interp(rows, where, colours[:, c]) for c in range(3)], axis=1)
    array = np.repeat(column[:, None, :], width, axis=1)
    return Image.fromarray(np.round(array).astype(np.uint8), "RGB")


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    # A quarter of the size looks the same once blurred, and takes a sixteenth of the time.
    small = (max(1, mask.width // 4), max(1, mask.height // 4))
    soft = mask.resize(small, Image.Resampling.BOX)
    soft = soft.filter(ImageFilter.GaussianBlur(radius * _SCALE / 4))
    return soft.resize(mask.size, Image.Resampling.BICUBIC)
