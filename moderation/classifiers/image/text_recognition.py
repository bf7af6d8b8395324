"""Lines of text in pixels, by RapidOCR's PP-OCRv6 models (Apache-2.0, shipped in the package).

It reads Chinese (both scripts), Japanese, and Latin, also upside down, mirrored and in columns. It
does not read Korean, Cyrillic, Arabic, Thai or Devanagari; such lines are reported as unread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from moderation.classifiers.image.fixed_shapes import FixedShapes
from moderation.classifiers.image.side_by_side import side_by_side
from moderation.errors import ModelUnavailable

#: Surer than this, a line counts as read. Unsupported scripts, upside-down and mirrored lines come
#: out as nonsense with 0.4 to 0.82.
SURE = 0.85

#: Longest side for the detector, pixels. 736 finds what 1600 finds in a quarter of the time.
_DETECTION_SIDE = 736

#: A line is longer than high, or smaller than this share of the picture. What is neither is a
#: shape that fills the picture (a cup, a horse), or a single huge character.
LINE_RATIO = 1.5
LARGEST_LINE = 0.4

#: Shorter side, pixels, of what is cut out of a picture that it fills.
_AMPLE_SIDE = 192


@dataclass(frozen=True, slots=True)
class RecognisedLine:
    """What stands in one place of the picture."""

    text: str
    score: float  #: of the recogniser, 0..1
    found: float  #: of the detector: how much this is text at all, 0..1
    corners: npt.NDArray[np.float32]  #: `(4, 2)`, x and y in pixels
    turned: bool = False  #: it stood upside down

    @property
    def read(self) -> bool:
        """Whether the text can be relied on."""
        return self.score >= SURE and not looks_like_nothing(self.text)


def looks_like_nothing(text: str) -> bool:
    """Whether a line has no letters to speak of: what other scripts are often taken for.

    Cyrillic, for one, comes out as digits and spaces with a score of 0.9.
    """
    if not text.strip():
        return True
    spaces = sum(character.isspace() for character in text)
    return spaces > 0.4 * len(text)


class TextRecogniser:
    """Detector and recogniser, loaded once when first used. Safe to use from threads.

    A single picture is read with all threads at once. Several pictures are read side by side with
    one thread each, which wastes none of them; for that the networks are loaded again.

    Args:
        threads: how many; 0 means one per available core.
        openvino: run the networks with OpenVINO, which reads the same in half the time; None where
            it is installed.
    """

    def __init__(self, threads: int = 0, *, openvino: bool | None = None) -> None:
        self._threads = threads or len(os.sched_getaffinity(0))
        self._openvino = find_spec("openvino") is not None if openvino is None else openvino
        self._whole = _Engines(self._threads, 1, self._openvino)
        self._single = _Engines(1, self._threads, self._openvino)

    @property
    def runtime(self) -> str:
        """What the networks run with."""
        return "openvino" if self._openvino else "onnxruntime"

    def lines(self, pixels: npt.NDArray[np.uint8]) -> list[RecognisedLine]:
        """Every place that looks like text, whether it could be read or not.

        Args:
            pixels: RGB, `(height, width, 3)`.

        Raises:
            ModelUnavailable: the models are missing.
        """
        with self._whole.borrowed() as engine:
            return _lines(engine, pixels)

    def lines_of_all(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> list[list[RecognisedLine]]:
        """`lines` of each picture, in order.

        Raises:
            ModelUnavailable: the models are missing.
        """
        return side_by_side(self.reading(len(pictures)), pictures, self._threads)

    def reading(self, pictures: int) -> Callable[[npt.NDArray[np.uint8]], list[RecognisedLine]]:
        """`lines`, for so many pictures that are worked on side by side, one thread each."""
        return self.lines if pictures < 2 or self._threads < 2 else self._lines_alone

    def _lines_alone(self, pixels: npt.NDArray[np.uint8]) -> list[RecognisedLine]:
        with self._single.borrowed() as engine:
            return _lines(engine, pixels)


class _Engines:
    """At most so many engines, loaded when first needed; each serves one thread at a time."""

    def __init__(self, threads: int, most: int, openvino: bool) -> None:
        self._threads, self._most, self._openvino = threads, most, openvino
        self._detector: FixedShapes | None = None
        self._room = threading.BoundedSemaphore(most)
        self._free: list[Any] = []
        self._loading = threading.Lock()
        self._loaded: Any = None

    @contextmanager
    def borrowed(self) -> Iterator[Any]:
        with self._room:
            try:
                engine = self._free.pop()
            except IndexError:
                engine = self._load()
            try:
                yield engine
            finally:
                self._free.append(engine)

    def _load(self) -> Any:
        """One more engine; ONNX Runtime's may be used by all threads at once, OpenVINO's not."""
        with self._loading:
            if self._loaded is None or self._openvino:
                self._loaded = _load_engine(self._threads, openvino=self._openvino)
                if self._openvino and self._most > 1:
                    self._share_detector(self._loaded.text_det)
            return self._loaded

    def _share_detector(self, detector: Any) -> None:
        """Let the engines that work side by side use one detector for shapes that come often."""
        if self._detector is None:
            self._detector = FixedShapes(detector.session.model, self._most)
        detector.session = partial(self._detector.run, detector.session)


def _load_engine(threads: int, *, openvino: bool) -> Any:
    from rapidocr import EngineType, RapidOCR
    from rapidocr.main import RapidOCRError

    runtime = EngineType.OPENVINO if openvino else EngineType.ONNXRUNTIME
    try:
        engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Det.limit_type": "max",
                "Det.limit_side_len": _DETECTION_SIDE,
                # At the default of 0.9 half of the upside-down lines stay upside down.
                "Cls.cls_thresh": 0.6,
                **{f"{part}.engine_type": runtime for part in ("Det", "Cls", "Rec")},
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.openvino.inference_num_threads": threads,
                # Else all engines of one thread would share the first core.
                "EngineConfig.openvino.enable_cpu_pinning": False,
            }
        )
        engine.crop_text_regions = _crops
        # Load all networks now; the package would do so in the first threads that need them.
        blank = np.zeros((32, 64, 3), np.uint8)
        with suppress(RapidOCRError):  # it finds no text
            engine.detect_and_crop(blank, {})
        engine.cls_and_rotate([blank])
        engine.recognize_txt([blank])
    except Exception as error:
        raise ModelUnavailable(
            f"the text reader cannot be loaded: {error}; reinstall the package rapidocr"
            f"{', or openvino, or uninstall the latter' if openvino else ''}"
        ) from error
    return engine


def _lines(engine: Any, pixels: npt.NDArray[np.uint8]) -> list[RecognisedLine]:
    from rapidocr.main import RapidOCRError
    from rapidocr.utils.process_img import map_boxes_to_original

    height, width = pixels.shape[:2]
    if min(height, width) < 8:
        return []
    picture, steps = engine.preprocess_img(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    try:
        crops, found = engine.detect_and_crop(picture, steps)
    except RapidOCRError:  # "the text detection result is empty"
        return []
    usable = [i for i, crop in enumerate(crops) if min(crop.shape[:2]) > 0]
    if not usable:
        return []
    crops = [crops[i] for i in usable]
    upright = engine.cls_and_rotate(crops)[0]
    texts, scores = _recognise(engine, upright)
    turned = [bool((a != b).any()) for a, b in zip(crops, upright, strict=True)]
    lines = [i for i, at in enumerate(usable) if not _fills(found.boxes[at], picture)]
    # First a wrong guess of the direction; then a picture that is mirrored to escape being read,
    # whose direction is guessed wrongly as often as not.
    mirrored = False
    for change, turns in _CHANGES:
        doubtful = [i for i in lines if scores[i] < SURE]
        better = _better(engine, change, upright, doubtful, texts, scores)
        turned = [was != (turns and i in better) for i, was in enumerate(turned)]
        mirrored = mirrored or (bool(better) and change is not _upside_down)
    if mirrored:
        # Some lines of a mirrored page read "well" either way; the surer reading is right.
        for change, turns in _CHANGES[1:]:
            better = _better(engine, change, upright, lines, texts, scores)
            turned = [was != (turns and i in better) for i, was in enumerate(turned)]
    boxes = map_boxes_to_original(np.array(found.boxes, np.float32), steps, height, width)
    return [
        RecognisedLine(texts[i], scores[i], float(found.scores[at]), boxes[at], turned[i])
        for i, at in enumerate(usable)
    ]


def _crops(
    picture: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float32]
) -> list[npt.NDArray[np.uint8]]:
    """What stands in each box `(4, 2)`, upright. The recogniser makes it 48 pixels high, so what
    fills the picture is cut from a smaller one, which costs a tenth."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    crops = []
    for box in boxes:
        source, corners = picture, np.array(box, np.float32)
        share = _AMPLE_SIDE / min(_sides(corners)) if _fills(corners, picture) else 1.0
        if share < 1:
            smaller = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
            source = np.asarray(smaller, np.uint8)
            corners *= share
        crops.append(get_rotate_crop_image(source, corners))
    return crops


