"""Known images: what edits are found, and how fast among a million.

    python benchmarks/image_matching.py --photos FOLDER [--out TABLE.md]

Every photo of the folder goes into a bank; every edit of every photo is looked up. A false match is
any entry but the photo's own. Without `--photos` the pictures are drawn, which is easier.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import Bank, NewEntry
from moderation.classifiers.matching.fingerprints import (
    NEAR,
    SAME,
    HashKind,
    entry_fingerprints,
    query_fingerprints,
)
from moderation.classifiers.matching.hash_index import HashIndex
from moderation.classifiers.matching.known_images import KnownImages
from moderation.classifiers.matching.pdq import pdq

Edit = Callable[[Image.Image], Image.Image]


def scaled(factor: float) -> Edit:
    return lambda p: p.resize((max(1, int(p.width * factor)), max(1, int(p.height * factor))))


def compressed(quality: int) -> Edit:
    def edit(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return edit


def cropped(share: float) -> Edit:
    def edit(p: Image.Image) -> Image.Image:
        x, y = int(p.width * share), int(p.height * share)
        return p.crop((x, y, p.width - x, p.height - y))

    return edit


def framed(colour: int, x: float, y: float) -> Edit:
    def edit(p: Image.Image) -> Image.Image:
        across, down = int(p.width * x), int(p.height * y)
        canvas = Image.new("RGB", (p.width + 2 * across, p.height + 2 * down), (colour,) * 3)
        canvas.paste(p, (across, down))
        return canvas

    return edit


def captioned(p: Image.Image) -> Image.Image:
    p = p.copy()
    pen = ImageDraw.Draw(p)
    font = ImageFont.load_default(p.height // 10)
    for line, y in (("SALE SALE SALE", 0.1), ("write me on the other app", 0.75)):
        pen.text((p.width * 0.05, p.height * y), line, fill="white", font=font, stroke_width=3,
                 stroke_fill="black")  # fmt: skip
    return p


def stickered(p: Image.Image) -> Image.Image:
    p = p.copy()
    size = int(min(p.size) * 0.35)
    x, y = (p.width - size) // 3, (p.height - size) // 2
    ImageDraw.Draw(p).ellipse((x, y, x + size, y + size), fill=(250, 220, 40))
    return p


EDITS: dict[str, Edit] = {
    "none": lambda p: p,
    "resize 0.5": scaled(0.5),
    "resize 0.2": scaled(0.2),
    "JPEG quality 20": compressed(20),
    "grey": lambda p: p.convert("L"),
    "aspect 1.2": lambda p: p.resize((int(p.width * 1.2), p.height)),
    "brightness 1.4": lambda p: Image.eval(p, lambda v: min(255, int(v * 1.4))),
    "blur 2": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    "caption": captioned,
    "sticker 35 %": stickered,
    "crop 2 % each side": cropped(0.02),
    "crop 5 %": cropped(0.05),
    "crop 10 %": cropped(0.10),
    "white border": framed(255, 0.1, 0.1),
    "screenshot bars": framed(20, 0.0, 0.4),
    "rotate 2 degrees": lambda p: p.rotate(2, Image.Resampling.BICUBIC),
    "rotate 5 degrees": lambda p: p.rotate(5, Image.Resampling.BICUBIC),
    "rotate 90 degrees": lambda p: p.transpose(Image.Transpose.ROTATE_90),
    "mirror": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def photos(folder: Path | None) -> list[Image.Image]:
    """The folder's pictures with enough structure to be hashed, or drawn ones; of pictures that
    show nearly the same (stereo pairs, copies) one."""
    kept: list[Image.Image] = []
    hashes: list[int] = []
    for picture in _from_folder(folder) if folder else map(_drawn, range(40)):
        found = pdq(np.asarray(picture))
        value = int.from_bytes(found.bits)
        if found.usable and all((value ^ other).bit_count() > 80 for other in hashes):
            kept.append(picture)
            hashes.append(value)
    return kept


def _from_folder(folder: Path) -> Iterator[Image.Image]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".webp"}:
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((1600, 1600))
            if min(picture.size) >= 100:
                yield picture


def _drawn(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (640, 480))
    pen = ImageDraw.Draw(picture)
    for size in np.geomspace(600, 15, 80):
        x, y = rng.uniform(-100, 640, 2)
        pen.ellipse((x, y, x + size, y + size * rng.uniform(0.4, 1)),
                    fill=tuple(rng.integers(0, 255, 3).tolist()))  # fmt: skip
    return picture


def recall_table(pictures: list[Image.Image], folder: Path) -> list[str]:
    """Share of pictures found after each edit, surely and probably, and false matches."""
    store = BankStore(folder / "banks.sqlite")
    store.create(Bank("known", "counterfeit"))
    for picture in pictures:
        assert store.add("known", [NewEntry(entry_fingerprints(np.asarray(picture)).hashes)]) == 1
    known = KnownImages(store)
    lines = [
        f"{len(pictures)} pictures, {len(pictures)} entries.",
        "",
        "| edit | same picture (PDQ 31) | with probable edits (PDQ 47, dHash 8) | false matches |",
        "|---|---|---|---|",
    ]
    for name, edit in EDITS.items():
        sure = probable = false = 0
        for number, picture in enumerate(pictures, start=1):
            query = query_fingerprints(np.asarray(edit(picture).convert("RGB")))
            matches = known.lookup(query)
            own = [match for match in matches if match.entry == number]
            sure += any(match.probability > 0.9 for match in own)
            probable += bool(own)
            false += len(matches) - len(own)
        count = len(pictures)
        lines.append(f"| {name} | {sure / count:.2f} | {probable / count:.2f} | {false} |")
    return lines


def speed_table(entries: int) -> list[str]:
    """Lookups among random hashes of which some are near, one at a time."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (entries, 32), dtype=np.uint8)
    start = time.perf_counter()
    index = HashIndex(hashes)
    built = time.perf_counter() - start
    lines = [
        "",
        f"{entries:,} PDQ hashes, index built in {built:.1f} s.",
        "",
        "| lookup | median ms | lookups/s | found of 300 |",
        "|---|---|---|---|",
    ]
    for radius in (31, 47):
        taken, found = [], 0
        for at in rng.integers(0, entries, 300).tolist():
            query = np.unpackbits(hashes[at])
            query[rng.choice(256, radius, replace=False)] ^= 1
            start = time.perf_counter()
            positions, _ = index.search(np.packbits(query).tobytes(), radius)
            taken.append(time.perf_counter() - start)
            found += at in positions
        median = statistics.median(taken)
        lines.append(
            f"| one hash, up to {radius} bits | {median * 1000:.2f} | {300 / sum(taken):,.0f} "
            f"| {found} |"
        )
    picture = np.asarray(_drawn(1))
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        query = query_fingerprints(picture)
        for value in query.hashes[HashKind.PDQ]:
            index.search(value, NEAR[HashKind.PDQ])
        for value in query.turned:
            index.search(value, SAME[HashKind.PDQ])
        taken.append(time.perf_counter() - start)
    lines.append(
        f"| a 640 x 480 picture, hashed and looked up in all eight turns "
        f"| {statistics.median(taken) * 1000:.1f} | {1 / statistics.median(taken):,.0f} | |"
    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = recall_table(photos(arguments.photos), Path(folder))
    lines += speed_table(arguments.entries)
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
