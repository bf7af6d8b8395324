"""The linter's safety constraints: each has a test that breaks it in one place."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from moderation.items import Surface
from moderation.policy import PackError, PackSet, load_packs
from moderation.policy.lint import lint, lint_directory
from tests.unit.policy.altered import TODAY, altered, problems_of, with_rule


def with_override(shipped: PackSet, rule: str, setting: str) -> dict[str, bytes]:
    first = "  - rule: B-NCII-01\n"
    override = f"  - rule: {rule}\n    set: {setting}\n    legal_basis: [IT-3-2-B]\n"
    return altered(shipped, "in.yaml", (first, override + first))


def codes(files: dict[str, bytes]) -> set[str]:
    return {problem.code for problem in problems_of(files) if not problem.warning}


def test_the_shipped_packs_break_no_constraint_and_give_no_warning(
    policies: Path, shipped: PackSet
) -> None:
    assert lint(policies, shipped) == ()


def test_the_small_rule_that_these_tests_alter_is_sound(shipped: PackSet) -> None:
    assert codes(with_rule(shipped)) == set()


@pytest.mark.parametrize("change", [{"scope": "global"}, {"actions": "[remove]"}])
def test_l1_a_regional_pack_neither_acts_globally_nor_removes(
    shipped: PackSet, change: dict[str, str]
) -> None:
    assert codes(with_rule(shipped, **change)) == {"L1"}


def test_l1_the_indian_order_rule_rewritten_with_remove(shipped: PackSet) -> None:
    files = altered(
        shipped,
        "in.yaml",
        ("actions: [geo_restrict, escalate_legal", "actions: [remove, escalate_legal"),
    )
    [problem] = [p for p in problems_of(files) if p.code == "L1"]
    assert (problem.file, problem.rule, problem.field) == ("in.yaml", "IN-ORDER-01", "actions")
    assert "write geo_restrict" in problem.message
    assert "remove" in files["in.yaml"].decode().splitlines()[problem.line - 1]


@pytest.mark.parametrize("setting", ["scope: global", "actions: {add: [remove]}"])
def test_l1_an_override_cannot_make_a_rule_global(shipped: PackSet, setting: str) -> None:
    assert "L1" in codes(with_override(shipped, "B-HATE-01", f"{{{setting}}}"))


def test_l2_the_indian_override_cannot_lengthen_the_clock_of_a_floor_rule(
    shipped: PackSet,
) -> None:
    files = altered(shipped, "in.yaml", ("minutes: 120", "minutes: 2880"))
    [problem] = [p for p in problems_of(files) if p.code == "L2"]
    assert problem.rule == "B-NCII-01"
    assert "at most 1440 minutes" in problem.message


@pytest.mark.parametrize(
    ("rule", "setting"),
    [
        ("B-NCII-01", "{actions: [hash_block]}"),
        ("B-NCII-01", "{sla: {clock: order_received}}"),
        ("B-NCII-01", "{queue: none}"),
        ("B-NCII-01", "{human: {mode: none}}"),
        ("B-NCII-01", "{severity: P4}"),
        ("B-NCII-01", "{exceptions: [news]}"),
        ("B-NCII-01", "{when: {declared_synthetic: true}}"),
        ("B-GROOM-01", "{thresholds: {grooming: 0.80}}"),
    ],
)
def test_l2_nothing_of_a_floor_rule_can_be_loosened(
    shipped: PackSet, rule: str, setting: str
) -> None:
    assert "L2" in codes(with_override(shipped, rule, setting))


@pytest.mark.parametrize(
    "setting",
    [
        "{thresholds: {grooming: 0.60}}",
        "{actions: {add: [preserve_evidence]}}",
        "{sla: {minutes: 5}}",
    ],
)
def test_l2_a_floor_rule_can_be_tightened(shipped: PackSet, setting: str) -> None:
    assert codes(with_override(shipped, "B-GROOM-01", setting)) == set()


def test_l3_a_floor_rule_has_no_exceptions(shipped: PackSet) -> None:
    assert "L3" in codes(with_rule(shipped, lock="floor", exceptions="[news]"))


@pytest.mark.parametrize("change", [{"legal_basis": "[NO-SUCH-LAW]"}, {"reason_code": "RC-999"}])
def test_l4_a_rule_has_a_legal_basis_and_notices_in_english_and_chinese(
    shipped: PackSet, change: dict[str, str]
) -> None:
    assert codes(with_rule(shipped, **change)) == {"L4"}


def test_l4_a_notice_in_english_alone_is_not_enough(shipped: PackSet) -> None:
    notice = 'notices:\n  RC-999: {en: "Not here."}\n'
    files = with_rule(shipped, reason_code="RC-999")
    text = files["in.yaml"].decode().replace("notices:\n", notice, 1)
    [problem] = [p for p in problems_of({**files, "in.yaml": text.encode()}) if p.code]
    assert problem.code == "L4"
    assert "zh-Hans" in problem.message


@pytest.mark.parametrize("field", ["sla", "legal_basis", "reason_code", "when"])
def test_l4_a_rule_without_clock_law_or_reason_does_not_parse(shipped: PackSet, field: str) -> None:
    files = with_rule(shipped)
    lines = files["in.yaml"].decode().splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if "IN-TEST-01" in line)
    at = next(n for n, line in enumerate(lines) if n > start and line.strip().startswith(field))
    del lines[at]
    [problem] = problems_of({**files, "in.yaml": "".join(lines).encode()})
    assert problem.rule == "IN-TEST-01"
    assert problem.field == field
    assert "missing" in problem.message


ORDER = {
    "category": "state_order",
    "when": "{order: {kind: court, territory: IN, verified: true}}",
    "actions": "[geo_restrict]",
    "human": "{mode: legal_two_person, form: order_rights_review}",
    "notify": "{author: required_unless_order_forbids}",
    "transparency": "{count_as: government_order, publish: true, archive: order_register}",
}


def test_l5_an_order_rule_that_keeps_all_conditions_is_sound(shipped: PackSet) -> None:
    assert codes(with_rule(shipped, **ORDER)) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"when": "{order: {kind: court, territory: IN}}"},
        {"when": "{order: {kind: court, territory: US, verified: true}}"},
        {"when": "{any: [{order: {territory: IN, verified: true}}, {declared_synthetic: true}]}"},
        {"human": "{mode: before_final, form: order_rights_review}"},
        {"transparency": "{count_as: government_order, archive: order_register}"},
        {"notify": "{author: delayed_generic}"},
        {"when": "{declared_synthetic: true}"},
    ],
)
def test_l5_an_order_is_verified_at_home_checked_by_two_published_and_told(
    shipped: PackSet, change: dict[str, str]
) -> None:
    assert "L5" in codes(with_rule(shipped, **{**ORDER, **change}))


def test_l5_the_baseline_serves_no_order(shipped: PackSet) -> None:
    change = ("actions: [queue_for_review, escalate_legal]", "actions: [remove, escalate_legal]")
    assert "L5" in codes(altered(shipped, "baseline.yaml", change))


@pytest.mark.parametrize(
    "change",
    [
        {"actions": "[geo_restrict, suspend_account]"},
        {"actions": "[geo_restrict, limit_distribution]"},
        {"human": "{mode: legal_two_person}"},
        {"transparency": "{publish: true}"},
    ],
)
def test_l6_an_order_only_withholds_or_labels_with_form_and_register(
    shipped: PackSet, change: dict[str, str]
) -> None:
    assert "L6" in codes(with_rule(shipped, **{**ORDER, **change}))


@pytest.mark.parametrize(
    "when",
    [
        "{author_region: [XX]}",
        "{nationality: [xx]}",
        "{observation: {name: text.disguised}}",
        "{keyword_list: {id: evasion_forms}}",
        "{image_tag: religion_symbol}",
    ],
)
def test_l7_no_rule_looks_at_origin_or_disguise(shipped: PackSet, when: str) -> None:
    [problem] = problems_of(with_rule(shipped, when=when))
    assert problem.code == "L7"
    assert "remove it" in problem.message


def test_l8_proactive_political_detection_cannot_be_switched_on(shipped: PackSet) -> None:
    change = ("legal_bases:", "switches: {proactive_political_detection: on}\nlegal_bases:")
    assert codes(altered(shipped, "in.yaml", change)) == {"L8"}


def test_l8_no_list_stands_in_for_political_detection(shipped: PackSet) -> None:
    when = "{keyword_list: {id: political_terms}}"
    assert codes(with_rule(shipped, when=when)) == {"L8"}


@pytest.mark.parametrize("mode", ["none", "sampled"])
@pytest.mark.parametrize("action", ["geo_restrict", "suspend_account"])
def test_l9_nothing_final_happens_without_a_person(
    shipped: PackSet, mode: str, action: str
) -> None:
    files = with_rule(shipped, category="hate", actions=f"[{action}]", human=f"{{mode: {mode}}}")
    assert codes(files) == {"L9"}


def test_l9_a_verified_hash_match_or_appealable_spam_may_be_final(shipped: PackSet) -> None:
    by_hash = with_rule(
        shipped,
        when="{hash_match: csam_verified}",
        category="csae",
        actions="[geo_restrict]",
        human="{mode: none}",
    )
    spam = with_rule(shipped, actions="[geo_restrict]", human="{mode: sampled}")
    assert codes(by_hash) == codes(spam) == set()


def test_l9_a_hash_match_that_is_only_one_of_two_ways_is_not_enough(shipped: PackSet) -> None:
    when = "{any: [{hash_match: csam_verified}, {score: {category: hate, gte: 0.9}}]}"
    files = with_rule(
        shipped, category="hate", when=when, actions="[geo_restrict]", human="{mode: none}"
    )
    assert codes(files) == {"L9"}


def test_l10_a_reported_private_message_still_meets_the_floor_rules(shipped: PackSet) -> None:
    when = "{all: [{report: {kind: csae}}, {surface: [post, comment]}]}"
    assert "L10" in codes(with_rule(shipped, lock="floor", when=when))
    including = "{all: [{report: {kind: csae}}, {surface: [post, direct_message]}]}"
    assert codes(with_rule(shipped, lock="floor", when=including)) == set()


def test_l10_the_switch_stops_scanning_unasked_and_nothing_else(shipped: PackSet) -> None:
    message = Surface.DIRECT_MESSAGE
    assert not shipped.may_scan(message, ["US", "FR"], reported=False)
    assert shipped.may_scan(message, ["US", "FR"], reported=True)
    assert shipped.may_scan(message, ["US", "IN"], reported=False)
    assert shipped.may_scan(Surface.POST, ["FR"], reported=False)


def test_l11_a_pack_past_its_review_is_treated_as_a_draft(shipped: PackSet) -> None:
    late = datetime.date(2027, 6, 1)
    files = altered(shipped, "baseline.yaml", ("next_due: 2027-05-22", "next_due: 2028-05-22"))
    files = {name: files[name] for name in ("baseline.yaml", "in.yaml")}
    packs = PackSet.from_files(files, today=late)
    assert packs.in_force == ("baseline",)
    [note] = packs.notes
    assert (note.code, note.file, note.warning) == ("L11", "in.yaml", True)


def test_l11_a_late_baseline_stays_because_nothing_would_protect_people_without_it(
    shipped: PackSet,
) -> None:
    packs = PackSet.from_files(
        {"baseline.yaml": shipped.files["baseline.yaml"]}, today=datetime.date(2030, 1, 1)
    )
    assert packs.in_force == ("baseline",)
    assert "review it now" in packs.notes[0].message


def test_l12_a_pack_that_fails_a_golden_item_is_reported_with_its_line(
    policies: Path, shipped: PackSet, tmp_path: Path
) -> None:
    for name, content in altered(shipped, "in.yaml", ("minutes: 120", "minutes: 90")).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "golden").mkdir()
    golden = (policies / "golden" / "worked.yaml").read_bytes()
    (tmp_path / "golden" / "worked.yaml").write_bytes(golden)
    found = [p for p in lint_directory(tmp_path, today=TODAY) if p.code == "L12"]
    assert {p.rule for p in found} == {"golden E7"}
    assert all("sla_minutes is 90, expected 120" in p.message for p in found)
    line = golden.decode().splitlines()[found[0].line - 1]
    assert "B-NCII-01" in line


def test_an_unsafe_pack_does_not_load(shipped: PackSet, tmp_path: Path) -> None:
    for name, content in with_rule(shipped, scope="global").items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PackError, match=r"in\.yaml:\d+, rule IN-TEST-01, field scope: L1"):
        load_packs(tmp_path, today=TODAY)
