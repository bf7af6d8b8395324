"""What holds for every set of packs and every item, on invented ones."""

from __future__ import annotations

import datetime
import random
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from moderation.policy import Effects, Facts, PackSet, Verdict, Visibility, evaluate
from moderation.policy.lint import safety_problems
from tests.unit.policy.invented_packs import REGIONS, TERRITORIES, as_bytes, facts, pack_files

TODAY = datetime.date(2026, 12, 1)
few = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def packs_of(files: dict[str, Any]) -> PackSet:
    return PackSet.from_files(as_bytes(files), today=TODAY)


def said(verdict: Verdict) -> dict[str, Any]:
    """A verdict without the name of the files that said it."""
    return verdict.model_dump(exclude={"policy_hash", "region"})


@few
@given(pack_files(), facts())
def test_a_regional_rule_never_removes_globally(files: dict[str, Any], items: Facts) -> None:
    """What holds in a region depends on the baseline and the packs of that region alone."""
    verdicts = evaluate(packs_of(files), items, REGIONS)
    for region in REGIONS:
        own = {
            name: content
            for name, content in files.items()
            if name == "baseline.yaml" or region in TERRITORIES[name.removesuffix(".yaml")]
        }
        alone = evaluate(packs_of(own), items, [region])
        for row in range(len(items)):
            assert verdicts.row(row)[region].effects == alone.row(row)[region].effects


@few
@given(pack_files(), facts())
def test_a_regional_pack_never_loosens_a_floor_rule(files: dict[str, Any], items: Facts) -> None:
    packs = packs_of(files)
    assume(not any(p.code == "L2" for p in safety_problems(packs)))
    before = evaluate(packs_of({"baseline.yaml": files["baseline.yaml"]}), items, REGIONS)
    after = evaluate(packs, items, REGIONS)
    for row in range(len(items)):
        floors = {hit.rule_id: hit for hit in before.row(row)["ZZ"].rules if hit.floor}
        for region, verdict in after.row(row).items():
            still = {hit.rule_id: hit for hit in verdict.rules if hit.floor}
            assert set(floors) <= set(still), region
            for rule_id, hit in floors.items():
                assert set(hit.actions) <= set(still[rule_id].actions)
                assert still[rule_id].sla_minutes <= hit.sla_minutes
                assert verdict.sla_minutes is not None
                assert verdict.sla_minutes <= hit.sla_minutes


@few
@given(pack_files(), facts())
def test_one_row_says_what_the_row_of_a_batch_says(files: dict[str, Any], items: Facts) -> None:
    packs = packs_of(files)
    batch = evaluate(packs, items, REGIONS)
    for row in range(len(items)):
        alone = evaluate(packs, items.rows(row, row + 1), REGIONS).row(0)
        assert alone == batch.row(row)
        for region, verdict in alone.items():
            assert batch.visibility(region)[row] == verdict.visibility.rank
            assert bool(batch.needs_review(region)[row]) is verdict.needs_review
            queues, names = batch.queue(region)
            assert verdict.queue == (None if queues[row] < 0 else names[queues[row]])


@few
@given(pack_files(), facts(), st.randoms(use_true_random=False))
def test_the_order_of_packs_and_rules_never_changes_a_verdict(
    files: dict[str, Any], items: Facts, chance: random.Random
) -> None:
    shuffled = {}
    for number, (_, content) in enumerate(chance.sample(sorted(files.items()), len(files))):
        own = chance.sample(content["rules"], len(content["rules"]))
        shuffled[f"{number}.yaml"] = {**content, "rules": own}
    before = evaluate(packs_of(files), items, REGIONS)
    after = evaluate(packs_of(shuffled), items, REGIONS)
    for row in range(len(items)):
        for region in REGIONS:
            assert said(before.row(row)[region]) == said(after.row(row)[region])


@few
@given(pack_files(), facts())
def test_what_is_kept_of_earlier_items_never_changes_a_verdict(
    files: dict[str, Any], items: Facts
) -> None:
    """Items that meet no rule share their verdicts within one set of packs."""
    packs = packs_of(files)
    for row in range(len(items)):
        item = items.rows(row, row + 1)
        kept = evaluate(packs, item, REGIONS).row(0)
        # What reads a verdict may keep or drop it; the next item's is whole nevertheless.
        told = {region: verdict.model_dump() for region, verdict in kept.items()}
        kept.clear()
        fresh = evaluate(packs_of(files), item, REGIONS).row(0)
        assert told == {region: verdict.model_dump() for region, verdict in fresh.items()}


