"""Pictures that people labelled, read from folders and turned into features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moderation.classifiers.image.decoding import ImageRefused, SafeDecoder
from moderation.classifiers.image.efficientnet_lite import Features, ImageFeatures
from moderation.classifiers.matching.fingerprints import HashKind, plain_fingerprints
from moderation.classifiers.matching.near_duplicates import clusters
from moderation.errors import ModerationError
from moderation.items import ImagePart
from moderation.taxonomy import CATEGORIES

#: The folder of pictures that belong to no category; without it nothing can be told apart.
HARMLESS = "none"

#: Fewer pictures of a kind than this tell nothing.
LEAST_PICTURES = 20


class TrainingError(ModerationError):
    """The pictures do not suffice to train a head; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    """Features of the pictures that could be read."""

    features: Features  #: `(n, 1280)`
    mirrored: Features  #: the same of the mirrored pictures
    labels: tuple[str, ...]  #: category id or `none`
    groups: tuple[int, ...]  #: equal for near duplicates
    refused: tuple[str, ...]  #: files that were left out, and why


def labelled_files(folder: Path) -> dict[str, list[Path]]:
    """Label → files of a folder with one folder per category, named by its id, and `none`.

    Raises:
        TrainingError: a folder has another name, or too few files.
    """
    found = {
        inner.name: sorted(path for path in inner.rglob("*") if path.is_file())
        for inner in sorted(folder.iterdir() if folder.is_dir() else ())
        if inner.is_dir() and not inner.name.startswith(".")
    }
    for name in found:
        if name != HARMLESS and name not in CATEGORIES:
            raise TrainingError(
                f"{folder / name}: {name!r} is no category id; name the folders by category ids "
                f"and {HARMLESS!r} for harmless pictures"
            )
    _check_counts({name: len(paths) for name, paths in found.items()}, str(folder))
    return found


def _check_counts(counts: Mapping[str, int], place: str) -> None:
    if HARMLESS not in counts or len(counts) < 2:
        raise TrainingError(
            f"{place}: needs pictures of at least one category and of {HARMLESS!r}, "
            f"found {', '.join(counts) or 'nothing'}"
        )
    for name, count in counts.items():
        if count < LEAST_PICTURES:
            raise TrainingError(
                f"{place}: {name} has {count} usable pictures; at least {LEAST_PICTURES} are needed"
            )


def read_pictures(
    files: Mapping[str, Sequence[Path]], decoder: SafeDecoder, features: ImageFeatures
) -> LabelledPictures:
    """Decode the files and compute their features.

    Raises:
        TrainingError: too few of a kind could be read.
    """
    rows: list[Features] = []
    mirrored: list[Features] = []
    labels: list[str] = []
    hashes: list[bytes] = []
    refused: list[str] = []
    for label, chunk in _chunks(files):
        parts = [(n, ImagePart(path=path)) for n, path in enumerate(chunk)]
        good = []
        for path, result in zip(chunk, decoder.decode_all(parts, allow_paths=True), strict=True):
            if isinstance(result, ImageRefused):
                refused.append(f"{path}: {result.message}")
            else:
                good.append(result)
        if not good:
            continue
        rows.append(features.of([image.pixels for image in good]))
        mirrored.append(features.of([np.ascontiguousarray(i.pixels[:, ::-1]) for i in good]))
        labels += [label] * len(good)
        for image in good:
            found = plain_fingerprints(image.pixels).hashes.get(HashKind.PDQ)
            # Flat pictures have no usable hash; the digest keeps equal files together.
            hashes.append(found[0] if found else bytes.fromhex(image.sha256))
    counts = {name: labels.count(name) for name in files}
    _check_counts(counts, "after decoding")
    return LabelledPictures(
        np.concatenate(rows),
        np.concatenate(mirrored),
        tuple(labels),
        tuple(clusters(hashes)),
        tuple(refused),
    )


def _chunks(files: Mapping[str, Sequence[Path]]) -> Iterator[tuple[str, Sequence[Path]]]:
    for label, paths in files.items():
        for start in range(0, len(paths), 32):
            yield label, paths[start : start + 32]
