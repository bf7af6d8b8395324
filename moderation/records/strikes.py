"""Strikes: what people decided against earlier items of the same author, and whether one of the
decisions records that the author was warned (`author_warned` among its context tags).

Derived from the decisions in force, never stored twice: a decision that is undone or overturned on
appeal takes its strike along.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, bindparam, text

from moderation.items import Item
from moderation.policy import WARNED, Strike
from moderation.records.database import Database

#: Actions of a person that count as a strike.
STRIKING = ("limit", "unavailable")

_AUTHORS_AT_ONCE = 500

_STRIKES = """
SELECT i.author_id, i.key, d.action, d.category, CAST(d.context_tags AS TEXT), d.decided_at
FROM decisions d JOIN items i ON i.key = d.item_key
WHERE {authors} d.final AND d.kind NOT IN ('undo', 'golden', 'automatic') AND i.author_id <> ''
  AND (d.action IN ('limit', 'unavailable')
       OR CAST(d.context_tags AS TEXT) LIKE '%"author_warned"%')
  AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.supersedes = d.id AND NOT EXISTS (
    SELECT 1 FROM decisions undo WHERE undo.supersedes = later.id AND undo.kind = 'undo'))
ORDER BY d.id
"""


def strikes_of(database: Database, items: Sequence[Item]) -> list[list[Strike]]:
    """The strikes of each item's author until now, in the order of the items. A strike is named by
    the category of the decision, and by its context tags (`manifestly_illegal`); one named
    `author_warned` is a warning, and counts as no other."""
    authors = sorted({item.author.id for item in items} - {""})
    found: dict[str, list[Strike]] = {}
    with database.read() as session:
        now = database.now(session)
        for author, _, name, at in strike_rows(session.connection(), authors):
            found.setdefault(author, []).append(Strike(name, (now - at) / 86_400))
    return [found.get(item.author.id, []) for item in items]


def strike_rows(
    connection: Connection, authors: Sequence[str] | None = None
) -> Iterator[tuple[str, int, str, float]]:
    """(author, key of the item, name, decided at) of the strikes of some authors, or of all."""
    if authors is None:
        yield from _named(connection.execute(text(_STRIKES.format(authors=""))))
        return
    some = text(_STRIKES.format(authors="i.author_id IN :authors AND"))
    query = some.bindparams(bindparam("authors", expanding=True))
    for start in range(0, len(authors), _AUTHORS_AT_ONCE):
        chunk = list(authors[start : start + _AUTHORS_AT_ONCE])
        yield from _named(connection.execute(query, {"authors": chunk}))


def _named(rows: Iterable[Sequence[object]]) -> Iterator[tuple[str, int, str, float]]:
    for author, key, action, category, tags, at in rows:
        names = [category] if category else []
        names += json.loads(str(tags)) if tags else []
        if action not in STRIKING:
            names = [WARNED]  # a warning beside a milder decision, or none, is no strike
        for name in dict.fromkeys(names):
            yield str(author), int(str(key)), str(name), float(str(at))