@few
@given(pack_files(), facts())
def test_an_unknown_viewer_region_gets_the_baseline(files: dict[str, Any], items: Facts) -> None:
    baseline = packs_of({"baseline.yaml": files["baseline.yaml"]})
    for row in range(len(items)):
        here = evaluate(packs_of(files), items, ["ZZ"]).row(row)["ZZ"]
        alone = evaluate(baseline, items, ["ZZ"]).row(row)["ZZ"]
        assert here.effects == alone.effects
        assert [hit.rule_id for hit in here.rules] == [hit.rule_id for hit in alone.rules]


@few
@given(pack_files(), facts())
def test_the_columns_agree_with_reading_the_rules_one_by_one(
    files: dict[str, Any], items: Facts
) -> None:
    """A second, slow reading of the packs, written from their meaning and not from the code."""
    verdicts = evaluate(packs_of(files), items, REGIONS)
    names = {f"{name}.yaml": territory for name, territory in TERRITORIES.items()}
    for row in range(len(items)):
        for region, verdict in verdicts.row(row).items():
            if any(hit.reduced_for_political_speech for hit in verdict.rules):
                continue
            rules = {r["id"]: r for r in files["baseline.yaml"]["rules"]}
            for name in sorted(files):
                if name != "baseline.yaml" and region in names[name]:
                    rules.update({rule["id"]: rule for rule in files[name]["rules"]})
                    for override in files[name]["overrides"]:
                        rule = rules[override["rule"]]
                        rules[override["rule"]] = _changed(rule, override["set"])
            expected = {
                rule_id
                for rule_id, rule in rules.items()
                if _meets(rule["when"], items, row)
                and not any(items.context_tags[tag][row] for tag in rule["exceptions"])
            }
            assert {hit.rule_id for hit in verdict.rules if not hit.exempted_by} == expected
            withheld = any(
                {"remove", "geo_restrict"} & set(rules[rule_id]["actions"]) for rule_id in expected
            )
            assert (verdict.visibility is Visibility.UNAVAILABLE) is withheld


def _changed(rule: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    if "thresholds" in change:
        return {**rule, "when": _with(rule["when"], change["thresholds"])}
    if "actions" in change:
        return {**rule, "actions": [*rule["actions"], *change["actions"]["add"]]}
    return rule


def _with(when: dict[str, Any], thresholds: dict[str, float]) -> dict[str, Any]:
    [(name, value)] = when.items()
    if name in {"all", "any"}:
        return {name: [_with(part, thresholds) for part in value]}
    if name == "not":
        return {name: _with(value, thresholds)}
    if name == "score" and value["category"] in thresholds:
        return {"score": {**value, "gte": thresholds[value["category"]]}}
    return when


def _meets(when: dict[str, Any], items: Facts, row: int) -> bool:
    from moderation.policy.facts import AGES, SOURCES, SURFACES, score_column

    [(name, value)] = when.items()
    if name == "all":
        return all(_meets(part, items, row) for part in value)
    if name == "any":
        return any(_meets(part, items, row) for part in value)
    if name == "not":
        return not _meets(value, items, row)
    language = items.language.name(row) or ""
    looks = {
        "score": lambda: (
            items.scores[row, score_column(value["category"])] >= np.float32(value["gte"])
        ),
        "surface": lambda: SURFACES[items.surface[row]] in value,
        "author_age": lambda: AGES[items.author_age[row]] in value,
        "declared_synthetic": lambda: items.declared_synthetic[row] == int(value),
        "image_tag": lambda: items.image_tags["mark"][row],
        "account_age_days": lambda: items.account_age_days[row] < value["lt"],
        "reach": lambda: items.views[row] >= value["views_gte"],
        "language": lambda: items.mixed_language[row] or language.startswith("zh"),
        "report": lambda: (
            SOURCES[items.report_source[row]] == value["from"]
            if items.report_source[row] >= 0
            else False
        ),
        "order": lambda: bool(items.orders) and items.orders[0].verified[row] == 1,
    }
    return bool(looks[name]())


@given(st.lists(st.integers(0, 2**19 - 1), min_size=1, max_size=4))
def test_effects_unite_as_their_codes_do(numbers: list[int]) -> None:
    from moderation.policy.codes import decode, encode

    effects = [decode(number) for number in numbers]
    together = Effects()
    code = 0
    for each in effects:
        together |= each
        code |= encode(each)
    assert decode(code) == together
