"""Phrase banks over HTTP: tried, kept, ended, removed, brought back, and noted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from review_work import House
from sqlalchemy import select
from sqlmodel import col

from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.records import audit
from moderation.records.people_tables import AuditEntry
from moderation.service import errors
from moderation.service.phrase_routes import router
from moderation.taxonomy import Severity
from moderation.tuning.phrase_changes import PhraseBank


@pytest.fixture
def http(small_house: House) -> Iterator[TestClient]:
    app = FastAPI()
    store = PhraseStore(small_house.database.media.folder.parent / "phrases.sqlite")
    app.state.phrases = PhraseBank(store, small_house.database)
    errors.install(app)
    app.include_router(router)
    with TestClient(app) as client:
        yield client


def phrase(text: str = "zorbo watches", **more: Any) -> dict[str, Any]:
    return {"text": text, "category": "counterfeit", "source": "case 7", **more}


def test_a_phrase_is_tried_on_what_is_stored_and_then_kept(
    small_house: House, http: TestClient
) -> None:
    small_house.post("new Zorbo watches for everybody here", item_id="a")
    small_house.post("an invented sentence about the garden", item_id="b")
    trial = http.post("/v1/phrases/test", json={"phrase": phrase(), "by": "mira"}).json()
    assert (trial["stored"]["hits"], trial["stored"]["texts"]) == (1, 2)
    assert trial["stored"]["examples"][0]["where"] == "a"
    assert not trial["is_doubtful"]
    assert http.get("/v1/phrases").json() == {"phrases": []}
    kept = http.post("/v1/phrases", json={"phrase": phrase(), "by": "mira"})
    assert (kept.status_code, kept.json()["added"]) == (201, True)
    [entry] = http.get("/v1/phrases", params={"category": "counterfeit"}).json()["phrases"]
    assert (entry["source"], entry["added_by"], entry["is_live"]) == ("case 7", "mira", True)
    assert http.get("/v1/phrases", params={"language": "zh"}).json() == {"phrases": []}

    until = {"expires_at": "2020-01-01T00:00:00Z", "by": "mira"}
    assert http.post("/v1/phrases/1/expiry", json=until).status_code == 204
    assert http.get("/v1/phrases").json()["phrases"][0]["is_live"] is False
    assert http.post("/v1/phrases/1/expiry", json=until | {"expires_at": None}).status_code == 204
    assert http.post("/v1/phrases/1/remove", json={"by": "mira"}).status_code == 204
    assert http.get("/v1/phrases").json() == {"phrases": []}
    [gone] = http.get("/v1/phrases", params={"removed": True}).json()["phrases"]
    assert gone["removed_by"] == "mira"
    assert http.post("/v1/phrases/1/restore", json={"by": "mira"}).status_code == 204
    assert len(http.get("/v1/phrases").json()["phrases"]) == 1

    with small_house.database.read() as session:
        query = select(AuditEntry).order_by(col(AuditEntry.number))
        noted = list(session.execute(query).scalars())
    assert [entry.action for entry in noted] == [
        *("phrases_tested", "phrases_tested", "phrases_added", "phrase_expiry", "phrase_expiry"),
        *("phrase_removed", "phrase_restored"),
    ]
    assert {entry.actor for entry in noted} == {"mira"}
    assert "zorbo" not in str([entry.detail for entry in noted])
    assert audit.verify(small_house.database).entries == len(noted)


def test_a_phrase_that_hits_harmless_text_is_kept_only_when_told_so(http: TestClient) -> None:
    body = {"phrase": phrase("the"), "by": "mira"}
    refused = http.post("/v1/phrases", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "doubtful")
    assert http.get("/v1/phrases").json() == {"phrases": []}
    assert http.post("/v1/phrases", json=body | {"despite_hits": True}).status_code == 201


@pytest.mark.parametrize(
    "wrong", [{"text": "x"}, {"category": "nothing"}, {"source": " "}, {"language": "chinese"}]
)
def test_what_is_no_phrase_is_refused_and_says_why(wrong: dict[str, Any], http: TestClient) -> None:
    body = {"phrase": phrase() | wrong, "by": "mira"}
    answer = http.post("/v1/phrases", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_a_number_that_is_not_there_and_a_missing_name_are_told(http: TestClient) -> None:
    assert http.post("/v1/phrases/7/remove", json={"by": "mira"}).status_code == 404
    assert http.post("/v1/phrases/7/restore", json={"by": "mira"}).status_code == 404
    assert http.post("/v1/phrases/7/remove", json={}).status_code == 422


def test_a_case_of_the_highest_severity_is_counted_and_not_quoted(
    small_house: House, http: TestClient
) -> None:
    small_house.post("zorbo watches and an invented threat", severity=Severity.P0)
    small_house.post("zorbo watches for everybody", item_id="b")
    trial = http.post("/v1/phrases/test", json={"phrase": phrase(), "by": "mira"}).json()
    assert trial["stored"]["hits"] == 2
    assert [example["where"] for example in trial["stored"]["examples"]] == ["b"]
