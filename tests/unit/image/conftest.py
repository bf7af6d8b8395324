"""Image files, good and hostile, made on the spot."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from moderation.classifiers.image.decoding import SafeDecoder

Encode = Callable[..., bytes]


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture without meaning: smooth colours, some noise, no symmetry."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((320, 240), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = smooth + rng.integers(-8, 8, smooth.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


Scene = Callable[[int], Image.Image]


@pytest.fixture(scope="session")
def scene() -> Scene:
    """`scene(seed)` → a picture of coloured shapes, large and small, as varied as photos are."""

    def draw(seed: int, width: int = 480, height: int = 360) -> Image.Image:
        rng = np.random.default_rng(seed)
        picture = Image.new("RGB", (width, height), tuple(rng.integers(0, 255, 3).tolist()))
        pen = ImageDraw.Draw(picture)
        for size in np.geomspace(0.9, 0.03, 60):
            x, y = rng.uniform(-0.2, 1, 2) * (width, height)
            w, h = rng.uniform(0.3, 1, 2) * size * height
            colour = tuple(rng.integers(0, 255, 3).tolist())
            shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
            shape((x, y, x + w, y + h), fill=colour)
        return picture

    return draw


@pytest.fixture(scope="session")
def encode(photo: Image.Image) -> Encode:
    """`encode("JPEG", image=…, **options)` → the file's bytes."""

    def to_bytes(name: str, image: Image.Image | None = None, **options: Any) -> bytes:
        buffer = io.BytesIO()
        (image or photo).save(buffer, name, **options)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture(scope="session")
def decoder() -> Iterator[SafeDecoder]:
    """One decoder with the default limits for all tests."""
    decoder = SafeDecoder()
    yield decoder
    decoder.close()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with a right checksum."""
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """A PNG file with these chunks right behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.fixture(scope="session")
def hostile(photo: Image.Image, encode: Encode) -> dict[str, tuple[bytes, str]]:
    """Name → file and the code with which it must be refused."""
    jpeg, png = encode("JPEG"), encode("PNG")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.html", "<p>hello</p>")
    frame = Image.new("P", (400, 400))
    zeros = zlib.compress(bytes(80_000_000), 9)
    tiny = encode("PNG", Image.new("L", (1, 1)))
    return {
        "zero bytes": (b"", "empty"),
        "60 megapixels": (_flat_png(10_000, 6_000), "too_many_pixels"),
        "400 megapixels": (_flat_png(20_000, 20_000), "too_many_pixels"),
        "lies about its size": (_lying_png(png, 65_000, 65_000), "too_many_pixels"),
        "25,000 pixels wide": (_flat_png(25_000, 10), "too_many_pixels"),
        "4,000 frames": (_many_frames(frame, 4_000), "too_many_pixels"),
        "colour profile bomb": (
            png_with(tiny, png_chunk(b"iCCP", b"a\0\0" + zeros)),
            "undecodable",
        ),
        "text chunk bomb": (png_with(tiny, png_chunk(b"zTXt", b"a\0\0" + zeros)), "undecodable"),
        "EPS": (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
            "unsupported_format",
        ),
        "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_format"),
        "PDF": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", "unsupported_format"),
        "ZIP": (archive.getvalue(), "unsupported_format"),
        "TIFF": (encode("TIFF"), "unsupported_format"),
        "PSD": (b"8BPS\0\1" + bytes(40), "unsupported_format"),
        "text": (b"this is no picture at all", "unsupported_format"),
        "JPEG and ZIP": (jpeg + archive.getvalue(), "polyglot"),
        "JPEG, ZIP and a byte": (jpeg + archive.getvalue() + b"\0", "polyglot"),
        "JPEG and tar": (jpeg[:2] + _jpeg_comment(_tar_header()) + jpeg[2:], "polyglot"),
        "PNG and RAR": (png + b"Rar!\x1a\x07\x01\x00" + bytes(30), "polyglot"),
        "JPEG and PDF": (
            jpeg[:2] + b"\xff\xfe\x00\x0b%PDF-1.4\n" + jpeg[2:],
            "polyglot",
        ),
        "JPEG header and noise": (jpeg[:400] + bytes(range(256)) * 20, "undecodable"),
        "PNG without pixels": (png[:33] + png_chunk(b"IEND", b""), "undecodable"),
    }


def _jpeg_comment(body: bytes) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", len(body) + 2) + body


def _tar_header() -> bytes:
    """As much of it as programs look for, 257 bytes after the beginning of a JPEG file."""
    return bytes(251) + b"ustar\x0000" + bytes(300)


def _flat_png(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def _lying_png(data: bytes, width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return data[:8] + header + data[33:]


def _many_frames(frame: Image.Image, count: int) -> bytes:
    """A GIF that repeats one frame's block; Pillow would need minutes to write it."""
    buffer = io.BytesIO()
    frame.save(buffer, "GIF", save_all=True, append_images=[frame.copy()], duration=20, loop=0)
    data = buffer.getvalue()
    start = data.index(b"\x21\xf9\x04")
    return data[:start] + data[start:-1] * count + data[-1:]
