"""What people decided reaches the platform, and the platform's users can disagree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from review_work import House

from moderation.policy.effects import Visibility
from moderation.service import errors
from moderation.service.decision_routes import router
from moderation.service.recording import Recording


@pytest.fixture
def http(small_house: House) -> Iterator[TestClient]:
    app = FastAPI()
    app.state.recording = Recording(small_house.database)
    errors.install(app)
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def test_decisions_are_read_in_order_and_go_on_where_they_ended(
    small_house: House, http: TestClient
) -> None:
    house = small_house
    house.reviewer("lin")
    house.post(item_id="a")
    first = house.queue.decide(house.claim("lin"), "unavailable", category="harassment")
    page = http.get("/v1/decisions").json()
    assert [(d["id"], d["item_id"], d["action"]) for d in page["decisions"]] == [
        (first.id, "a", "unavailable")
    ]
    assert "reviewer" not in str(page)
    assert page["next_after"] == 0  # too young to be sure that nothing is stored before it
    house.clock.forward(minutes=1)
    page = http.get("/v1/decisions").json()
    assert page["next_after"] == first.id
    house.queue.undo(first, "lin")
    page = http.get("/v1/decisions", params={"after": first.id}).json()
    assert [(d["kind"], d["supersedes"]) for d in page["decisions"]] == [("undo", first.id)]


def test_an_appeal_comes_by_http_and_its_answer_goes_back(
    small_house: House, http: TestClient
) -> None:
    house = small_house
    house.reviewer("lin")
    house.reviewer("ana")
    house.post(item_id="a")
    first = house.queue.decide(house.claim("lin"), "unavailable")
    body = {"decision": first.id, "opened_by": "author", "reason": "it was a quote"}
    opened = http.post("/v1/appeals", json=body)
    assert opened.status_code == 201
    assert opened.json()["due_at"] == pytest.approx(house.clock.now + 72 * 3600)
    house.queue.decide(house.claim("ana"), "allow")
    answer = http.get("/v1/decisions", params={"after": first.id}).json()["decisions"][-1]
    assert (answer["kind"], answer["supersedes"]) == ("appeal", first.id)
    assert answer["restored"] == ["visibility", "reach", "strike"]


def test_an_appeal_that_is_not_possible_says_why(small_house: House, http: TestClient) -> None:
    house = small_house
    missing = http.post("/v1/appeals", json={"decision": 7, "opened_by": "author"})
    assert missing.status_code == 404
    house.reviewer("lin")
    house.post()
    allowed = house.queue.decide(house.claim("lin"), "allow")
    refused = http.post("/v1/appeals", json={"decision": allowed.id, "opened_by": "author"})
    assert refused.status_code == 409
    assert "nothing was taken" in refused.json()["error"]["message"]
    assert http.post("/v1/appeals", json={"decision": 1, "opened_by": "x"}).status_code == 422


def test_an_automatic_removal_is_appealed_by_item_and_both_decisions_are_told(
    house: House,
) -> None:
    house.reviewer("ana", seniority=1)
    house.post(
        item_id="a", author={"id": "writer"}, review=False, visibility=Visibility.UNAVAILABLE
    )
    app = FastAPI()
    app.state.recording = Recording(house.database)
    errors.install(app)
    app.include_router(router)
    with TestClient(app) as http:
        body = {"item_id": "a", "opened_by": "author", "reason": "it was a quote"}
        assert http.post("/v1/appeals", json=body).status_code == 201
        again = http.post("/v1/appeals", json=body)
        assert (again.status_code, again.json()["error"]["param"]) == (409, "item_id")
        claimed = house.claim("ana")
        assert claimed.purpose == "appeal"
        case = house.queue.open_case(claimed)
        assert [look.action for look in case.looks] == ["unavailable"]
        house.queue.decide(claimed, "allow")
        page = http.get("/v1/decisions").json()["decisions"]
        assert [(d["kind"], d["action"], d["item_id"]) for d in page] == [
            ("automatic", "unavailable", "a"),
            ("appeal", "allow", "a"),
        ]
        assert page[1]["supersedes"] == page[0]["id"]
        assert page[1]["restored"] == ["visibility", "reach", "strike"]
        refused = http.post("/v1/appeals", json=body)
        assert f"appeal decision {page[1]['id']} instead" in refused.json()["error"]["message"]


def test_an_appeal_names_a_decision_or_an_item(http: TestClient) -> None:
    both = {"decision": 1, "item_id": "a", "opened_by": "author"}
    assert http.post("/v1/appeals", json=both).status_code == 422
    assert http.post("/v1/appeals", json={"opened_by": "author"}).status_code == 422
    missing = http.post("/v1/appeals", json={"item_id": "a", "opened_by": "author"})
    assert (missing.status_code, missing.json()["error"]["param"]) == (404, "item_id")
