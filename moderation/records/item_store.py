"""Items and assessments in and out of the database.

An item is stored once per version of its content. Its images go to the media store, so a snapshot
in the table is small, and deleting content is deleting files and one column.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert, select
from sqlmodel import Session, col

from moderation.items import ImagePart, Item, VideoPart
from moderation.normal_form import nfkc
from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.item_tables import (
    ItemMedia,
    StoredAssessment,
    StoredItem,
    StoredMedia,
    StoredVerdict,
)
from moderation.records.media import MediaStore
from moderation.signals import Assessment
from moderation.taxonomy import CATEGORY_IDS


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """An item whose media are in the store and whose content is hashed, ready to be inserted."""

    item: Item
    content_hash: str
    media: tuple[tuple[str, str | None, int], ...]  #: part, SHA-256 (None: unreadable), bytes
    snapshot: dict[str, Any]
    near_keys: tuple[str, ...]  #: `image:<sha256>` of each picture, `text:<hash>` of the text,
    #: and `pdq:<hash>` of each picture where intake found one
    cluster_key: str | None  #: the same for items that are near-copies as a whole


def prepare_item(media: MediaStore, item: Item) -> PreparedItem:
    """Store the item's files and hash its content. Runs before the transaction: files are slow."""
    files: list[tuple[str, str | None, int]] = []
    files += [(f"image:{i}", *_store(media, part)) for i, part in enumerate(item.images)]
    files += [(f"video:{i}", *_store(media, part)) for i, part in enumerate(item.videos)]
    apart = {"__all__": {"data", "path"}}
    snapshot = item.model_dump(
        mode="json",
        exclude_none=True,
        exclude_defaults=True,
        exclude={"images": apart, "videos": apart},
    )
    digests = [(part, sha256) for part, sha256, _ in files]
    content = json.dumps(
        [
            item.surface,
            [[segment.field, segment.text] for segment in item.texts],
            [[turn.id, turn.speaker, turn.text] for turn in item.turns],
            digests,
            [part.url for part in item.images],
            [part.url for part in item.videos],
        ],
        ensure_ascii=False,
    )
    return PreparedItem(
        item,
        hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(),
        tuple(files),
        snapshot,
        *_near_keys(item, [sha256 for _, sha256, _ in files if sha256]),
    )


def _store(media: MediaStore, part: ImagePart | VideoPart) -> tuple[str | None, int]:
    source = part.data if part.data is not None else part.path
    if source is None:
        return None, 0
    try:
        stored = media.put(source)
    except OSError:
        # A file that cannot be read is a Problem of the assessment already; the record says null.
        return None, 0
    return stored.sha256, stored.size


_NOT_WORD = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"\d+")

#: Shorter texts say too little to be called copies of each other ("ok", "+1", "哈哈").
_SHORTEST_TEXT_KEY = 12


