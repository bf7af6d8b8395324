"""Memory of a decoding worker that sees hostile files, again and again.

    python benchmarks/image_memory.py [--files 500] [--out TABLE.md]

The worker's resident memory after every hundred files; the files are broken or oversized on
purpose, in six formats.
"""

from __future__ import annotations

import argparse
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from moderation.classifiers.image.decoding import DecodingLimits, SafeDecoder
from moderation.classifiers.image.refusals import ImageRefused
from moderation.items import ImagePart

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")


def hostile_file(number: int) -> bytes:
    """Truncated, flipped, lying or oversized, by turns."""
    rng = np.random.default_rng(number)
    side = int(rng.integers(50, 900))
    pixels = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, FORMATS[number % len(FORMATS)])
    data = bytearray(buffer.getvalue())
    kind = number // len(FORMATS) % 4
    if kind == 0:
        return bytes(data[: int(len(data) * rng.random())])
    if kind == 1:
        for at in rng.integers(20, len(data), 30):
            data[at] = rng.integers(256)
        return bytes(data)
    if kind == 2:
        return flat_png(6_000 + number, 9_000)
    return bytes(data)


def flat_png(width: int, height: int) -> bytes:
    """More than fifty megapixels in a few kilobytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + crc

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes((width // 8 + 2) * height), 9)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def resident_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    decoder = SafeDecoder(DecodingLimits(workers=1))
    lines = ["| files seen | refused | worker's resident MB |", "|---|---|---|"]
    refused = 0
    for number in range(arguments.files):
        [result] = decoder.decode_all([(0, ImagePart(data=hostile_file(number)))])
        refused += isinstance(result, ImageRefused)
        if (number + 1) % 100 == 0 or number == 0:
            [process] = decoder.pool.process_ids
            megabytes = resident_megabytes(process)
            lines.append(f"| {number + 1} | {refused} | {megabytes:.1f} |")
            print(lines[-1], flush=True)
    decoder.close()
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
