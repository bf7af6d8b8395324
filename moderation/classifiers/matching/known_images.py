"""Images looked up in the banks, and the classifier that does so for every image."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.classifiers.base import DecodedImage, Prepared
from moderation.classifiers.matching.bank_store import FILE_NAME, BankStore
from moderation.classifiers.matching.banks import Bank
from moderation.classifiers.matching.fingerprints import (
    NEAR,
    SAME,
    Fingerprints,
    HashKind,
    digests,
    query_fingerprints,
)
from moderation.classifiers.matching.hash_index import HashIndex
from moderation.items import ImagePart
from moderation.settings import Settings
from moderation.signals import BankMatch, Signal

#: `Signal.aspect` of a match that must never be shown to anybody.
NEVER_RENDER = "never_render"

#: Up to so many hashes the turned views, too, are searched as widely as the upright one; beyond,
#: that would cost more than the rest of the lookup, and turned *and* edited pictures are rare.
_WIDE_TURNED_SEARCH = 250_000


#: Problems of images whose bytes may not be, or were not, read.
_NOT_LET_IN = frozenset({"path_not_allowed", "unreadable_file", "url_not_fetched"})


@dataclass(frozen=True, slots=True)
class Match:
    """An entry of a bank that an image resembles."""

    bank: Bank
    entry: int
    kind: HashKind
    distance: int  #: bits

    @property
    def probability(self) -> float:
        """How surely it is the same picture: a rule of thumb from the distances of edited and of
        unrelated pictures, not a frequency."""
        if self.kind.exact:
            return 1.0
        if self.kind is HashKind.PDQ:
            return 0.98 if self.distance <= SAME[self.kind] else 0.7
        return 0.6 if self.distance <= SAME[self.kind] else 0.5

    @property
    def description(self) -> str:
        """How close, in words."""
        if self.kind.exact:
            return f"the same file ({self.kind})"
        close = "the same picture" if self.probability > 0.9 else "probably an edited version"
        return f"{close} ({self.kind}, {self.distance} of {8 * self.kind.length} bits differ)"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The banks of one moment."""

    generation: int
    banks: Mapping[str, Bank]
    entries: Mapping[int, tuple[str, float | None]]
    indexes: Mapping[HashKind, HashIndex]
    owners: Mapping[HashKind, npt.NDArray[np.int64]]

    def bank_of(self, entry: int, now: float) -> Bank | None:
        """The entry's bank; None if it has expired, or was removed while the banks were read."""
        name, expires = self.entries.get(entry, ("", None))
        return None if expires is not None and expires <= now else self.banks.get(name)


class KnownImages:
    """Looks pictures up in all banks. Notices when a bank changes. Safe to use from threads.

    Args:
        store: the banks.
        never_render: only in the banks of which nothing may be shown; the others are not loaded.
    """

    def __init__(self, store: BankStore, *, never_render: bool = False) -> None:
        self._store = store
        self._never_render = never_render
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    @property
    def banks(self) -> Mapping[str, Bank]:
        """The banks as they are now, by name."""
        return self._current().banks

    def lookup(self, fingerprints: Fingerprints, *, key: str = "") -> list[Match]:
        """The entries that a picture resembles, each once with its closest hash, surest first.

        Expired entries do not count; a bank with an enabled ratio below 1 is compared with that
        share of the pictures.

        Args:
            fingerprints: of the picture, as `query_fingerprints` and `digests` give them.
            key: the picture's SHA-256; decides which share it belongs to, always the same.
        """
        return self.lookup_all([(fingerprints, key)])[0]

    def lookup_all(self, pictures: Sequence[tuple[Fingerprints, str]]) -> list[list[Match]]:
        """`lookup` for each of several pictures and their keys; faster than one after another."""
        loaded = self._current()
        now = time.time()
        best: list[dict[int, Match]] = [{} for _ in pictures]
        for (kind, turned), searches in _searches(found for found, _ in pictures).items():
            index = loaded.indexes.get(kind)
            if index is None:
                continue
            narrow = turned and len(index) > _WIDE_TURNED_SEARCH
            found = index.search_all(
                [value for _, value in searches], (SAME if narrow else NEAR)[kind]
            )
            for (number, _), (positions, distances) in zip(searches, found, strict=True):
                for position, distance in zip(positions, distances, strict=True):
                    entry = int(loaded.owners[kind][position])
                    bank = loaded.bank_of(entry, now)
                    if bank is None or not _enabled(bank, pictures[number][1]):
                        continue
                    match = Match(bank, entry, kind, int(distance))
                    known = best[number].get(entry)
                    if known is None or _surer(match, known):
                        best[number][entry] = match
        return [
            sorted(own.values(), key=lambda m: (-m.probability, m.distance, m.entry))
            for own in best
        ]

    def _current(self) -> _Loaded:
        generation = self._store.version()
        with self._lock:
            if self._loaded is None or self._loaded.generation != generation:
                self._loaded = self._load(generation)
            return self._loaded

    def _load(self, generation: int) -> _Loaded:
        only = self._never_render
        stored = {kind: self._store.hashes(kind, never_render=only) for kind in HashKind}
        filled = {kind: found for kind, found in stored.items() if len(found.entries)}
        return _Loaded(
            generation=generation,
            entries=self._store.entry_states(never_render=only),
            banks={b.name: b for b in self._store.banks() if b.never_render or not only},
            indexes={kind: HashIndex(found.values) for kind, found in filled.items()},
            owners={kind: found.entries for kind, found in filled.items()},
        )


