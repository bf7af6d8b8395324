"""Versions that start and end by themselves, and versions that are tried beside the live one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moderation.records import (
    Database,
    PolicyRefused,
    apply_schedule,
    approve_policy,
    audit,
    current_rollout,
    live_policy,
    make_policy_live,
    open_database,
    policy_history,
    propose_policy,
    reject_policy,
    roll_back_policy,
    schedule_policy,
    start_rollout,
    stop_rollout,
)

A, B, C, D = (letter * 64 for letter in "abcd")


class Clock:
    """A clock that the test moves."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Database]:
    kind = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    with open_database(request.getfixturevalue(kind), clock=clock) as opened:
        for name in (A, B, C):
            propose_policy(opened, name, {"baseline.yaml": name.encode()}, by="ana")
            approve_policy(opened, name, by="lin")
        yield opened


def live(database: Database) -> str | None:
    apply_schedule(database)
    found = live_policy(database)
    return found.hash if found is not None else None


def test_a_version_starts_and_ends_at_its_moments_and_the_one_before_comes_back(
    database: Database, clock: Clock
) -> None:
    make_policy_live(database, A, by="lin")
    schedule_policy(
        database, B, by="lin", starts_at=clock.now + 100, ends_at=clock.now + 200, note="election"
    )
    assert live(database) == A
    clock.now += 150
    assert live(database) == B
    clock.now += 100
    assert live(database) == A
    told = [(e.state, e.actor) for e in policy_history(database, B)]
    assert told[-3:] == [("scheduled", "lin"), ("live", "schedule"), ("ended", "schedule")]
    actions = [entry.action for entry in audit.history(database, f"policy:{B}")]
    assert actions[-3:] == ["policy_scheduled", "policy_live", "policy_ended"]


def test_moments_that_nobody_watched_are_applied_in_their_order(
    database: Database, clock: Clock
) -> None:
    make_policy_live(database, A, by="lin")
    schedule_policy(database, C, by="lin", starts_at=clock.now + 300)
    schedule_policy(database, B, by="lin", starts_at=clock.now + 100, ends_at=clock.now + 200)
    clock.now += 1000
    assert [version.hash for version in apply_schedule(database)] == [B, B, C]
    assert live(database) == C
    assert roll_back_policy(database, by="lin", note="too strict").hash == A


def test_where_nothing_was_before_the_folder_is_in_force_again(
    database: Database, clock: Clock
) -> None:
    make_policy_live(database, A, by="lin")
    schedule_policy(database, A, by="lin", ends_at=clock.now + 10)
    clock.now += 20
    assert live(database) is None
    assert roll_back_policy(database, to=A, by="lin", note="still needed").hash == A
    assert live(database) == A


def test_rolling_back_twice_goes_back_by_two(database: Database) -> None:
    for name in (A, B, C):
        make_policy_live(database, name, by="lin")
    assert roll_back_policy(database, by="lin", note="one").hash == B
    assert roll_back_policy(database, by="lin", note="two").hash == A
    with pytest.raises(PolicyRefused, match="nothing to roll back"):
        roll_back_policy(database, by="lin", note="three")
    assert roll_back_policy(database, to=C, by="lin", note="after all").hash == C


@pytest.mark.parametrize(
    ("start", "end", "words"), [(100, 50, "end after it starts"), (None, -5, "in the past")]
)
def test_moments_in_the_wrong_order_are_refused(
    database: Database, clock: Clock, start: float | None, end: float, words: str
) -> None:
    starts_at = None if start is None else clock.now + start
    with pytest.raises(PolicyRefused, match=words):
        schedule_policy(database, A, by="lin", starts_at=starts_at, ends_at=clock.now + end)


def test_only_what_a_second_person_approved_is_scheduled_or_acts_as_canary(
    database: Database,
) -> None:
    propose_policy(database, D, {"baseline.yaml": b"d"}, by="ana")
    with pytest.raises(PolicyRefused, match="approve it before"):
        schedule_policy(database, D, by="ana", starts_at=2e9)
    with pytest.raises(PolicyRefused, match="an approved version"):
        start_rollout(database, D, percent=5, by="ana")
    assert start_rollout(database, D, percent=0, by="ana").kind == "shadow"


def test_one_version_is_tried_at_a_time_and_its_share_can_grow(database: Database) -> None:
    first = start_rollout(database, A, percent=0, by="lin")
    with pytest.raises(PolicyRefused, match="the shadow already"):
        start_rollout(database, B, percent=0, by="lin")
    second = start_rollout(database, A, percent=5, by="lin", note="careful")
    assert second.id != first.id
    running = current_rollout(database)
    assert running is not None
    assert (running.kind, running.percent) == ("canary", 5.0)
    stop_rollout(database, by="lin", note="seen enough")
    assert current_rollout(database) is None
    with pytest.raises(PolicyRefused, match="nothing to end"):
        stop_rollout(database, by="lin")
    told = [e.state for e in policy_history(database, A)][-5:]
    assert told == ["approved", "shadow", "shadow_ended", "canary", "canary_ended"]
    assert audit.history(database, f"policy:{A}")[-2].detail == {"percent": 5.0}
    audit.verify(database)


def test_a_trial_ends_when_its_version_goes_live_or_is_turned_down(database: Database) -> None:
    start_rollout(database, A, percent=5, by="lin")
    make_policy_live(database, A, by="lin")
    assert current_rollout(database) is None
    start_rollout(database, B, percent=0, by="lin")
    reject_policy(database, B, by="lin", note="too many holds")
    assert current_rollout(database) is None
