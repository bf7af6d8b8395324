"""Lines that the shipped text reader cannot read, by the program Tesseract where it is installed.

Each language reads all such lines of a picture in one call; a line is taken from the first language
that is sure of it and whose script it is in. Among 30 drawn lines the right language mostly had a
confidence of 86 to 96, a wrong one at most 79.
"""

from __future__ import annotations

import csv
import logging
import os
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from moderation.classifiers.image.text_recognition import SURE, RecognisedLine
from moderation.errors import ModelUnavailable

_log = logging.getLogger(__name__)

#: Tesseract's name of a language → how the Unicode names of its letters begin.
SCRIPTS = MappingProxyType(
    {
        "kor": "HANGUL",
        "rus": "CYRILLIC",
        "ukr": "CYRILLIC",
        "bul": "CYRILLIC",
        "srp": "CYRILLIC",
        "kaz": "CYRILLIC",
        "ara": "ARABIC",
        "fas": "ARABIC",
        "urd": "ARABIC",
        "tha": "THAI",
        "hin": "DEVANAGARI",
        "mar": "DEVANAGARI",
        "nep": "DEVANAGARI",
        "ben": "BENGALI",
        "tam": "TAMIL",
        "tel": "TELUGU",
        "heb": "HEBREW",
        "ell": "GREEK",
    }
)

#: Written without spaces between words, or cut by Tesseract into single letters: here the gaps
#: between the boxes tell where words end.
_TIGHT = {"kor", "tha"}
_WORD_GAP = 8  #: pixels, of lines that are `_HEIGHT` high

_HEIGHT = 48  #: pixels of a line as Tesseract gets it
_LONGEST_LINE = 3000  #: pixels
_MOST_LINES = 24  #: of one picture
_LEAST_SCRIPT = 0.6  #: share of the letters that must be of the language's script

#: Below this, a line that the other reader took for Latin is tried as well, if its picture has
#: lines that could not be read at all: Thai comes out as Latin letters with 0.88 to 0.93.
_DOUBTFUL = 0.95

#: The detector must be this sure that something is text.
_SURELY_TEXT = 0.7

_Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Reading:
    text: str
    confidence: float  #: 0..1


class Tesseract:
    """The program with some of its languages. Safe to use from threads.

    Args:
        languages: by Tesseract's names; those that are not installed are left out.
        seconds: longest time for one picture and language.
        program: its name or path.

    Raises:
        ModelUnavailable: the program or all of the languages are missing.
    """

    def __init__(
        self, languages: Iterable[str], *, seconds: float = 15.0, program: str = "tesseract"
    ) -> None:
        found = shutil.which(program)
        if found is None:
            raise ModelUnavailable(
                f"MODERATION_IMAGE_OCR_FALLBACK needs the program {program}, which is not "
                "installed; on Debian: apt install tesseract-ocr tesseract-ocr-kor …"
            )
        self._program = found
        self._seconds = seconds
        wanted = [language for language in languages if language in SCRIPTS]
        installed = self._installed()
        self.languages = tuple(language for language in wanted if language in installed)
        if not self.languages:
            raise ModelUnavailable(
                f"none of the Tesseract languages {', '.join(wanted) or '(none known)'} is "
                "installed; on Debian: apt install tesseract-ocr-kor, for example"
            )

    @property
    def version(self) -> str:
        """Of the program, with the languages in force."""
        first = self._run(["--version"]).split("\n", 1)[0].split()
        return f"{'-'.join(first)}-{'.'.join(self.languages)}"

    def read_again(self, pixels: _Pixels, lines: Sequence[RecognisedLine]) -> list[RecognisedLine]:
        """The lines, with those replaced that Tesseract could read and the other reader could not.

        What takes too long or fails stays unread.

        Args:
            pixels: RGB, `(height, width, 3)`.
            lines: of this picture.
        """
        unread = [n for n, line in enumerate(lines) if not line.read and line.found >= _SURELY_TEXT]
        if not unread:
            return list(lines)
        doubtful = [n for n, line in enumerate(lines) if line.read and line.score < _DOUBTFUL]
        chosen = (unread + doubtful)[:_MOST_LINES]
        found = self._read({n: _line_picture(pixels, lines[n]) for n in chosen})
        return [
            replace(line, text=found[n].text, score=found[n].confidence, turned=False)
            if n in found
            else line
            for n, line in enumerate(lines)
        ]

    def _read(self, pictures: Mapping[int, _Pixels]) -> dict[int, _Reading]:
        done: dict[int, _Reading] = {}
        with tempfile.TemporaryDirectory(prefix="moderation-") as folder:
            for n, picture in pictures.items():
                Image.fromarray(picture).save(Path(folder, f"{n}-grey.png"))
                Image.fromarray(_black_on_white(picture)).save(Path(folder, f"{n}-black.png"))
            for language in self.languages:
                pages = [n for n in pictures if n not in done for _ in ("grey", "black")]
                if not pages:
                    break
                files = [
                    Path(folder, f"{n}-{ink}.png")
                    for n in dict.fromkeys(pages)
                    for ink in ("grey", "black")
                ]
                names = Path(folder, "lines.txt")
                names.write_text("".join(f"{file}\n" for file in files), "utf-8")
                for page, reading in self._call(names, language).items():
                    known = done.get(pages[page])
                    surer = known is None or reading.confidence > known.confidence
                    if surer and _is_sure(reading, language):
                        done[pages[page]] = reading
        return done

    def _call(self, names: Path, language: str) -> dict[int, _Reading]:
        """Number of the line → what stands there."""
        # 7: each picture is one line. 1: the neural recogniser.
        arguments = [str(names), "stdout", "-l", language, "--psm", "7", "--oem", "1", "tsv"]
        try:
            return _readings(self._run(arguments), tight=language in _TIGHT)
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            _log.warning("tesseract %s: %s", language, type(error).__name__)
            return {}

    def _installed(self) -> set[str]:
        try:
            return set(self._run(["--list-langs"]).split("\n")[1:])
        except (OSError, subprocess.SubprocessError) as error:
            raise ModelUnavailable(f"the program tesseract does not run: {error}") from error

    def _run(self, arguments: Sequence[str]) -> str:
        environment = {
            name: os.environ[name]
            for name in ("PATH", "TESSDATA_PREFIX", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")
            if name in os.environ
        }
        done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
            [self._program, *arguments],
            capture_output=True,
            check=True,
            timeout=self._seconds,
            stdin=subprocess.DEVNULL,
            # Its threads wait for each other more than they gain on lines.
            env=environment | {"OMP_THREAD_LIMIT": "1"},
        )
        return done.stdout.decode("utf-8", "replace")


