"""Which policy was in force, and who said so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moderation.records import (
    Database,
    NotFound,
    PolicyRefused,
    approve_policy,
    audit,
    draft_policy,
    live_policy,
    make_policy_live,
    open_database,
    policy_files,
    policy_history,
    propose_policy,
    reject_policy,
    roll_back_policy,
)

FIRST = {"baseline.yaml": b"id: baseline\nversion: 1\n"}
SECOND = {"baseline.yaml": b"id: baseline\nversion: 2\n", "de.yaml": "id: de # Ü".encode()}


@pytest.fixture
def database(sqlite_database: str) -> Iterator[Database]:
    with open_database(sqlite_database) as opened:
        yield opened


def _live(database: Database, name: str, files: dict[str, bytes]) -> None:
    propose_policy(database, name, files, by="ana")
    approve_policy(database, name, by="sen")
    make_policy_live(database, name, by="sen")


def test_a_policy_goes_live_after_somebody_else_approved_it(database: Database) -> None:
    propose_policy(database, "a" * 64, FIRST, by="ana", note="first")
    with pytest.raises(PolicyRefused, match="only an approved"):
        make_policy_live(database, "a" * 64, by="ana")
    with pytest.raises(PolicyRefused, match="ask somebody else"):
        approve_policy(database, "a" * 64, by="ana")
    approve_policy(database, "a" * 64, by="sen")
    assert live_policy(database) is None
    make_policy_live(database, "a" * 64, by="sen")
    live = live_policy(database)
    assert live is not None
    assert live.hash == "a" * 64
    told = [(event.state, event.actor) for event in policy_history(database)]
    assert told == [("draft", "ana"), ("proposed", "ana"), ("approved", "sen"), ("live", "sen")]


def test_a_new_version_supersedes_and_a_roll_back_restores(database: Database) -> None:
    _live(database, "a" * 64, FIRST)
    _live(database, "b" * 64, SECOND)
    back = roll_back_policy(database, by="sen", note="too many holds in DE")
    assert (back.hash, back.state) == ("a" * 64, "live")
    states = {event.state for event in policy_history(database, "b" * 64)}
    assert "superseded" in states
    with pytest.raises(PolicyRefused, match="say why"):
        roll_back_policy(database, by="sen", note="")


def test_there_is_nothing_before_the_first(database: Database) -> None:
    _live(database, "a" * 64, FIRST)
    with pytest.raises(PolicyRefused, match="nothing to roll back"):
        roll_back_policy(database, by="sen", note="undo")


def test_the_files_come_back_as_they_were(database: Database) -> None:
    draft_policy(database, "b" * 64, SECOND, by="ana")
    assert policy_files(database, "b" * 64) == SECOND
    assert policy_files(database, "b" * 12) == SECOND
    with pytest.raises(NotFound):
        policy_files(database, "c" * 12)


def test_a_rejected_proposal_cannot_go_live_but_can_be_proposed_again(database: Database) -> None:
    propose_policy(database, "a" * 64, FIRST, by="ana")
    reject_policy(database, "a" * 64, by="sen", note="the threshold is too low")
    with pytest.raises(PolicyRefused, match="cannot become approved"):
        approve_policy(database, "a" * 64, by="sen")
    assert propose_policy(database, "a" * 64, FIRST, by="ana").state == "proposed"


def test_every_move_is_in_the_audit_log(database: Database) -> None:
    _live(database, "a" * 64, FIRST)
    actions = [entry.action for entry in audit.history(database, f"policy:{'a' * 64}")]
    assert actions == ["policy_proposed", "policy_approved", "policy_live"]
    audit.verify(database)
