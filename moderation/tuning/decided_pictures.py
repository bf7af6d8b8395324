"""Pictures that reviewers decided on, by label: what an image head can be trained from.

A decision is about an item, not about a picture of it. Only items with a single picture and no
video are taken, so that it is clear which picture is meant; for categories that can be seen. What a
bank marked `never_render` holds is left out, and the audit log says who took how many of what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from moderation.classifiers.image.decoding import ImageRefused, SafeDecoder
from moderation.classifiers.image.labelled_pictures import HARMLESS, TrainingError
from moderation.classifiers.matching.never_shown import NeverShown
from moderation.items import ImagePart
from moderation.records import Database, audit
from moderation.records.errors import NotFound
from moderation.taxonomy import category

#: Pictures of it are reported and not kept, let alone trained on.
_NEVER = frozenset({"csae"})

_IN_FORCE = """
SELECT d.category, m.sha256
FROM decisions d
JOIN item_media m ON m.item_key = d.item_key
WHERE d.final AND d.kind NOT IN ('undo', 'golden', 'automatic')
  AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.supersedes = d.id AND NOT EXISTS (
    SELECT 1 FROM decisions undo WHERE undo.supersedes = later.id AND undo.kind = 'undo'))
  AND m.part = 'image:0' AND m.sha256 IS NOT NULL
  AND (d.action <> 'allow' OR d.category IS NULL)
  AND (d.action = 'allow' OR d.category IS NOT NULL)
  AND (SELECT count(*) FROM item_media other WHERE other.item_key = d.item_key) = 1
ORDER BY d.id
"""


#: Pictures that are decoded side by side.
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class DecidedPictures:
    """Pictures to learn from."""

    files: dict[str, list[Path]]  #: label → files
    never_rendered: int  #: left out, because a bank marked `never_render` holds them


def decided_files(
    database: Database,
    categories: Sequence[str],
    *,
    by: str,
    never_shown: NeverShown,
    decoder: SafeDecoder,
) -> DecidedPictures:
    """The files of the pictures that the decisions in force are about, by label.

    Pictures of items that were allowed without a category are `none`. A picture that was decided
    in more than one way is left out, and so is one whose file was deleted.

    Args:
        database: the records, with the media store.
        categories: ids of those that a picture shows.
        by: who asks, for the audit log.
        never_shown: the banks whose pictures are left out.
        decoder: reads the pictures to compare them with those banks.

    Raises:
        TrainingError: no category is named, or one that must not be trained.
        UnknownCategory: a name is none of the taxonomy.
        BankError: the banks cannot be read; nothing is given out.
    """
    wanted = [category(name).id for name in categories]
    if not wanted:
        raise TrainingError("name the categories that can be seen in pictures, with --category")
    for name in wanted:
        if name in _NEVER:
            raise TrainingError(f"{name}: no head is trained on pictures of this category")
    labels: dict[str, set[str]] = {}
    with database.read() as session:
        for name, sha256 in session.connection().execute(text(_IN_FORCE)):
            labels.setdefault(sha256, set()).add(name or HARMLESS)
    found: dict[str, list[Path]] = {name: [] for name in (*wanted, HARMLESS)}
    for sha256, names in labels.items():
        if len(names) == 1 and (name := next(iter(names))) in found:
            try:
                found[name].append(database.media.path(sha256))
            except NotFound:
                continue
    before = sum(map(len, found.values()))
    if never_shown.knows_any():
        found = {name: list(_fit(files, never_shown, decoder)) for name, files in found.items()}
    left_out = before - sum(map(len, found.values()))
    _note(database, by, {name: len(files) for name, files in found.items()}, left_out)
    return DecidedPictures(found, left_out)


def _fit(files: Sequence[Path], never_shown: NeverShown, decoder: SafeDecoder) -> Iterator[Path]:
    """Those that no bank marked `never_render` holds."""
    for start in range(0, len(files), _AT_ONCE):
        some = files[start : start + _AT_ONCE]
        parts = [ImagePart(path=path) for path in some]
        decoded = decoder.decode_all(list(enumerate(parts)), allow_paths=True)
        for path, part, image in zip(some, parts, decoded, strict=True):
            if isinstance(image, ImageRefused):
                hidden = never_shown.has_file(path)
            else:
                hidden = never_shown.has_image(part, image)
            if not hidden:
                yield path


def _note(database: Database, by: str, pictures: dict[str, int], left_out: int) -> None:
    with database.write() as session:
        audit.append(
            session,
            at=database.now(session),
            actor=by,
            action="training_read",
            subject="training:image",
            detail={"pictures": pictures, "never_rendered": left_out},
        )
