"""Text and codes on images: read, put together, and handed on as text like any other.

What looks like text and cannot be read is an observation of its own (`unread_text`), because a
message in a script that the recogniser does not know must not pass as a picture without words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import numpy as np
import numpy.typing as npt

from moderation.classifiers.base import DecodedImage, LocatedText
from moderation.classifiers.image.codes import Code, code_signals, read_codes
from moderation.classifiers.image.side_by_side import side_by_side
from moderation.classifiers.image.tesseract import Tesseract
from moderation.classifiers.image.text_layout import Block, DrawnLine, blocks_of
from moderation.classifiers.image.text_recognition import (
    LARGEST_LINE,
    LINE_RATIO,
    RecognisedLine,
    TextRecogniser,
)
from moderation.settings import Settings
from moderation.signals import ImageBox, Signal

NAME = "image_text"

#: Of the models and of what is made of their answers.
VERSION = "ppocrv6-small-1"

#: The detector must be this sure that something is text before it counts as unread text; textures
#: such as tiles and foliage stay below.
_SURELY_TEXT = 0.7

_LONGEST_QUOTE = 2000


@dataclass(frozen=True, slots=True)
class DrawnText:
    """What is written on one image."""

    texts: tuple[LocatedText, ...] = ()  #: one per block of lines, in reading order, then codes
    lines: tuple[ImageBox, ...] = ()  #: one per line, with its text
    unread: tuple[ImageBox, ...] = ()  #: places that look like text and could not be read
    signals: tuple[Signal, ...] = ()  #: `unread_text` and `contact_code`


class DrawnTextReader:
    """Reads the text on images. The models load once, when first needed; safe in threads.

    Args:
        threads: of the recogniser; 0 means one per available core.
        fallback: reads what the recogniser cannot, or None.
        openvino: see `TextRecogniser`.
    """

    name = NAME

    def __init__(
        self,
        threads: int = 0,
        fallback: Tesseract | None = None,
        *,
        openvino: bool | None = None,
    ) -> None:
        self._recogniser = TextRecogniser(threads, openvino=openvino)
        self._threads = threads
        self._fallback = fallback
        self.version = f"{VERSION}+{fallback.version}" if fallback else VERSION

    @classmethod
    def from_settings(cls, settings: Settings) -> DrawnTextReader:
        """The process's one reader: its models take 0.3 GB, so they are loaded once.

        Raises:
            ModelUnavailable: Tesseract is configured and is not installed.
        """
        languages = settings.image_ocr_languages if settings.image_ocr_fallback else ()
        return _shared(settings.threads, languages)

    def read(self, images: Sequence[DecodedImage]) -> list[DrawnText]:
        """What is written on each image.

        Raises:
            ModelUnavailable: the recogniser's models are missing.
        """
        frames = [(image.pixels, *image.frames) for image in images]
        flat = [frame for own in frames for frame in own]
        lines, codes = self._look(flat)
        if self._fallback is not None:
            pairs = zip(flat, lines, strict=True)
            lines = [self._fallback.read_again(frame, of_frame) for frame, of_frame in pairs]
        found = zip(flat, lines, codes, strict=True)
        return [
            self._examine(image, list(islice(found, len(own))))
            for image, own in zip(images, frames, strict=True)
        ]

    def _look(
        self, frames: Sequence[npt.NDArray[np.uint8]]
    ) -> tuple[list[list[RecognisedLine]], list[list[Code]]]:
        """Lines and codes of each frame. The codes come last: they are quick, so that no thread
        waits long for another at the end."""
        read_lines = self._recogniser.reading(len(frames))
        lines: list[list[RecognisedLine]] = [[] for _ in frames]
        codes: list[list[Code]] = [[] for _ in frames]

        def look(task: tuple[bool, int]) -> None:
            for_codes, at = task
            if for_codes:
                codes[at] = read_codes(frames[at])
            else:
                lines[at] = read_lines(frames[at])

        tasks = [(for_codes, at) for for_codes in (False, True) for at in range(len(frames))]
        side_by_side(look, tasks, self._threads if len(frames) > 1 else 1)
        return lines, codes

    def _examine(
        self,
        image: DecodedImage,
        frames: Sequence[tuple[npt.NDArray[np.uint8], Sequence[RecognisedLine], Sequence[Code]]],
    ) -> DrawnText:
        read: list[DrawnLine] = []
        unread: list[ImageBox] = []
        texts: list[LocatedText] = []
        signals: list[Signal] = []
        seen: set[str] = set()
        for frame, (pixels, found, codes) in enumerate(frames):
            height, width = pixels.shape[:2]
            lines = [_line(line, width, height, frame) for line in found]
            good = [line for line, raw in zip(lines, found, strict=True) if raw.read]
            upside_down = sum(raw.turned for raw in found if raw.read) * 2 > len(good)
            for block in _blocks(good, upside_down=upside_down):
                # An animation repeats its words in every frame.
                if block.text not in seen:
                    seen.add(block.text)
                    texts.append(_located(image.index, block))
            read += good
            new = [code for code in codes if code.text not in seen]
            seen.update(code.text for code in new)
            texts += [_of_code(image.index, code, width, height) for code in new]
            signals += code_signals(image.index, new, width, height)
            boxes = [code.box(image.index, width, height) for code in codes]
            unread += [
                _box(image.index, line)
                for line, raw in zip(lines, found, strict=True)
                if _is_unread_line(line, raw) and not any(_inside(line, box) for box in boxes)
            ]
        if unread:
            signals.insert(0, self._unread_signal(image.index, read, unread))
        return DrawnText(
            texts=tuple(texts),
            lines=tuple(_box(image.index, line) for line in read),
            unread=tuple(unread),
            signals=tuple(signals),
        )

    def _unread_signal(
        self, index: int, read: Sequence[DrawnLine], unread: Sequence[ImageBox]
    ) -> Signal:
        lost = sum(box.width * box.height for box in unread)
        kept = sum(line.width * line.height for line in read)
        return Signal(
            name="unread_text",
            probability=min(1.0, lost / (lost + kept)),
            part=f"image:{index}",
            evidence=tuple(unread[:20]),
            model=self.name,
            model_version=self.version,
            note="share of the drawn text, by area, that could not be read",
        )


def _line(line: RecognisedLine, width: int, height: int, frame: int) -> DrawnLine:
    low = line.corners.min(axis=0)
    high = line.corners.max(axis=0)
    return DrawnLine(
        text=line.text.strip(),
        score=line.score,
        x=float(low[0]) / width,
        y=float(low[1]) / height,
        width=float(high[0] - low[0]) / width,
        height=float(high[1] - low[1]) / height,
        aspect=width / height,
        frame=frame,
    )


def _is_unread_line(line: DrawnLine, raw: RecognisedLine) -> bool:
    # Unread text must have the shape of a line: blurs and patterns that the detector takes for text
    # are squares, or fill the whole picture.
    if raw.read or raw.found < _SURELY_TEXT or line.width * line.height > LARGEST_LINE:
        return False
    short, long = sorted((line.width * line.aspect, line.height))
    return long >= LINE_RATIO * short


def _inside(line: DrawnLine, box: ImageBox) -> bool:
    """Whether the middle of the line lies in the box; the grain of a code looks like letters."""
    x, y = line.x + line.width / 2, line.y + line.height / 2
    return box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height


def _blocks(lines: Sequence[DrawnLine], *, upside_down: bool) -> list[Block]:
    if not upside_down:
        return blocks_of(lines)
    # Turn the page, put it in order, turn the lines back.
    blocks = blocks_of([_opposite(line) for line in lines])
    return [Block(tuple(_opposite(line) for line in block.lines)) for block in blocks]


def _opposite(line: DrawnLine) -> DrawnLine:
    return replace(line, x=1 - line.x - line.width, y=1 - line.y - line.height)


def _box(index: int, line: DrawnLine) -> ImageBox:
    return ImageBox(
        image=index,
        x=line.x,
        y=line.y,
        width=line.width,
        height=line.height,
        text=line.text[:_LONGEST_QUOTE],
    )


def _located(index: int, block: Block) -> LocatedText:
    x, y, width, height = np.clip(block.box, 0.0, 1.0).tolist()
    text = block.text
    return LocatedText(
        text=text,
        part=f"image:{index}",
        box=ImageBox(image=index, x=x, y=y, width=width, height=height, text=text[:_LONGEST_QUOTE]),
    )


def _of_code(index: int, code: Code, width: int, height: int) -> LocatedText:
    return LocatedText(text=code.text, part=f"image:{index}", box=code.box(index, width, height))


@cache
def _shared(threads: int, fallback_languages: tuple[str, ...]) -> DrawnTextReader:
    fallback = Tesseract(fallback_languages) if fallback_languages else None
    return DrawnTextReader(threads, fallback)