def _is_sure(reading: _Reading, language: str) -> bool:
    letters = [character for character in reading.text if character.isalpha()]
    own = sum(unicodedata.name(c, "").startswith(SCRIPTS[language]) for c in letters)
    return reading.confidence >= SURE and own > 0 and own >= _LEAST_SCRIPT * len(letters)


def _readings(table: str, *, tight: bool) -> dict[int, _Reading]:
    """Words of Tesseract's table put together, by page from zero."""
    words: dict[int, list[dict[str, str]]] = {}
    for row in csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["level"] == "5" and row["text"] and row["text"].strip():
            words.setdefault(int(row["page_num"]) - 1, []).append(row)
    return {page: _joined(own, tight=tight) for page, own in words.items()}


def _joined(words: Sequence[Mapping[str, str]], *, tight: bool) -> _Reading:
    text = ""
    end = 0
    for word in words:
        left = int(word["left"])
        if text and (not tight or left - end >= _WORD_GAP):
            text += " "
        text += word["text"].strip()
        end = left + int(word["width"])
    weights = [len(word["text"]) for word in words]
    confidences = [max(0.0, float(word["conf"])) for word in words]
    return _Reading(
        unicodedata.normalize("NFC", text), float(np.average(confidences, weights=weights)) / 100
    )


def _black_on_white(line: _Pixels) -> _Pixels:
    """Letters black, the rest white: outlined letters are read so, and not as shades of grey."""
    _, split = cv2.threshold(line, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    rim = np.concatenate([split[0], split[-1], split[:, 0], split[:, -1]])
    return np.asarray(split if rim.mean() > 127 else 255 - split, np.uint8)


def _line_picture(pixels: _Pixels, line: RecognisedLine) -> _Pixels:
    """The line cut out with a little around it, level, grey, 48 pixels high."""
    corners = line.corners.astype(np.float32)
    across = float(np.linalg.norm(corners[1] - corners[0]))
    down = float(np.linalg.norm(corners[3] - corners[0]))
    if down > 1.5 * across:  # a line turned by a quarter
        corners = np.roll(corners, -1, axis=0)
        across, down = down, across
    margin = 0.15 * down
    target = np.array(
        [
            [margin, margin],
            [across + margin, margin],
            [across + margin, down + margin],
            [margin, down + margin],
        ],
        np.float32,
    )
    width, height = across + 2 * margin, down + 2 * margin
    scale = _HEIGHT / max(height, 1.0)
    to_line = cv2.getPerspectiveTransform(corners, target)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    level = cv2.warpPerspective(
        grey,
        to_line,
        (max(1, round(width)), max(1, round(height))),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    size = (int(np.clip(width * scale, 8, _LONGEST_LINE)), _HEIGHT)
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(level, size, interpolation=smooth), np.uint8)
