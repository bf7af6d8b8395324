"""Makes an item's parts ready, once, for all classifiers: decode, read what is drawn, identify
languages. What cannot be made ready becomes a problem of the item, never silence."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from moderation.classifiers.base import DecodedImage, LocatedText, Prepared
from moderation.classifiers.image.decoding import ImageRefused, SafeDecoder
from moderation.classifiers.image.drawn_text import DrawnText, DrawnTextReader
from moderation.classifiers.image.video import VideoWatcher
from moderation.classifiers.text.language import LanguageIdentifier
from moderation.items import ImagePart, Item
from moderation.settings import Settings
from moderation.signals import Problem, Signal

_log = logging.getLogger(__name__)


class Preparation:
    """Item → Prepared.

    Args:
        decoder: the only door through which image bytes come in.
        languages: tells the language of a text.
        reader: reads text drawn on images, or None to leave it unread.
        watcher: takes key frames out of videos, looks at them and reads them.
        allow_paths: whether an item may name files of this machine; a service says no.
    """

    def __init__(
        self,
        decoder: SafeDecoder,
        languages: LanguageIdentifier,
        reader: DrawnTextReader | None,
        watcher: VideoWatcher,
        *,
        allow_paths: bool = True,
    ) -> None:
        self._decoder = decoder
        self._languages = languages
        self._reader = reader
        self._watcher = watcher
        self._allow_paths = allow_paths

    @classmethod
    def from_settings(cls, settings: Settings, *, allow_paths: bool = True) -> Preparation:
        """As configured; reading drawn text is on when `image_text` is among the classifiers."""
        reader = (
            DrawnTextReader.from_settings(settings)
            if "image_text" in settings.classifiers
            else None
        )
        return cls(
            SafeDecoder.from_settings(settings),
            LanguageIdentifier(),
            reader,
            VideoWatcher.from_settings(settings),
            allow_paths=allow_paths,
        )

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of what reads and decides here, as stored with every assessment."""
        found = {
            self._languages.name: self._languages.version,
            self._watcher.name: self._watcher.version,
        }
        if self._reader is not None:
            found[self._reader.name] = self._reader.version
        return found

    def prepare(self, items: Sequence[Item]) -> list[Prepared]:
        """One entry per item, in order. All images of all items are decoded and read together."""
        images, problems = self._decode(items)
        texts = [self._written(item) for item in items]
        signals: list[list[Signal]] = [[] for _ in items]
        if self._reader is not None:
            flat = [(i, image) for i, own in enumerate(images) for image in own]
            readings = _read_all(self._reader, [image for _, image in flat])
            for (i, _), reading in zip(flat, readings, strict=True):
                if isinstance(reading, Problem):
                    problems[i].append(reading)
                else:
                    texts[i].extend(reading.texts)
                    signals[i].extend(reading.signals)
        for i, item in enumerate(items):
            watched = self._watcher.watch(
                list(enumerate(item.videos)), allow_paths=self._allow_paths
            )
            for video in watched:
                texts[i].extend(video.texts)
                signals[i].extend(video.signals)
                problems[i].extend(video.problems)
        return [
            self._with_languages(item, texts[i], images[i], signals[i], problems[i])
            for i, item in enumerate(items)
        ]

    def _decode(
        self, items: Sequence[Item]
    ) -> tuple[list[list[DecodedImage]], list[list[Problem]]]:
        flat: list[tuple[int, int, ImagePart]] = [
            (i, n, part) for i, item in enumerate(items) for n, part in enumerate(item.images)
        ]
        images: list[list[DecodedImage]] = [[] for _ in items]
        problems: list[list[Problem]] = [[] for _ in items]
        results = self._decoder.decode_all(
            [(n, part) for _, n, part in flat], allow_paths=self._allow_paths
        )
        for (i, n, _), result in zip(flat, results, strict=True):
            if isinstance(result, ImageRefused):
                problems[i].append(
                    Problem(part=f"image:{n}", code=result.code, message=str(result))
                )
            else:
                images[i].append(result)
        return images, problems

    @staticmethod
    def _written(item: Item) -> list[LocatedText]:
        segments = [
            LocatedText(segment.text, f"text:{n}", segment.language or "und")
            for n, segment in enumerate(item.texts)
        ]
        turns = [
            LocatedText(turn.text, f"turn:{n}", turn.language or "und")
            for n, turn in enumerate(item.turns)
        ]
        return segments + turns

    def _with_languages(
        self,
        item: Item,
        texts: Sequence[LocatedText],
        images: Sequence[DecodedImage],
        signals: Sequence[Signal],
        problems: Sequence[Problem],
    ) -> Prepared:
        found = self._languages.identify([text.text for text in texts])
        located = tuple(
            text
            if text.language != "und"
            else LocatedText(text.text, text.part, language, text.box)
            for text, language in zip(texts, found, strict=True)
        )
        weights: dict[str, int] = {}
        for text in located:
            if text.language != "und":
                weights[text.language] = weights.get(text.language, 0) + len(text.text)
        ranked = tuple(sorted(weights, key=lambda name: (-weights[name], name)))
        return Prepared(
            item=item,
            texts=located,
            images=tuple(images),
            signals=tuple(signals),
            problems=tuple(problems),
            language=ranked[0] if ranked else "und",
            languages=ranked,
        )


def _read_all(reader: DrawnTextReader, images: Sequence[DecodedImage]) -> list[DrawnText | Problem]:
    """What is written on each image; a failure at one is a problem of that one."""
    try:
        return list(reader.read(images))
    except Exception as error:  # noqa: BLE001 - one picture must not lose the others' results
        if len(images) == 1:
            _log.error("%s failed on a picture", reader.name, exc_info=error)
            message = f"{reader.name}: {type(error).__name__}"
            return [
                Problem(part=f"image:{images[0].index}", code="classifier_failed", message=message)
            ]
    return [reading for image in images for reading in _read_all(reader, [image])]
