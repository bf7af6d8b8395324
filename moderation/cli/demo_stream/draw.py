"""Paint the pictures of the demo anew: `python -m moderation.cli.demo_stream.draw [FOLDER]`.

The committed pictures are what the demo uses; this is where they come from. It needs the system
fonts Noto Sans CJK, Noto Color Emoji and DejaVu Sans. The same name always gives the same picture.
"""

from __future__ import annotations

import io
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from moderation.cli.demo_stream.landscapes import city
from moderation.cli.demo_stream.photos import PHOTOS
from moderation.cli.demo_stream.posters import POSTERS

#: Name of a picture without its ending → how it is painted.
PICTURES = {**PHOTOS, **POSTERS}

#: Largest picture, in bytes.
MAX_BYTES = 60_000

#: A photo whose upload broke off, and a file that only claims to be one.
BROKEN, NO_IMAGE = "last-tram.jpg", "mug-front.jpg"


def paint(name: str) -> Image.Image:
    """The picture of that name, (1440, 1080, 3)."""
    dice = np.random.default_rng(zlib.crc32(name.encode()))
    return PICTURES[name](dice).finished()


def encoded(picture: Image.Image, form: str = "WEBP") -> bytes:
    """The picture's file, at the best quality from 80 down that fits `MAX_BYTES`."""
    for quality in range(80, 20, -6):
        file = io.BytesIO()
        picture.save(file, form, quality=quality, **({"method": 6} if form == "WEBP" else {}))
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()


def draw_all(folder: Path, names: tuple[str, ...] = ()) -> int:
    """Write the pictures and the two broken files into the folder; how many bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for name in names or tuple(PICTURES):
        payload = encoded(paint(name))
        (folder / f"{name}.webp").write_bytes(payload)
        total += len(payload)
    tram = city(np.random.default_rng(7), ("#26304f", "#5a6b8c", "#c9b29b"), "#1a2033")
    photo = encoded(tram.finished(), "JPEG")
    (folder / BROKEN).write_bytes(photo[: len(photo) // 3])
    (folder / NO_IMAGE).write_text("upload failed: 0 of 1 parts received\n", encoding="utf-8")
    return total


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    written = draw_all(place, tuple(sys.argv[2:]))
    sys.stdout.write(f"{len(list(place.iterdir()))} files in {place}, {written:,} bytes painted\n")
