"""The image pipeline against the bare model calls of the same run.

    python benchmarks/image_pipeline.py [--rounds 20] [--runtime onnxruntime] [--out TABLE.md]

Medians. The photo is drawn: 1080 x 1440, smooth and busy places, no text.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from moderation.classifiers.base import DecodedImage, Prepared
from moderation.classifiers.image.codes import read_codes
from moderation.classifiers.image.decoding import SafeDecoder
from moderation.classifiers.image.drawn_text import DrawnTextReader
from moderation.classifiers.image.nsfw import NsfwClassifier
from moderation.classifiers.image.text_recognition import TextRecogniser
from moderation.classifiers.matching.near_duplicates import ImageHashClassifier
from moderation.classifiers.matching.pdq import pdq
from moderation.items import ImagePart, Item
from moderation.screening import Screener
from moderation.settings import Settings


def photo(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (1080, 1440), tuple(rng.integers(0, 255, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for size in np.geomspace(1200, 30, 120):
        x, y = rng.uniform(-200, 1300, 2)
        colour = tuple(rng.integers(0, 255, 3).tolist())
        pen.ellipse((x, y, x + size, y + size * rng.uniform(0.3, 1)), fill=colour)
    noise = np.asarray(picture, np.int16) + rng.integers(-6, 6, (1440, 1080, 3))
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8))


def captioned(picture: Image.Image, day: int) -> Image.Image:
    """With three lines drawn on it. They differ: a line three times over is taken for spam, and
    telling the words that make it so would cost more than the picture."""
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(56)
    for at, words in enumerate((f"river walk, day {day}", "rain until noon", "soup at the mill")):
        pen.text((80, 300 + 90 * at), words, "white", font, stroke_width=3, stroke_fill="black")
    return picture


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def medians(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each call; they run by turns, so that a busy moment meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number:  # the first round loads models
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


class Pipeline:
    """Everything that happens to an image, as the screener does it."""

    def __init__(self, *, openvino: bool) -> None:
        self.decoder = SafeDecoder()
        self.nudity = NsfwClassifier()
        self.reader = DrawnTextReader(openvino=openvino)
        self.hashes = ImageHashClassifier()

    def run(self, files: list[bytes]) -> list[Prepared]:
        """One item with these images."""
        parts = [(n, ImagePart(data=data)) for n, data in enumerate(files)]
        images = [i for i in self.decoder.decode_all(parts) if isinstance(i, DecodedImage)]
        assert len(images) == len(files)
        self.reader.read(images)
        item = Prepared(Item.from_row({"id": "1", "text": "x"}), images=tuple(images))
        self.nudity.classify([item])
        self.hashes.classify([item])
        return [item]


def slideshow(seed: int, slides: int) -> list[bytes]:
    """Pictures of which a third has text drawn on it, no two alike."""
    return [
        jpeg(captioned(photo(seed + n), seed + n) if n % 3 == 0 else photo(seed + n))
        for n in range(slides)
    ]  # fmt: skip


def post(number: int, slides: list[bytes]) -> Item:
    """A post with a line of text for each picture."""
    lines = [f"the kiln on day {number + n}, still too hot to open" for n in range(len(slides))]
    return Item.model_validate(
        {
            "id": str(number),
            "texts": [{"text": line} for line in lines],
            "images": [{"data": slide} for slide in slides],
        }
    )


def screened(slides: int, rounds: int) -> list[str]:
    """Slides as users send them: posts with one picture and one line each against one post with all
    pictures and lines, through every default classifier and all policy packs. Every round has
    pictures and words that nobody has seen: known texts are not computed again."""
    names = ("a post for each, one after another", "one post with all")
    taken: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        screener = Screener.from_settings(Settings(data_dir=Path(folder)))
        for number in range(rounds + 1):
            for which, name in enumerate(names):
                seed = 1000 * (2 * number + which + 1)
                shown = slideshow(seed, slides)
                each = [post(seed + n, [slide]) for n, slide in enumerate(shown)]
                posts = [[one] for one in each] if which == 0 else [[post(seed, shown)]]
                start = time.perf_counter()
                for own in posts:
                    screener.screen(own)
                if number:
                    taken[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    first, second = middle.values()
    return [
        "",
        f"| {slides} images through the whole screening | seconds | images/s |",
        "|---|---|---|",
        *(f"| {name} | {s:.2f} | {slides / s:.1f} |" for name, s in middle.items()),
        f"| gain | {first / second:.2f} x | |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--slides", type=int, default=18)
    parser.add_argument(
        "--runtime", choices=["onnxruntime", "openvino"], default="openvino",
        help="What the text reader's networks run with; the screening uses what is installed.",
    )  # fmt: skip
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rounds = arguments.rounds
    pipeline = Pipeline(openvino=arguments.runtime == "openvino")
    recogniser = TextRecogniser(openvino=arguments.runtime == "openvino")
    plain = jpeg(photo(0))
    pixels = np.asarray(Image.open(io.BytesIO(plain)).convert("RGB"))
    bare: dict[str, Callable[[], object]] = {
        "decode in this process (Pillow)": lambda: np.asarray(
            Image.open(io.BytesIO(plain)).convert("RGB")
        ),
        "nudity model": lambda: pipeline.nudity.score([pixels]),
        "text detector and recogniser": lambda: recogniser.lines(pixels),
        "code reader": lambda: read_codes(pixels),
        "PDQ": lambda: pdq(pixels),
    }
    taken = medians({**bare, "whole pipeline": lambda: pipeline.run([plain])}, rounds)
    whole = taken.pop("whole pipeline")
    total = sum(taken.values())
    lines = ["| call on a 1080 x 1440 photo without text | median ms |", "|---|---|"]
    lines += [f"| {name} | {seconds * 1000:.1f} |" for name, seconds in taken.items()]
    lines += [
        f"| sum of the bare calls | {total * 1000:.1f} |",
        f"| whole pipeline | {whole * 1000:.1f} |",
        f"| whole pipeline / sum | {whole / total:.2f}, {1 / whole:.1f} images/s |",
        "",
    ]
    slides = slideshow(0, arguments.slides)
    shows: dict[str, Callable[[], object]] = {
        "one call after another": lambda: [pipeline.run([slide]) for slide in slides],
        "one call for all": lambda: pipeline.run(slides),
    }
    taken = medians(shows, max(2, rounds // 5))
    gain = taken["one call after another"] / taken["one call for all"]
    lines += [
        f"| {arguments.slides} images, a third with text | seconds | images/s |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {s:.2f} | {arguments.slides / s:.1f} |" for name, s in taken.items()]
    lines.append(f"| gain | {gain:.2f} x | |")
    pipeline.decoder.close()
    lines += screened(arguments.slides, max(2, rounds // 5))
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