def _near_keys(item: Item, image_hashes: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """Keys of the parts, and one key of the whole.

    Texts are near-same when they differ only in case, width, punctuation, spaces, emoji and
    numbers. The whole is a near-copy only if text and all pictures are: one decision on a shared
    picture must not fall on a different text.
    """
    pictures = list(dict.fromkeys(image_hashes))
    keys = [f"image:{sha256}" for sha256 in pictures]
    if item.turns:
        return tuple(keys), None
    plain = plain_text(" ".join(segment.text for segment in item.texts))
    encoded = plain.encode("utf-8", "surrogatepass")
    long_enough = len(encoded) >= _SHORTEST_TEXT_KEY
    if long_enough:
        keys.append(f"text:{hashlib.blake2b(encoded, digest_size=16).hexdigest()}")
    if not long_enough and not pictures:
        return tuple(keys), None
    whole = hashlib.blake2b(encoded, digest_size=16)
    for sha256 in sorted(pictures):
        whole.update(sha256.encode())
    return tuple(keys), whole.hexdigest()


def plain_text(text: str) -> str:
    """Without case, width, punctuation, spaces and emoji, and with every number as 0."""
    return _DIGITS.sub("0", _NOT_WORD.sub("", nfkc(text).casefold()))


_SCORES = struct.Struct(f"<{len(CATEGORY_IDS)}f")


def pack_scores(assessment: Assessment) -> bytes:
    """float32[28], little-endian, in the order of `CATEGORY_IDS`; NaN where nothing detects it."""
    scores = assessment.scores
    return _SCORES.pack(*[scores.get(name, math.nan) for name in CATEGORY_IDS])


def unpack_scores(packed: bytes) -> dict[str, float]:
    """Category → probability, without the categories that nothing detects."""
    values = np.frombuffer(packed, dtype="<f4")
    return {
        name: float(value)
        for name, value in zip(CATEGORY_IDS, values, strict=True)
        if not np.isnan(value)
    }


def assessment_row(assessment: Assessment, item_key: int, at: float) -> dict[str, Any]:
    """The columns of `assessments` for one assessment."""
    return {
        "item_key": item_key,
        "scores": pack_scores(assessment),
        "signals": [s.model_dump(mode="json", exclude_none=True) for s in assessment.signals],
        "problems": [p.model_dump(mode="json") for p in assessment.problems],
        "models": dict(assessment.models),
        "language": assessment.language,
        "languages": list(assessment.languages),
        "assessed_at": at,
    }


def insert_items(
    session: Session, prepared: Sequence[tuple[PreparedItem, str]], at: float
) -> dict[tuple[str, str], tuple[int, bool]]:
    """Insert items (each with its language) that are not there yet.

    Returns:
        (item id, content hash) → (key, whether it is new).
    """
    wanted = {(p.item.id, p.content_hash): (p, language) for p, language in prepared}
    found = {pair: (key, False) for pair, key in _keys(session, wanted).items()}
    # In one order for all, so that two processes with the same items never wait for each other.
    fresh = sorted(pair for pair in wanted if pair not in found)
    if not fresh:
        return found
    rows = [_item_row(*wanted[pair], at) for pair in fresh]
    statement = ignoring_insert(session, StoredItem, ["id", "content_hash"])
    inserted = set(
        session.connection().execute(statement.returning(col(StoredItem.key)), rows).scalars()
    )
    keys = _keys(session, {pair: wanted[pair] for pair in fresh})
    media_rows, link_rows = [], []
    for pair in fresh:
        # Another process may have been faster with some: those are not new here.
        found[pair] = (keys[pair], keys[pair] in inserted)
        for part, sha256, size in wanted[pair][0].media:
            link_rows.append({"item_key": keys[pair], "part": part, "sha256": sha256})
            if sha256 is not None:
                media_rows.append({"sha256": sha256, "size": size, "stored_at": at})
    if media_rows:
        by_hash = {str(row["sha256"]): row for row in media_rows}
        unique = [by_hash[sha256] for sha256 in sorted(by_hash, key=str)]
        insert_ignoring(session, StoredMedia, unique, ["sha256"])
    if link_rows:
        insert_ignoring(session, ItemMedia, link_rows, ["item_key", "part"])
    return found


def _item_row(prepared: PreparedItem, language: str, at: float) -> dict[str, Any]:
    item = prepared.item
    return {
        "id": item.id,
        "content_hash": prepared.content_hash,
        "surface": item.surface.value,
        "language": language,
        "author_id": item.author.id,
        "author_region": item.author.region,
        "regions": list(item.audience.regions),
        "created_at": item.created_at.timestamp() if item.created_at else None,
        "received_at": at,
        "snapshot": prepared.snapshot,
        "near_keys": list(prepared.near_keys),
    }


def _keys(session: Session, pairs: Any) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    ids = list({item_id for item_id, _ in pairs})
    for start in range(0, len(ids), 500):
        query = select(col(StoredItem.id), col(StoredItem.content_hash), col(StoredItem.key)).where(
            col(StoredItem.id).in_(ids[start : start + 500])
        )
        for item_id, content_hash, key in session.execute(query):
            if (item_id, content_hash) in pairs:
                found[item_id, content_hash] = key
    return found


def ignoring_insert(session: Session, table: Any, unique: list[str]) -> Any:
    """An INSERT that leaves rows alone that are there already."""
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as dialect_insert
    else:
        from sqlalchemy.dialects.sqlite import insert as dialect_insert  # type: ignore[assignment]
    return dialect_insert(table).on_conflict_do_nothing(index_elements=unique)


def insert_ignoring(
    session: Session, table: Any, rows: list[dict[str, Any]], unique: list[str]
) -> None:
    """A bulk insert that leaves rows alone that are there already."""
    # The connection, not the session: the ORM's bulk insert would look for defaults row by row.
    session.connection().execute(ignoring_insert(session, table, unique), rows)


def load_item(database: Database, item_key: int) -> Item:
    """The item as it was submitted; images that are still stored have a `path`.

    Raises:
        NotFound: no such item, or its content was deleted.
    """
    with database.read() as session:
        return read_item(session, database.media, item_key)


def read_item(session: Session, media: MediaStore, item_key: int) -> Item:
    """As `load_item`, within a session that is open already."""
    stored = session.get(StoredItem, item_key)
    if stored is None:
        raise NotFound(f"no item with key {item_key}")
    if stored.snapshot is None:
        raise NotFound(
            f"the content of item {stored.id} was deleted ({stored.content_deleted_because})"
        )
    query = select(ItemMedia).where(col(ItemMedia.item_key) == item_key)
    files = {link.part: link.sha256 for link in session.execute(query).scalars()}
    snapshot = json.loads(json.dumps(stored.snapshot))
    for kind in ("image", "video"):
        for index, entry in enumerate(snapshot.get(f"{kind}s", [])):
            sha256 = files.get(f"{kind}:{index}")
            if sha256:
                entry["path"] = str(media.folder / sha256[:2] / sha256[2:])
            elif kind == "image" and "url" not in entry:
                entry["url"] = "about:blank#not-stored"
    return Item.model_validate(snapshot)


def load_assessment(database: Database, item_key: int) -> Assessment:
    """The newest assessment of an item.

    Raises:
        NotFound: it was never assessed.
    """
    with database.read() as session:
        return read_assessment(session, item_key)


def read_assessment(session: Session, item_key: int) -> Assessment:
    """As `load_assessment`, within a session that is open already."""
    row = session.execute(
        select(StoredAssessment, col(StoredItem.id))
        .join(StoredItem, col(StoredItem.key) == col(StoredAssessment.item_key))
        .where(col(StoredAssessment.item_key) == item_key)
        .order_by(col(StoredAssessment.id).desc())
        .limit(1)
    ).first()
    if row is None:
        raise NotFound(f"item {item_key} was never assessed")
    stored, item_id = row
    return Assessment.model_validate(
        {
            "item_id": item_id,
            "scores": unpack_scores(stored.scores),
            "signals": stored.signals,
            "problems": stored.problems,
            "models": stored.models,
            "language": stored.language,
            "languages": stored.languages,
        }
    )


def load_verdicts(database: Database, item_key: int) -> dict[str, StoredVerdict]:
    """Region → newest verdict; `.verdict` is the whole of what policy said."""
    with database.read() as session:
        return read_verdicts(session, item_key)


def read_verdicts(session: Session, item_key: int) -> dict[str, StoredVerdict]:
    """As `load_verdicts`, within a session that is open already."""
    query = (
        select(StoredVerdict)
        .where(col(StoredVerdict.item_key) == item_key)
        .order_by(col(StoredVerdict.id))
    )
    return {verdict.region: verdict for verdict in session.execute(query).scalars()}


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """Stored scores of many items, as columns, for a backtest."""

    item_keys: npt.NDArray[np.int64]  #: `(n,)`
    scores: npt.NDArray[np.float32]  #: `(n, 28)`, NaN where nothing detects the category
    languages: list[str]
    surfaces: list[str]
    received_at: npt.NDArray[np.float64]  #: `(n,)`, seconds since 1970


def load_scores(
    database: Database, *, since: float | None = None, until: float | None = None
) -> ScoreColumns:
    """The newest assessment of every item received in [since, until), ordered by item."""
    # A later assessment of the same item replaces the earlier one while the rows pass by.
    query = (
        select(
            col(StoredAssessment.item_key),
            col(StoredAssessment.scores),
            col(StoredItem.language),
            col(StoredItem.surface),
            col(StoredItem.received_at),
        )
        .join(StoredItem, col(StoredItem.key) == col(StoredAssessment.item_key))
        .order_by(col(StoredAssessment.item_key), col(StoredAssessment.id))
    )
    if since is not None:
        query = query.where(col(StoredItem.received_at) >= since)
    if until is not None:
        query = query.where(col(StoredItem.received_at) < until)
    keys: list[int] = []
    packed: list[bytes] = []
    languages: list[str] = []
    surfaces: list[str] = []
    received: list[float] = []
    with database.read() as session:
        for key, scores, language, surface, at in session.execute(
            query.execution_options(yield_per=10_000)
        ):
            if keys and keys[-1] == key:
                packed[-1] = scores
                continue
            keys.append(key)
            packed.append(scores)
            languages.append(language)
            surfaces.append(surface)
            received.append(at)
    matrix = np.frombuffer(b"".join(packed), dtype="<f4").reshape(-1, len(CATEGORY_IDS))
    return ScoreColumns(
        np.asarray(keys, dtype=np.int64),
        matrix.astype(np.float32),
        languages,
        surfaces,
        np.asarray(received, dtype=np.float64),
    )


def insert_rows(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    """A plain bulk insert."""
    if rows:
        session.connection().execute(insert(table), rows)
