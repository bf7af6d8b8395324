"""What the running workbench acts on: versions, schedules, shadows and canaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from moderation.classifiers.ensemble import Ensemble
from moderation.items import Item
from moderation.policy import PackSet
from moderation.queue import record_screenings
from moderation.records import (
    Database,
    PolicyRollout,
    ShadowVerdict,
    approve_policy,
    load_verdicts,
    make_policy_live,
    open_database,
    policy_files,
    policy_versions,
    propose_policy,
    roll_back_policy,
    start_rollout,
    stop_rollout,
)
from moderation.records.queue_tables import Job
from moderation.screening import Screener, Screening
from moderation.signals import Assessment
from moderation.tuning.policy_in_force import PolicyInForce
from moderation.tuning.rollout_report import compare_rollout
from tests.integration.policy.conftest import TODAY

REGIONS = ("DE", "US")


@pytest.fixture
def database(sqlite_database: str) -> Iterator[Database]:
    with open_database(sqlite_database) as opened:
        yield opened


@pytest.fixture
def in_force(database: Database, policies: Path) -> PolicyInForce:
    return PolicyInForce(database, policies, today=TODAY, keep=True)


@pytest.fixture
def judge(in_force: PolicyInForce) -> Screener:
    """Judges assessments that stand already: no model is needed."""
    return Screener(Ensemble((), None), in_force, REGIONS)  # type: ignore[arg-type]


def holding_hate_from(shipped: PackSet, threshold: str) -> PackSet:
    before, after = b"{category: hate, gte: 0.90}", f"{{category: hate, gte: {threshold}}}"
    changed = shipped.files["baseline.yaml"].replace(before, after.encode())
    return PackSet.from_files({**shipped.files, "baseline.yaml": changed}, today=TODAY)


def approved(database: Database, packs: PackSet) -> str:
    propose_policy(database, packs.content_hash, packs.files, by="ana")
    return approve_policy(database, packs.content_hash, by="lin").hash


def judged(judge: Screener, count: int = 1, score: float = 0.75) -> list[Screening]:
    items = [Item.from_row({"id": f"item-{n}", "text": "invented"}) for n in range(count)]
    scores = {"hate": score}
    return judge.judge(items, [Assessment(item_id=i.id, scores=scores) for i in items])


def test_a_fresh_database_has_the_packs_of_the_folder_and_keeps_their_files(
    database: Database, in_force: PolicyInForce, shipped: PackSet
) -> None:
    assert in_force.current().live.content_hash == shipped.content_hash
    assert policy_files(database, shipped.content_hash) == dict(shipped.files)
    [version] = policy_versions(database)
    assert (version.state, version.created_by) == ("draft", "folder")


def test_approval_and_roll_back_take_effect_with_the_next_look(
    database: Database, in_force: PolicyInForce, judge: Screener, shipped: PackSet
) -> None:
    first = approved(database, holding_hate_from(shipped, "0.90 "))
    second = approved(database, holding_hate_from(shipped, "0.70"))
    make_policy_live(database, first, by="lin")
    make_policy_live(database, second, by="lin")
    assert judged(judge)[0].verdicts["DE"].action == "allow"
    in_force.refresh()
    [screening] = judged(judge)
    assert screening.verdicts["DE"].action == "hold"
    assert {v.policy_hash for v in screening.verdicts.values()} == {second}
    roll_back_policy(database, by="lin", note="too many holds")
    in_force.refresh()
    [screening] = judged(judge)
    assert screening.verdicts["DE"].action == "allow"
    assert {v.policy_hash for v in screening.verdicts.values()} == {first}


def test_a_version_that_does_not_compile_leaves_the_live_set_live(
    database: Database, in_force: PolicyInForce, shipped: PackSet
) -> None:
    good = approved(database, holding_hate_from(shipped, "0.70"))
    make_policy_live(database, good, by="lin")
    in_force.refresh()
    propose_policy(database, "sha256:bad", {"baseline.yaml": b"pack: {id: [\n"}, by="ana")
    approve_policy(database, "sha256:bad", by="lin")
    make_policy_live(database, "sha256:bad", by="lin")
    assert in_force.refresh().live.content_hash == good
    assert "baseline.yaml" in in_force.problem
    roll_back_policy(database, by="lin", note="broken")
    assert in_force.refresh().live.content_hash == good
    assert in_force.problem == ""


def test_a_broken_edit_of_the_folder_leaves_the_live_set_live(
    database: Database, shipped: PackSet, tmp_path: Path
) -> None:
    for name, content in shipped.files.items():
        (tmp_path / name).write_bytes(content)
    in_force = PolicyInForce(database, tmp_path, today=TODAY)
    (tmp_path / "de.yaml").write_text("&a [*a]", "utf-8")
    assert in_force.refresh().live.content_hash == shipped.content_hash
    assert "de.yaml" in in_force.problem
    (tmp_path / "de.yaml").unlink()
    assert "de" not in in_force.refresh().live.packs
    assert in_force.problem == ""


def test_trouble_with_the_database_changes_nothing(
    database: Database, in_force: PolicyInForce
) -> None:
    before = in_force.current()
    with database.write() as session:
        session.execute(text("ALTER TABLE policy_versions RENAME TO gone"))
    assert in_force.refresh() is before
    assert "policy_versions" in in_force.problem


def shadowed(
    database: Database, in_force: PolicyInForce, shipped: PackSet
) -> tuple[PackSet, PolicyRollout]:
    """A stricter version that runs as a shadow, and its trial."""
    packs = holding_hate_from(shipped, "0.70")
    propose_policy(database, packs.content_hash, packs.files, by="ana")
    rollout = start_rollout(database, packs.content_hash, percent=0, by="ana")
    in_force.refresh()
    return packs, rollout


def test_a_shadow_is_stored_beside_what_acts_and_opens_no_job(
    database: Database, in_force: PolicyInForce, judge: Screener, shipped: PackSet
) -> None:
    packs, rollout = shadowed(database, in_force, shipped)
    harmless = judged(judge, 1, score=0.01)
    screenings = [*judged(judge, 3)[1:], *harmless]
    recorded = record_screenings(database, [(s.item, s) for s in screenings])
    for screening, entry in zip(screenings, recorded, strict=True):
        assert screening.verdicts["DE"].action == "allow"
        stored = load_verdicts(database, entry.item_key)
        assert {v.policy_hash for v in stored.values()} == {shipped.content_hash}
    with database.read() as session:
        rows = session.execute(select(ShadowVerdict)).scalars().all()
        held = session.execute(select(Job).where(col(Job.lane) < 2)).scalars().all()
    assert not held
    assert {row.rollout_id for row in rows} == {rollout.id}
    assert {row.policy_hash for row in rows} == {packs.content_hash}
    told = {(row.direction, row.category, row.action) for row in rows}
    assert told == {("stricter", "hate", "hold"), ("", "", "allow")}
    assert all((row.verdict is None) == (row.direction == "") for row in rows)
    report = compare_rollout(database, rollout)
    assert (report.items, report.changed_items) == (3, 2)
    assert report.totals.to_dict("records")[0] == {
        "region": "DE", "items": 3, "changed": 2, "stricter": 2, "looser": 0, "review added": 0,
        "review dropped": 0,
    }  # fmt: skip
    [row] = report.changes.query("region == 'US'").to_dict("records")
    assert (row["category"], row["direction"], row["items"]) == ("hate", "stricter", 2)
    example = report.examples.to_dict("records")[0]
    assert (example["live"], example["candidate"]) == ("allow", "hold")
    stop_rollout(database, by="ana")
    in_force.refresh()
    assert judged(judge)[0].shadow is None


def test_content_that_comes_again_is_seen_by_a_trial_that_began_since(
    database: Database, in_force: PolicyInForce, judge: Screener, shipped: PackSet
) -> None:
    record_screenings(database, [(s.item, s) for s in judged(judge)])
    _, rollout = shadowed(database, in_force, shipped)
    for _ in range(2):
        record_screenings(database, [(s.item, s) for s in [*judged(judge), *judged(judge)]])
    with database.read() as session:
        rows = session.execute(select(ShadowVerdict)).scalars().all()
        verdicts = session.execute(text("SELECT COUNT(*) FROM verdicts")).scalar_one()
    assert sorted((row.region, row.direction) for row in rows) == [
        ("DE", "stricter"),
        ("US", "stricter"),
    ]
    assert verdicts == len(REGIONS)
    assert compare_rollout(database, rollout).changed_items == 1


def test_content_that_is_judged_twice_during_a_trial_counts_once(
    database: Database, in_force: PolicyInForce, judge: Screener, shipped: PackSet
) -> None:
    _, rollout = shadowed(database, in_force, shipped)
    for version in ("1", "2"):
        again = [
            replace(s, assessment=s.assessment.model_copy(update={"models": {"text": version}}))
            for s in judged(judge)
        ]
        record_screenings(database, [(s.item, s) for s in again])
    with database.read() as session:
        rows = session.execute(select(ShadowVerdict)).scalars().all()
    assert len(rows) == 2 * len(REGIONS)
    report = compare_rollout(database, rollout)
    assert report.items == 1
    assert report.totals["items"].tolist() == [1, 1]
    assert report.totals["stricter"].tolist() == [1, 1]
    assert len(report.examples) == 1


def test_a_canary_acts_on_its_share_and_the_rest_stays_with_the_live_set(
    database: Database, in_force: PolicyInForce, judge: Screener, shipped: PackSet
) -> None:
    packs = holding_hate_from(shipped, "0.70")
    approved(database, packs)
    rollout = start_rollout(database, packs.content_hash, percent=30, by="lin")
    in_force.refresh()
    screenings = judged(judge, 200)
    acting = {s.item.id: s.verdicts["DE"].policy_hash for s in screenings}
    share = sum(name == packs.content_hash for name in acting.values())
    assert 35 < share < 85
    for screening in screenings:
        canary = acting[screening.item.id] == packs.content_hash
        assert screening.verdicts["US"].action == ("hold" if canary else "allow")
        assert screening.shadow is not None
        assert screening.shadow.verdicts["US"].action == ("allow" if canary else "hold")
    again = {s.item.id: s.verdicts["DE"].policy_hash for s in judged(judge, 200)}
    assert again == acting
    record_screenings(database, [(s.item, s) for s in screenings])
    report = compare_rollout(database, rollout)
    assert (report.items, report.changed_items, report.acted_on) == (200, 200, share)
    assert set(report.changes["direction"]) == {"stricter"}


def test_turns_of_a_room_are_drawn_with_their_room(
    database: Database, in_force: PolicyInForce, judge: Screener, shipped: PackSet
) -> None:
    approved(database, packs := holding_hate_from(shipped, "0.70"))
    start_rollout(database, packs.content_hash, percent=50, by="lin")
    in_force.refresh()
    for room in range(8):
        items = [Item.from_row({"id": f"room-{room}#{n}", "text": "x"}) for n in range(6)]
        assessments = [Assessment(item_id=i.id, scores={"hate": 0.75}) for i in items]
        found = judge.judge(items, assessments, drawn_by=[f"room-{room}"] * 6)
        assert len({s.verdicts["DE"].policy_hash for s in found}) == 1
