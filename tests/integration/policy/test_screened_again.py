"""An item that comes again under a newer policy is judged anew, once, and waits in one job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from moderation.items import Item
from moderation.policy import Facts, PackSet, Strike, evaluate
from moderation.queue import record_screening
from moderation.records import Database, Decision, load_verdicts, open_database
from moderation.records.item_tables import StoredAssessment, StoredVerdict
from moderation.records.queue_tables import Job
from moderation.records.strikes import strikes_of
from moderation.signals import Assessment
from tests.integration.policy.conftest import Screened
from tests.integration.policy.test_policy_in_force import holding_hate_from

REGIONS = ("DE", "US")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    kind = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    with open_database(request.getfixturevalue(kind)) as opened:
        yield opened


def screened(database: Database, packs: PackSet, *regions: str) -> tuple[int, int | None]:
    """Key and waiting job of one and the same item, judged by these packs."""
    item = Item.from_row({"id": "again", "text": "invented", "author": {"id": "mo"}})
    assessment = Assessment(item_id="again", scores={"hate": 0.75}, models={"stated": "1"})
    facts = Facts.from_items([item], [assessment])
    verdicts = evaluate(packs, facts, regions or REGIONS).row(0)
    recorded = record_screening(database, item, Screened(item, assessment, verdicts))
    return recorded.item_key, recorded.job_id


def stored(database: Database) -> tuple[int, list[str], int]:
    """How many assessments, the policies of the verdicts in order, how many jobs."""
    with database.read() as session:
        query = select(StoredVerdict.policy_hash).order_by(col(StoredVerdict.id))
        return (
            len(session.execute(select(StoredAssessment.id)).all()),
            list(session.execute(query).scalars()),
            len(session.execute(select(Job.id)).all()),
        )


def test_a_newer_policy_gives_one_new_verdict_and_one_job(
    database: Database, shipped: PackSet
) -> None:
    stricter = holding_hate_from(shipped, "0.70")
    old, new = shipped.content_hash, stricter.content_hash
    key, _ = screened(database, shipped)
    first = stored(database)
    assert first[:2] == (1, [old, old])
    assert screened(database, shipped)[0] == key
    assert stored(database) == first
    for _ in range(3):
        assert screened(database, stricter)[1] is not None
        assert stored(database) == (1, [old, old, new, new], 1)
    assert {v.action for v in load_verdicts(database, key).values()} == {"hold"}
    # Rolled back: what holds now is told again, and the job that waits stays the only one.
    screened(database, shipped)
    assert stored(database) == (1, [old, old, new, new, old, old], 1)
    assert {v.policy_hash for v in load_verdicts(database, key).values()} == {old}


def test_a_region_that_was_not_asked_for_before_is_judged_too(
    database: Database, shipped: PackSet
) -> None:
    key, _ = screened(database, shipped, "DE")
    screened(database, shipped, "US")
    screened(database, shipped, "DE")
    assert stored(database)[1] == [shipped.content_hash] * 2
    assert set(load_verdicts(database, key)) == {"DE", "US"}


def test_what_a_person_decided_is_not_asked_again_by_a_newer_policy(
    database: Database, shipped: PackSet
) -> None:
    _, job = screened(database, holding_hate_from(shipped, "0.70"))
    assert job is not None
    with database.write() as session:
        found = session.get(Job, job)
        assert found is not None
        found.state, found.closed_at = "done", 1.0
        session.add(found)
    assert screened(database, holding_hate_from(shipped, "0.60"))[1] is None
    assert len(stored(database)[1]) == 4
    assert stored(database)[2] == 1


def test_an_author_counts_as_warned_where_a_decision_in_force_says_so(
    database: Database, shipped: PackSet
) -> None:
    key, job = screened(database, holding_hate_from(shipped, "0.70"))
    author = Item.from_row({"id": "next", "text": "t", "author": {"id": "mo", "region": "FR"}})

    def decide(action: str, *tags: str, supersedes: int | None = None) -> None:
        with database.write() as session:
            session.add(
                Decision(
                    job_id=job, item_key=key, reviewer_id="lin", action=action,
                    context_tags=list(tags), decided_at=1.0, supersedes=supersedes,
                )
            )  # fmt: skip

    def suspended() -> bool:
        found = [[Strike(s.name, 1.0) for s in own] for own in strikes_of(database, [author])]
        facts = Facts.from_items([author], [Assessment(item_id="next", scores={})], strikes=found)
        return evaluate(shipped, facts, ["FR"]).row(0)["FR"].account.value == "suspend"

    for _ in range(3):
        decide("unavailable", "manifestly_illegal")
    assert not suspended()
    decide("label", "author_warned", "manifestly_illegal")
    assert suspended()
    assert [s.name for s in strikes_of(database, [author])[0]].count("manifestly_illegal") == 3
    decide("label", supersedes=4)
    assert not suspended()
