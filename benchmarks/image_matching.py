"""Known images: what edits are found, and how fast among a million.

    python benchmarks/image_matching.py --photos FOLDER [--out TABLE.md]

Every second photo of the folder goes into a bank; every edit of every photo is looked up. A false
match is any entry but the photo's own. Without `--photos` the pictures are drawn, which is easier.
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
    Fingerprints,
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


def recall_table(pictures: list[Image.Image], strangers: int, folder: Path) -> list[str]:
    """Share of pictures found after each edit, surely and probably, and false matches.

    Every second picture is in the bank, among random hashes; the others are in no bank.
    """
    store = BankStore(folder / "banks.sqlite")
    store.create(Bank("known", "counterfeit"))
    banked, unknown = pictures[::2], pictures[1::2]
    for picture in banked:
        assert store.add("known", [NewEntry(entry_fingerprints(np.asarray(picture)).hashes)]) == 1
    random = np.random.default_rng(2).integers(0, 256, (strangers, 32), dtype=np.uint8)
    store.create(Bank("random", "counterfeit"))
    store.add("random", (NewEntry({HashKind.PDQ: (row.tobytes(),)}) for row in random))
    known = KnownImages(store)
    lines = [
        (
            f"{len(banked)} pictures in a bank among {strangers:,} random hashes, "
            f"{len(unknown)} in none."
        ),
        "",
        (
            "| edit | same picture (PDQ 31) | with probable edits (PDQ 47, dHash 8) "
            f"| false matches of {len(pictures)} |"
        ),
        "|---|---|---|---|",
    ]
    for name, edit in EDITS.items():
        found = known.lookup_all([(fingerprints(edit, picture), "") for picture in banked])
        own = [[m for m in ms if m.entry == n] for n, ms in enumerate(found, start=1)]
        sure = sum(any(match.probability > 0.9 for match in matches) for matches in own)
        probable = sum(bool(matches) for matches in own)
        false = sum(map(len, found)) - sum(map(len, own))
        strange = known.lookup_all([(fingerprints(edit, picture), "") for picture in unknown])
        false += sum(map(len, strange))
        count = len(banked)
        lines.append(f"| {name} | {sure / count:.2f} | {probable / count:.2f} | {false} |")
    return lines


def fingerprints(edit: Edit, picture: Image.Image) -> Fingerprints:
    return query_fingerprints(np.asarray(edit(picture).convert("RGB")))


def speed_table(entries: int) -> list[str]:
    """Lookups among random hashes of which some are near, beside comparing with every entry."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (entries, 32), dtype=np.uint8)
    start = time.perf_counter()
    index = HashIndex(hashes)
    built = time.perf_counter() - start
    picture = np.asarray(_drawn(1))
    query = query_fingerprints(picture)
    words = hashes.view(np.uint64)

    def near(radius: int) -> bytes:
        bits = np.unpackbits(hashes[rng.integers(entries)])
        bits[rng.choice(256, radius, replace=False)] ^= 1
        return np.packbits(bits).tobytes()

    def whole() -> int:
        found = index.search_all(query.hashes[HashKind.PDQ], NEAR[HashKind.PDQ])
        return len(found + index.search_all(query.turned, SAME[HashKind.PDQ]))

    def scan() -> int:
        value = np.frombuffer(near(31), np.uint64)
        distances = np.bitwise_count(words ^ value).sum(axis=1, dtype=np.uint16)
        return int((distances <= 31).sum())

    calls: dict[str, tuple[Callable[[], object], int]] = {
        "numpy: compare with every entry": (scan, 1),
        "one hash, up to 31 bits": (lambda: index.search(near(31), 31), 1),
        "one hash, up to 47 bits": (lambda: index.search(near(47), 47), 1),
        "a whole picture: upright up to 47 bits, seven turns up to 31": (whole, 1),
        "the same, with hashing 640 x 480 pixels": (
            lambda: (query_fingerprints(picture), whole()),
            1,
        ),
        "a batch of 256 hashes, up to 31 bits": (
            lambda: index.search_all([near(31) for _ in range(256)], 31),
            256,
        ),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(41):  # by turns, so that a busy moment of the machine meets all of them
        for name, (call, _) in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    lines = [
        "",
        f"{entries:,} PDQ hashes, index built in {built:.1f} s; medians of 41, by turns.",
        "",
        "| lookup | ms | a second | × the comparison with every entry |",
        "|---|---|---|---|",
    ]
    floor = statistics.median(taken["numpy: compare with every entry"])
    for name, (_, count) in calls.items():
        median = statistics.median(taken[name])
        lines.append(
            f"| {name} | {median * 1000:.2f} | {count / median:,.0f} "
            f"| {count * floor / median:,.1f} |"
        )
    found = 0
    for radius in (31, 47):
        for at in rng.integers(0, entries, 100).tolist():
            bits = np.unpackbits(hashes[at])
            bits[rng.choice(256, radius, replace=False)] ^= 1
            found += at in index.search(np.packbits(bits).tobytes(), radius)[0]
    lines += ["", f"Of 200 hashes changed in exactly 31 or 47 bits {found} were found."]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--strangers", type=int, default=300_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = recall_table(photos(arguments.photos), arguments.strangers, Path(folder))
    lines += speed_table(arguments.entries)
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