def _searches(
    pictures: Iterable[Fingerprints],
) -> dict[tuple[HashKind, bool], list[tuple[int, bytes]]]:
    """Kind, and whether the view is turned → number of the picture and hash."""
    found: dict[tuple[HashKind, bool], list[tuple[int, bytes]]] = {}
    for number, fingerprints in enumerate(pictures):
        for kind, hashes in fingerprints.hashes.items():
            found.setdefault((kind, False), []).extend((number, value) for value in hashes)
        turned = ((number, value) for value in fingerprints.turned)
        found.setdefault((HashKind.PDQ, True), []).extend(turned)
    return found


def _enabled(bank: Bank, key: str) -> bool:
    if bank.enabled_ratio >= 1 or not key:
        return bank.enabled_ratio > 0
    return int(key[:8], 16) / 2**32 < bank.enabled_ratio


def _surer(one: Match, other: Match) -> bool:
    return (one.probability, -one.distance) > (other.probability, -other.distance)


class KnownImageClassifier:
    """One `known_image` signal per image and matching entry; probable edits are `near_known_image`.

    Args:
        store: the banks.
    """

    name = "known_images"
    version = "pdq-dhash-1"

    #: Signals of one image; a bank may hold the same picture many times.
    MOST_SIGNALS = 5

    def __init__(self, store: BankStore) -> None:
        self._store = store
        self._known = KnownImages(store)

    @property
    def categories(self) -> frozenset[str]:
        """The categories of the banks that there are now."""
        return frozenset(bank.category for bank in self._store.banks())

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """Look every image of every item up, all in one go; what could not be decoded, by the
        digests of its file."""
        if not self._known.banks:
            return [[] for _ in batch]
        images = [(n, item, image) for n, item in enumerate(batch) for image in item.images]
        found = self._known.lookup_all(
            [
                (fingerprints_of(image, _part_of(item, image)), image.sha256)
                for _, item, image in images
            ]
        )
        signals = [self._of_undecoded(item) for item in batch]
        for (n, _, image), matches in zip(images, found, strict=True):
            signals[n] += self._signals(f"image:{image.index}", matches)
        return signals

    def _of_undecoded(self, item: Prepared) -> list[Signal]:
        """Matches of image files that were let in and could not be decoded."""
        signals = []
        for problem in item.problems:
            kind, _, number = problem.part.partition(":")
            if kind == "image" and problem.code not in _NOT_LET_IN:
                part = item.item.images[int(number)]
                if (found := _digests_of_part(part)) is not None:
                    exact, key = found
                    matches = self._known.lookup(Fingerprints(exact, 0), key=key)
                    signals += self._signals(problem.part, matches)
        return signals

    def matches_of_file(self, part: str, file: Path | bytes) -> list[Signal]:
        """Signals of the entries that are this very file, by its digests.

        Args:
            part: of the item, for the signals.
            file: a readable file, or all its bytes.
        """
        if not self._known.banks:
            return []
        exact, key = _digests_of(file)
        return self._signals(part, self._known.lookup(Fingerprints(exact, 0), key=key))

    def _signals(self, part: str, matches: Sequence[Match]) -> list[Signal]:
        """The surest match of every bank, then the surest of the others: a bank of which nothing
        may be shown must not be lost behind another that holds the picture many times."""
        first: dict[str, Match] = {}
        for match in matches:
            first.setdefault(match.bank.name, match)
        others = [match for match in matches if first[match.bank.name] is not match]
        told = [*first.values(), *others][: max(self.MOST_SIGNALS, len(first))]
        return [self._signal(part, match) for match in told]

    def _signal(self, part: str, match: Match) -> Signal:
        entry = self._store.entry(match.entry)
        origin = ", ".join(part for part in (entry.source, entry.reference, entry.note) if part)
        return Signal(
            name="known_image" if match.probability > 0.9 else "near_known_image",
            category=match.bank.category,
            probability=match.probability,
            part=part,
            evidence=(
                BankMatch(bank=match.bank.name, entry=str(match.entry), distance=match.distance),
            ),
            model=self.name,
            model_version=self.version,
            aspect=NEVER_RENDER if match.bank.never_render else None,
            note=f"{match.description}; from: {origin or 'unknown'}"[:2000],
        )


