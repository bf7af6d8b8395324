"""Differences and explanations in sentences; shadow and canary; the JSON Schema."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from moderation.policy import Facts, PackSet, evaluate
from moderation.policy.diff import diff
from moderation.policy.document import read_document
from moderation.policy.explain import explain, near_misses
from moderation.policy.golden import facts_of, read_golden
from moderation.policy.json_schema import FILE_NAME, pack_json_schema, pack_json_schema_text
from moderation.policy.rollout import Rollout, change, in_canary
from tests.unit.policy.altered import TODAY, altered


def changed(shipped: PackSet, name: str, *changes: tuple[str, str]) -> PackSet:
    text = shipped.files[name].decode()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return PackSet.from_files({**shipped.files, name: text.encode()}, today=TODAY)


GERMAN = """overrides:
  - rule: B-HATE-01
    if: {surface: [live_chat]}
    set: {thresholds: {hate: 0.78}}
    legal_basis: [STGB-86A]
rules:
"""


def test_a_threshold_by_region_and_surface_is_told_in_a_sentence(shipped: PackSet) -> None:
    sentences = [
        c.sentence for c in diff(shipped, changed(shipped, "de.yaml", ("rules:\n", GERMAN)))
    ]
    assert sentences == ["In DE, hate in live chat now holds at 0.78 instead of 0.90"]


@pytest.mark.parametrize(
    ("file", "before", "after", "sentence"),
    [
        (
            "baseline.yaml",
            "{category: hate, gte: 0.90}",
            "{category: hate, gte: 0.85}",
            "Everywhere, hate now holds at 0.85 instead of 0.90",
        ),
        (
            "in.yaml",
            "minutes: 180",
            "minutes: 120",
            "In IN, IN-ORDER-01 is now due within 120 minutes of order received, before within 180",
        ),
        ("au.yaml", "status: enabled", "status: draft", "In AU, harassment no longer holds"),
        (
            "in.yaml",
            "actions: [allow_with_label, limit_distribution, request_declaration]",
            "actions: [allow_with_label]",
            "In IN, synthetic unlabelled now labels, before it labels and limits and request",
        ),
    ],
)
def test_a_change_is_told_in_a_sentence(
    shipped: PackSet, file: str, before: str, after: str, sentence: str
) -> None:
    told = [c.sentence for c in diff(shipped, changed(shipped, file, (before, after)))]
    assert any(line.startswith(sentence) for line in told), told


def test_nothing_is_told_where_nothing_changes(shipped: PackSet) -> None:
    moved = changed(shipped, "in.yaml", ("legal_bases:", "# a comment\nlegal_bases:"))
    assert moved.content_hash != shipped.content_hash
    assert diff(shipped, moved) == ()


def test_an_explanation_names_rule_score_threshold_law_queue_and_notice(
    policies: Path, shipped: PackSet
) -> None:
    golden = {case.golden.id: case.golden for case in read_golden(policies)}
    verdict = evaluate(shipped, facts_of(golden["E9"]), ["IN"]).row(0)["IN"]
    told = " ".join(explain(shipped, verdict))
    for part in ("IN-SGI-01", "0.86", "0.80", "IT Rules 2021", "limit", "RC-310", "request decl"):
        assert part in told
    exempted = evaluate(shipped, facts_of(golden["E2"]), ["DE"]).row(0)["DE"]
    assert "'education' exempts the item" in " ".join(explain(shipped, exempted))


def test_a_score_just_below_a_threshold_is_mentioned(shipped: PackSet) -> None:
    scores = np.full((1, 28), np.nan, dtype=np.float32)
    from moderation.policy.facts import score_column

    scores[0, score_column("hate")] = 0.86
    told = near_misses(shipped, Facts.from_columns(scores), 0, "US")
    assert any("B-HATE-01" in line and "0.86" in line for line in told)


def test_a_canary_is_stable_by_item_and_grows_without_reshuffling() -> None:
    ids = [f"item-{number}" for number in range(4000)]
    small = {item for item in ids if in_canary(item, 5, "candidate")}
    large = {item for item in ids if in_canary(item, 20, "candidate")}
    assert small <= large
    assert 120 < len(small) < 280
    assert 680 < len(large) < 920
    assert {item for item in ids if in_canary(item, 5, "another")} != small
    assert not any(in_canary(item, 0, "candidate") for item in ids)
    assert all(in_canary(item, 100, "candidate") for item in ids)


def test_a_shadow_is_stored_and_never_acted_on(shipped: PackSet) -> None:
    stricter = changed(
        shipped, "baseline.yaml", ("{category: hate, gte: 0.90}", "{category: hate, gte: 0.50}")
    )
    from moderation.policy.facts import score_column

    scores = np.full((50, 28), np.nan, dtype=np.float32)
    scores[:, score_column("hate")] = 0.55
    items = Facts.from_columns(scores)
    shadowed = Rollout(shipped, stricter).evaluate(items, ["US"])
    for row in range(50):
        assert shadowed.acting(row)["US"].action == "allow"
        shadow = shadowed.shadow(row)
        assert shadow is not None
        assert shadow.verdicts["US"].action == "hold"
        assert shadow.verdicts["US"].policy_hash == stricter.content_hash
        assert change(shadowed.acting(row)["US"], shadow.verdicts["US"]) == ("stricter", "hate")
        assert change(shadow.verdicts["US"], shadowed.acting(row)["US"]) == ("looser", "hate")
    canary = Rollout(shipped, stricter, canary_percent=40).evaluate(items, ["US"])
    acting = {canary.acting(row)["US"].policy_hash for row in range(50)}
    assert acting == {shipped.content_hash, stricter.content_hash}


def test_without_a_candidate_the_live_set_acts(shipped: PackSet) -> None:
    verdicts = Rollout(shipped).evaluate(Facts.from_columns(np.full((1, 28), np.nan)), ["US"])
    assert verdicts.shadow(0) is None
    assert verdicts.acting(0)["US"].policy_hash == shipped.content_hash
    with pytest.raises(ValueError, match="candidate"):
        Rollout(shipped, None, 10)


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def test_the_schema_beside_the_packs_is_the_one_the_code_generates(policies: Path) -> None:
    assert (policies / FILE_NAME).read_text("utf-8") == pack_json_schema_text()


def test_the_schema_accepts_the_shipped_packs_and_refuses_mistakes(shipped: PackSet) -> None:
    validator = jsonschema.Draft202012Validator(pack_json_schema())
    validator.check_schema(pack_json_schema())
    for name, content in shipped.files.items():
        assert list(validator.iter_errors(as_json(read_document(name, content).data))) == [], name
    for mistake in (
        ("category: hate", "category: haet"),
        ("severity: P2", "severty: P2"),
        ("[geo_restrict]", "[geo_restrikt]"),
        ("when: {all: [{image_tag", "when: {all: [{image_tga"),
    ):
        broken = altered(shipped, "de.yaml", mistake)["de.yaml"]
        assert list(validator.iter_errors(as_json(read_document("de.yaml", broken).data)))


def test_the_schema_is_plain_json() -> None:
    assert json.loads(pack_json_schema_text())["$schema"].endswith("2020-12/schema")
