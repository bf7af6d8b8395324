"""What becomes more urgent while it waits moves ahead, and never back."""

from __future__ import annotations

import time
from typing import Any

import pytest
import streamlit as st
from review_work import House
from sqlalchemy import select
from sqlmodel import col
from streamlit.testing.v1 import AppTest

from moderation.records import audit
from moderation.records.people_tables import AuditEntry
from moderation.taxonomy import Severity

WORDS = "hello there everybody, this is an invented sentence that is long enough to be compared"
REPORT = {"kind": "child_safety", "source": "user"}
SEVERE: dict[str, Any] = {"severity": Severity.P0, "queue": "child_safety", "report": REPORT}


def test_a_report_that_names_a_more_severe_queue_moves_the_waiting_job_there(house: House) -> None:
    house.reviewer("lin", queues=["child_safety"])
    house.reviewer("ana", queues=["general"])
    first = house.post(WORDS, item_id="a", severity=Severity.P3)
    assert house.post(WORDS, item_id="a", **SEVERE).job_id == first.job_id
    assert house.queue.claim("ana") is None
    claimed = house.claim("lin")
    assert (claimed.job_id, claimed.lane, claimed.severity) == (first.job_id, 0, 0)
    assert (
        "raised by a user's report: from P3 to P0, from the queue general to child_safety, "
        "from lane 2 to 0" in claimed.why
    )
    [entry] = audit.history(house.database, f"job:{first.job_id}")
    assert (entry.action, entry.detail["queue"]) == ("raised", ["general", "child_safety"])
    assert entry.detail["severity"] == [3, 0]
    assert "raised" in [event.kind for event in house.queue.history(claimed.job_id)]
    assert audit.verify(house.database).entries >= 1


def test_what_is_said_later_and_is_milder_lowers_nothing(house: House) -> None:
    house.reviewer("lin")
    house.post(WORDS, item_id="a", severity=Severity.P1, queue="minor_safety")
    flagged = {"kind": "spam", "source": "trusted_flagger"}
    house.post(WORDS, item_id="a", severity=Severity.P3, queue="reports", report=flagged)
    claimed = house.claim("lin")
    assert (claimed.queue, claimed.severity, claimed.lane) == ("minor_safety", 1, 1)
    house.post(WORDS, item_id="a", severity=Severity.P4, queue="reports", report={"kind": "x"})
    again = house.queue.heartbeat(claimed)
    assert (again.queue, again.severity, again.lane) == ("minor_safety", 1, 1)
    assert again.why == claimed.why
    assert [entry.detail["lane"] for entry in _rises(house)] == [[2, 1]]


def test_a_job_in_hand_stays_there_and_shows_the_change(house: House) -> None:
    house.reviewer("lin")
    house.reviewer("ana")
    house.post(WORDS, item_id="a", severity=Severity.P3)
    house.post(WORDS.replace("hello", "Hello,"), item_id="b", severity=Severity.P3)
    claimed = house.claim("lin")
    house.post(WORDS, item_id="a", **SEVERE)
    assert house.queue.claim("ana") is None
    shown = house.queue.heartbeat(claimed)
    assert (shown.queue, shown.lane, shown.severity) == ("child_safety", 0, 0)
    assert shown.why[1].startswith("raised by a user's report: from P3 to P0")
    assert shown.members == claimed.members != ()
    house.queue.decide(shown, "unavailable")
    assert house.queue.claim("ana") is None


def test_a_copy_takes_its_cluster_along(house: House) -> None:
    house.reviewer("lin", queues=["child_safety"])
    first = house.post(WORDS, item_id="a", severity=Severity.P3)
    house.post(WORDS.replace("hello", "Hello,"), item_id="b", severity=Severity.P3)
    house.post(WORDS.replace("hello", "Hello,"), item_id="b", **SEVERE)
    claimed = house.claim("lin")
    assert (claimed.job_id, claimed.lane, len(claimed.members)) == (first.job_id, 0, 1)
    assert any(line.startswith("raised by a near-copy of it") for line in claimed.why)
    assert len(_rises(house)) == 2


def test_what_was_paused_and_is_now_a_danger_waits_no_longer(house: House) -> None:
    house.reviewer("lin")
    house.post(WORDS, item_id="a", severity=Severity.P3)
    house.queue.pause(house.claim("lin"), "asked the platform")
    house.post(WORDS, item_id="a", severity=Severity.P2, report={"kind": "x"})
    assert house.queue.claim("lin") is None
    house.post(WORDS, item_id="a", **SEVERE)
    assert house.claim("lin").lane == 0


def test_an_order_brings_a_job_of_the_same_severity_to_those_who_answer_orders(
    house: House,
) -> None:
    house.reviewer("lin", queues=["legal_orders"])
    house.post(WORDS, item_id="a", severity=Severity.P1)
    order = {"kind": "court", "territory": "DE", "verified": True}
    house.post(WORDS, item_id="a", severity=Severity.P1, queue="legal_orders", order=order)
    claimed = house.claim("lin")
    assert claimed.lane == 0
    assert any(line.startswith("raised by an order") for line in claimed.why)


def test_a_job_that_rose_keeps_the_language_of_its_readers(house: House) -> None:
    house.reviewer("lin", "zh")
    house.reviewer("ana", "en")
    house.queue.claim("lin"), house.queue.claim("ana")
    house.post(WORDS, item_id="a", severity=Severity.P3, language="zh")
    house.post(WORDS, item_id="a", language="en", **SEVERE)
    assert house.queue.claim("ana") is None
    assert house.claim("lin").language == "zh"


def _desk() -> None:
    import streamlit as st

    from dashboard import connection, session, sidebar
    from moderation.records.people import get_reviewer

    person = session.current()
    if person is None:
        person = session.begin("lin")
        person.hold(connection.queue().claim("lin"))
    sidebar.show_own(person, get_reviewer(connection.database(), "lin"))
    for message in person.take_messages():
        st.warning(message.text)


def test_the_dashboard_tells_whoever_holds_it(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = small_house
    house.clock.now = time.time()
    house.reviewer("lin")
    house.post(WORDS, item_id="a", severity=Severity.P3)
    monkeypatch.setenv("MODERATION_DATABASE_URL", house.url)
    st.cache_resource.clear()
    page = AppTest.from_function(_desk, default_timeout=60).run()
    assert not page.exception
    assert list(page.warning) == []
    house.post(WORDS, item_id="a", **SEVERE)
    [said] = page.run().warning
    assert said.value.startswith("This item became more urgent: goes before everything else")
    assert page.session_state["dashboard"].claimed.severity == 0
    st.cache_resource.clear()


def _rises(house: House) -> list[AuditEntry]:
    with house.database.read() as session:
        query = select(AuditEntry).where(col(AuditEntry.action) == "raised")
        return list(session.execute(query.order_by(col(AuditEntry.number))).scalars())