def fingerprints_of(image: DecodedImage, part: ImagePart | None = None) -> Fingerprints:
    """What an image is looked up by: all its frames, and the file itself.

    Args:
        image: as decoded.
        part: as submitted; None for a key frame of a video, which has no file of its own.
    """
    found = [query_fingerprints(frame) for frame in (image.pixels, *image.frames)]
    perceptual = {
        kind: tuple(value for one in found for value in one.hashes.get(kind, ()))
        for kind in (HashKind.PDQ, HashKind.DHASH)
    }
    file = file_bytes(part) if part is not None else None
    exact = digests(file) if file is not None else {}
    sha256 = {HashKind.SHA256: (bytes.fromhex(image.sha256),)} if image.sha256 else {}
    turned = tuple(value for one in found for value in one.turned)
    return Fingerprints({**perceptual, **sha256, **exact}, found[0].quality, turned)


def fingerprints_of_file(file: Path | bytes) -> Fingerprints | None:
    """The digests of a file or its bytes, whatever is in it; None if it cannot be read."""
    try:
        if isinstance(file, Path) and not file.is_file():
            return None
        return Fingerprints(_digests_of(file)[0], 0)
    except OSError:
        return None


def _part_of(item: Prepared, image: DecodedImage) -> ImagePart | None:
    parts = item.item.images
    return parts[image.index] if image.index < len(parts) else None


def file_bytes(part: ImagePart) -> bytes | None:
    """The file of an image that was already let in, if it is at hand."""
    if part.data is not None:
        return part.data
    if part.path is not None and part.path.is_file():
        return part.path.read_bytes()
    return None


def _digests_of_part(part: ImagePart) -> tuple[dict[HashKind, tuple[bytes, ...]], str] | None:
    """The digests of an image's file and its SHA-256 in digits; None if it is not at hand."""
    if part.data is not None:
        return _digests_of(part.data)
    try:
        return _digests_of(part.path) if part.path is not None and part.path.is_file() else None
    except OSError:
        return None  # already a problem


def _digests_of(given: Path | bytes) -> tuple[dict[HashKind, tuple[bytes, ...]], str]:
    """The digests of a file of any size, and its SHA-256 as hexadecimal digits."""
    if isinstance(given, bytes):
        of_bytes = digests(given)
        return of_bytes, of_bytes[HashKind.SHA256][0].hex()
    with given.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256")
        file.seek(0)
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    exact: dict[HashKind, tuple[bytes, ...]] = {
        HashKind.MD5: (md5.digest(),),
        HashKind.SHA256: (sha256.digest(),),
    }
    return exact, sha256.hexdigest()


def known_images(settings: Settings) -> KnownImageClassifier:
    """The classifier that `MODERATION_CLASSIFIERS` calls `known_images`; the process has one for
    each folder of banks."""
    return _shared(settings.data_dir)


@cache
def _shared(data_dir: Path) -> KnownImageClassifier:
    return KnownImageClassifier(BankStore(data_dir / FILE_NAME))