def _fills(box: npt.NDArray[np.float32], picture: npt.NDArray[np.uint8]) -> bool:
    """Whether it is a shape that fills the picture: not worth reading the other way round. Turned
    and mirrored until something fits, it would be taken for a character."""
    short, long = sorted(_sides(box))
    height, width = picture.shape[:2]
    return long < LINE_RATIO * short and short * long > LARGEST_LINE * height * width


def _sides(box: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Longest across and longest down of a box `(4, 2)`, pixels."""
    across = max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3]))
    down = max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2]))
    return float(across), float(down)


def _better(
    engine: Any,
    change: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
    crops: Sequence[npt.NDArray[np.uint8]],
    chosen: Sequence[int],
    texts: list[str],
    scores: list[float],
) -> list[int]:
    """Read the chosen crops changed; where that is surer, replace text and score."""
    if not chosen:
        return []
    again = _recognise(engine, [change(crops[i]) for i in chosen])
    better = [
        (i, text, score)
        for i, text, score in zip(chosen, *again, strict=True)
        if score >= SURE and score > scores[i]
    ]
    for i, text, score in better:
        texts[i], scores[i] = text, score
    return [i for i, _, _ in better]


def _recognise(engine: Any, crops: list[npt.NDArray[np.uint8]]) -> tuple[list[str], list[float]]:
    answer = engine.recognize_txt(crops)
    return list(answer.txts), [float(score) for score in answer.scores]


def _upside_down(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(crop[::-1, ::-1])


def _mirrored(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(crop[:, ::-1])


def _flipped(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(crop[::-1])


#: Other ways to read a line, and whether they turn it upside down.
_CHANGES = ((_upside_down, True), (_mirrored, False), (_flipped, True))
