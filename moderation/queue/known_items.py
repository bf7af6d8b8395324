"""What is known of items that are stored already, for many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.records.item_tables import StoredAssessment, StoredItem, StoredVerdict
from moderation.records.queue_tables import Job

_AT_ONCE = 500


def hold_items(session: Session, keys: Sequence[int]) -> None:
    """Another process may be about to store the same; it shows once the items are held."""
    query = select(col(StoredItem.key)).where(col(StoredItem.key).in_(keys))
    session.execute(query.order_by(col(StoredItem.key)).with_for_update(key_share=True)).all()


def policies_of(session: Session, keys: Sequence[int]) -> dict[tuple[int, str], str]:
    """(item, region) → hash of the policy that judged it last."""
    columns = (StoredVerdict.item_key, StoredVerdict.region, StoredVerdict.policy_hash)
    rows = _in_order(session, StoredVerdict, columns, keys)
    return {(key, region): name for key, region, name in rows}


def models_of(session: Session, keys: Sequence[int]) -> dict[int, dict[str, str]]:
    """Item → versions of the classifiers that assessed it last."""
    columns = (StoredAssessment.item_key, StoredAssessment.models)
    return dict(_in_order(session, StoredAssessment, columns, keys))


def newest_assessments(session: Session, keys: Sequence[int]) -> dict[int, int]:
    """Item → its newest assessment."""
    columns = (StoredAssessment.item_key, StoredAssessment.id)
    return dict(_in_order(session, StoredAssessment, columns, keys))


def with_any_job(session: Session, keys: Sequence[int]) -> set[int]:
    """Those of these items that a person was ever asked about."""
    return {key for (key,) in _in_order(session, Job, (Job.item_key,), keys)}


def _in_order(
    session: Session, table: Any, columns: Sequence[Any], keys: Sequence[int]
) -> Iterator[Any]:
    """Rows about these items, those of an item in the order of storing."""
    for start in range(0, len(keys), _AT_ONCE):
        asked = col(table.item_key).in_(keys[start : start + _AT_ONCE])
        yield from session.execute(select(*columns).where(asked).order_by(col(table.id)))
