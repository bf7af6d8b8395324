"""Short videos: key frames looked at, recognised and read like images, subtitles as text.

What is shown for less than half a second can be missed, and so can a change that is small beside
the others; the sound is not listened to.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from moderation.classifiers.base import (
    ENTRY_POINT_GROUP,
    Classifier,
    DecodedImage,
    LocatedText,
    Prepared,
)
from moderation.classifiers.image.drawn_text import NAME, DrawnTextReader
from moderation.classifiers.image.key_frames import KeyFrame, KeyFrameReader, KeyFrames, VideoLimits
from moderation.classifiers.image.refusals import ImageRefused
from moderation.classifiers.image.subtitles import spoken_text
from moderation.classifiers.matching.known_images import KnownImageClassifier
from moderation.items import Item, VideoPart
from moderation.settings import Settings
from moderation.signals import BankMatch, Evidence, ImageBox, Problem, Signal, TimeSpan

_log = logging.getLogger(__name__)

#: Classifiers that also look at key frames, where they are configured.
_OF_FRAMES = frozenset({"nsfw", "image_head", "image_model", "image_zero_shot", "known_images"})

#: Key frames are given to classifiers as images of this item, which has none of its own.
_NOBODY = Item.from_row({"id": "key frames", "text": "-"})

#: Stretches of time in a signal: that of the worst frame, and others that are bad as well.
_MOST_TIMES = 3
_BAD = 0.5


@dataclass(frozen=True, slots=True)
class WatchedVideo:
    """What was seen and read in one video."""

    texts: tuple[LocatedText, ...] = ()  #: what is written in the frames, then what is spoken
    signals: tuple[Signal, ...] = ()
    problems: tuple[Problem, ...] = ()  #: why it, or the rest of it, was not looked at


class VideoWatcher:
    """Watches videos with the same models that look at images.

    Args:
        frames: takes the key frames out.
        classifiers: look at them as at images.
        reader: reads them, or None.
    """

    name = "video"
    version = "key-frames-3"

    def __init__(
        self,
        frames: KeyFrameReader,
        classifiers: Sequence[Classifier],
        reader: DrawnTextReader | None,
    ) -> None:
        self._frames = frames
        self._classifiers = tuple(classifiers)
        self._reader = reader

    @classmethod
    def from_settings(cls, settings: Settings) -> VideoWatcher:
        """With the image classifiers that the settings switch on.

        Raises:
            ModelUnavailable: one of them cannot be loaded.
        """
        names = _OF_FRAMES.intersection(settings.classifiers)
        points = [p for p in entry_points(group=ENTRY_POINT_GROUP) if p.name in names]
        own: list[Classifier] = [point.load()(settings) for point in points]
        reader = (
            DrawnTextReader.from_settings(settings)
            if "image_text" in settings.classifiers
            else None
        )
        return cls(_shared_frames(VideoLimits.from_settings(settings)), own, reader)

    def watch(
        self, videos: Sequence[tuple[int, VideoPart]], *, allow_paths: bool = False
    ) -> list[WatchedVideo]:
        """What is in each video.

        Args:
            videos: each with its index among its item's videos.
            allow_paths: whether local paths may be read; an HTTP client must never name one.
        """
        return [self._watch(index, video, allow_paths=allow_paths) for index, video in videos]

    def _watch(self, index: int, video: VideoPart, *, allow_paths: bool) -> WatchedVideo:
        part = f"video:{index}"
        spoken = spoken_text(video.subtitles or "")
        said = (LocatedText(spoken, part),) if spoken else ()
        try:
            found = self._frames.read(video, allow_paths=allow_paths)
        except ImageRefused as refusal:
            problem = Problem(part=part, code=refusal.code, message=refusal.message)
            # A file that cannot be decoded may be known all the same.
            known, problems = (
                self._known_file(part, video) if allow_paths or video.data is not None else ([], [])
            )
            return WatchedVideo(said, tuple(known), (problem, *problems))
        images = [
            DecodedImage(n, frame.pixels, (frame.pixels.shape[1], frame.pixels.shape[0]), "")
            for n, frame in enumerate(found.frames)
        ]
        looked, problems = self._look(part, found, images)
        drawn: list[LocatedText] = []
        signals: list[Signal] = []
        try:
            drawn, signals = self._read(part, found, images)
        except Exception as error:  # noqa: BLE001 - the scores of the frames stand all the same
            problems.append(_failed(part, NAME, error))
        known, more = self._known_file(part, video)
        problems += more
        if not found.complete:
            problems.append(
                Problem(
                    part=part,
                    code="video_too_long",
                    message=f"only the first {found.seconds:.0f} seconds were looked at",
                )
            )
        return WatchedVideo((*drawn, *said), (*known, *looked, *signals), tuple(problems))

    def _look(
        self, part: str, found: KeyFrames, images: Sequence[DecodedImage]
    ) -> tuple[list[Signal], list[Problem]]:
        signals: list[Signal] = []
        problems: list[Problem] = []
        for classifier in self._classifiers:
            try:
                [of_frames] = classifier.classify([Prepared(_NOBODY, images=tuple(images))])
            except Exception as error:  # noqa: BLE001 - one model must not lose the others' results
                problems.append(_failed(part, classifier.name, error))
                continue
            alike: dict[tuple[object, ...], list[tuple[int, Signal]]] = {}
            for signal in of_frames:
                number = int(signal.part.removeprefix("image:"))
                entries = tuple(e.entry for e in signal.evidence if isinstance(e, BankMatch))
                alike.setdefault((signal.name, signal.category, entries), []).append(
                    (number, signal)
                )
            signals += [_of_video(part, found, own) for own in alike.values()]
        return signals, problems

    def _known_file(self, part: str, video: VideoPart) -> tuple[list[Signal], list[Problem]]:
        """Matches of the file as a whole."""
        signals: list[Signal] = []
        file = video.data if video.data is not None else video.path
        for classifier in self._classifiers:
            if isinstance(classifier, KnownImageClassifier) and file is not None:
                try:
                    signals += classifier.matches_of_file(part, file)
                except FileNotFoundError:
                    return [], []  # already a problem
                except Exception as error:  # noqa: BLE001 - the video is looked at all the same
                    return signals, [_failed(part, classifier.name, error)]
        return signals, []

    def _read(
        self, part: str, found: KeyFrames, images: Sequence[DecodedImage]
    ) -> tuple[list[LocatedText], list[Signal]]:
        if self._reader is None:
            return [], []
        texts: dict[str, LocatedText] = {}
        signals: dict[tuple[str, str], Signal] = {}
        for number, drawn in enumerate(self._reader.read(images)):
            for text in drawn.texts:
                # Words stay on screen over many key frames.
                when = _span(found, number, text.text)
                texts.setdefault(text.text, LocatedText(text.text, part, box=when))
            for signal in drawn.signals:
                # A box in an image is no evidence in a video; its words are.
                boxes = [box for box in signal.evidence if isinstance(box, ImageBox)]
                words = [box.text for box in boxes if box.text]
                moved = signal.model_copy(
                    update={
                        "part": part,
                        "evidence": (_span(found, number, " ".join(words)),),
                        "note": f"at {found.frames[number].time_code}: {signal.note}",
                    }
                )
                kept = signals.setdefault((signal.name, signal.note), moved)
                if signal.probability > kept.probability:
                    signals[signal.name, signal.note] = moved
        return list(texts.values()), list(signals.values())


def _of_video(part: str, found: KeyFrames, alike: Sequence[tuple[int, Signal]]) -> Signal:
    """The worst of a classifier's signals of the same meaning, with the times of the worst frames.

    Args:
        part: of the item.
        found: the key frames.
        alike: number of the frame and its signal; not empty.
    """
    ranked = sorted(alike, key=lambda pair: (-pair[1].probability, pair[0]))
    first, worst = ranked[0]
    bad = [number for number, signal in ranked if signal.probability >= _BAD] or [first]
    times: list[Evidence] = list(_scenes(found, bad)[:_MOST_TIMES])
    matches: list[Evidence] = [e for e in worst.evidence if isinstance(e, BankMatch)]
    note = f"worst key frame at {found.frames[first].time_code}"
    return worst.model_copy(
        update={
            "part": part,
            "evidence": (*matches, *times),
            "note": f"{note}; {worst.note}"[:2000] if worst.note else note,
        }
    )


def _scenes(found: KeyFrames, numbers: Sequence[int]) -> list[TimeSpan]:
    """Key frames as stretches of time, those that follow one another as one.

    Args:
        found: the key frames.
        numbers: of some of them, worst first.

    Returns:
        The stretch of the worst first.
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    runs.sort(key=lambda run: min(numbers.index(number) for number in run))
    return [
        TimeSpan(start=_span(found, run[0]).start, end=_span(found, run[-1]).end) for run in runs
    ]


def _span(found: KeyFrames, number: int, text: str = "") -> TimeSpan:
    """From this key frame to the next one, or to where the video was left."""
    frames: Sequence[KeyFrame] = found.frames
    start = frames[number].seconds
    end = frames[number + 1].seconds if number + 1 < len(frames) else found.seconds
    return TimeSpan(start=round(start, 2), end=round(max(start, end), 2), text=text[:2000])


def _failed(part: str, classifier: str, error: Exception) -> Problem:
    _log.error("classifier %s failed on a video", classifier, exc_info=error)
    return Problem(
        part=part,
        code="classifier_failed",
        message=f"{classifier}: {type(error).__name__}",
    )


@cache
def _shared_frames(limits: VideoLimits) -> KeyFrameReader:
    return KeyFrameReader(limits)
