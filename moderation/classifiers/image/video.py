"""Short videos: key frames looked at and read like images, subtitles as text.

What is shown for less than half a second can be missed, and so can a change that is small beside
the others; the sound is not listened to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from moderation.classifiers.base import DecodedImage, LocatedText
from moderation.classifiers.image.drawn_text import DrawnTextReader
from moderation.classifiers.image.key_frames import KeyFrame, KeyFrameReader
from moderation.classifiers.image.nsfw import CATEGORY, NsfwClassifier, nsfw
from moderation.classifiers.image.refusals import ImageRefused
from moderation.classifiers.image.subtitles import spoken_text
from moderation.items import VideoPart
from moderation.settings import Settings
from moderation.signals import Problem, Signal


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
        nudity: looks at them, or None.
        reader: reads them, or None.
    """

    name = "video"
    version = "key-frames-1"

    def __init__(
        self,
        frames: KeyFrameReader,
        nudity: NsfwClassifier | None,
        reader: DrawnTextReader | None,
    ) -> None:
        self._frames = frames
        self._nudity = nudity
        self._reader = reader

    @classmethod
    def from_settings(cls, settings: Settings) -> VideoWatcher:
        """With the image classifiers that the settings switch on."""
        return cls(
            _shared_frames(),
            nsfw(settings) if "nsfw" in settings.classifiers else None,
            DrawnTextReader.from_settings(settings)
            if "image_text" in settings.classifiers
            else None,
        )

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
            return WatchedVideo(texts=said, problems=(problem,))
        drawn, signals = self._read(part, found.frames)
        problems = []
        if not found.complete:
            problems.append(
                Problem(
                    part=part,
                    code="video_too_long",
                    message=f"only the first {found.seconds:.0f} seconds were looked at",
                )
            )
        return WatchedVideo(
            texts=(*drawn, *said),
            signals=(*self._nudity_signal(part, found.frames), *signals),
            problems=tuple(problems),
        )

    def _nudity_signal(self, part: str, frames: Sequence[KeyFrame]) -> list[Signal]:
        if self._nudity is None:
            return []
        scores = self._nudity.score([frame.pixels for frame in frames])
        worst = int(scores.argmax())
        high = [frames[n].time_code for n in scores.argsort()[::-1][:3] if scores[n] >= 0.5]
        return [
            Signal(
                name="nsfw",
                category=CATEGORY,
                probability=float(scores[worst]),
                part=part,
                model=self._nudity.name,
                model_version=self._nudity.version,
                note=f"worst key frame at {frames[worst].time_code}"
                + (f"; over one half at {', '.join(high)}" if len(high) > 1 else ""),
            )
        ]

    def _read(
        self, part: str, frames: Sequence[KeyFrame]
    ) -> tuple[list[LocatedText], list[Signal]]:
        if self._reader is None:
            return [], []
        texts: dict[str, LocatedText] = {}
        signals: dict[tuple[str, str], Signal] = {}
        for frame in frames:
            size = (frame.pixels.shape[1], frame.pixels.shape[0])
            [found] = self._reader.read([DecodedImage(0, frame.pixels, size, "")])
            for text in found.texts:
                # Words stay on screen over many key frames.
                texts.setdefault(text.text, LocatedText(text.text, part))
            for signal in found.signals:
                note = f"at {frame.time_code}: {signal.note}"
                # A box in an image is no evidence in a video.
                moved = signal.model_copy(update={"part": part, "evidence": (), "note": note})
                kept = signals.setdefault((signal.name, signal.note), moved)
                if signal.probability > kept.probability:
                    signals[signal.name, signal.note] = moved
        return list(texts.values()), list(signals.values())


@cache
def _shared_frames() -> KeyFrameReader:
    return KeyFrameReader()
