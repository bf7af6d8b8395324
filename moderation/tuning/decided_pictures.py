"""Pictures that reviewers decided on, by label: what an image head can be trained from.

A decision is about an item, not about a picture of it. Only items with a single picture and no
video are taken, so that it is clear which picture is meant; for categories that can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from moderation.classifiers.image.labelled_pictures import HARMLESS, TrainingError
from moderation.records import Database
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


def decided_files(database: Database, categories: Sequence[str]) -> dict[str, list[Path]]:
    """Label → files of the pictures that the decisions in force are about.

    Pictures of items that were allowed without a category are `none`. A picture that was decided
    in more than one way is left out, and so is one whose file was deleted.

    Args:
        database: the records, with the media store.
        categories: ids of those that a picture shows.

    Raises:
        TrainingError: no category is named, or one that must not be trained.
        UnknownCategory: a name is none of the taxonomy.
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
    return found
