"""Versions of the policy: who proposed and approved what, roll back in one click, and what a shadow
or canary says beside the live version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pandas as pd
import streamlit as st

from dashboard import connection, session, templates, wording
from moderation.errors import ModerationError
from moderation.policy import PackSet, load_packs
from moderation.policy.diff import diff
from moderation.policy.lint import lint
from moderation.policy.problems import PackError
from moderation.policy.rollout import DIRECTIONS
from moderation.records import (
    PolicyVersion,
    Role,
    approve_policy,
    live_policy,
    make_policy_live,
    policy_rollouts,
    policy_versions,
    propose_policy,
    reject_policy,
    roll_back_policy,
    schedule_policy,
    start_rollout,
    stop_rollout,
)
from moderation.records.people import get_reviewer
from moderation.tuning.policy_in_force import resolve_packs
from moderation.tuning.rollout_report import compare_rollout

_ONE_CLICK = "rolled back in the dashboard"
_MOST_SENTENCES = 40


def show_versions() -> None:
    """What is in force and since when, all versions, and what may be done with one."""
    database = connection.database()
    versions, live = policy_versions(database), live_policy(database)
    _in_force(live)
    if not versions:
        st.caption("No version was ever proposed: the packs of the folder are in force.")
    else:
        st.dataframe(_table(versions), hide_index=True, width="stretch", row_height=32)
    _propose_folder(versions)
    if versions:
        _one_version(versions)


def _short(policy_hash: str) -> str:
    return policy_hash.removeprefix("sha256:")[:12]


def _may(*roles: Role) -> bool:
    person = get_reviewer(connection.database(), session.required().reviewer_id)
    return bool(set(roles) & set(person.roles))


def _do(work: Callable[[], object], done: str) -> None:
    """Does it, looks at the policy again, and says so at the top of the page."""
    try:
        work()
    except ModerationError as error:
        st.error(templates.plain_markdown(str(error)), icon=":material/error:")
        return
    connection.policy().refresh()
    session.required().tell("success", done)
    st.rerun()


def _in_force(live: PolicyVersion | None) -> None:
    who = session.required().reviewer_id
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = f"version {_short(live.hash)}" if live is not None else "the packs of the folder"
        st.markdown(f"**In force: {name}**", width="content")
        st.space("stretch")
        if live is None or not _may(Role.APPROVER):
            return
        why = st.text_input(
            "Why", placeholder="Why (goes into the audit log)", max_chars=500, width=320,
            key="roll-back-why",
        )  # fmt: skip
        if st.button("Roll back to the one before", icon=":material/undo:", key="roll-back"):
            database = connection.database()
            note = why.strip() or _ONE_CLICK
            _do(
                lambda: roll_back_policy(database, by=who, note=note),
                "The version before is in force again.",
            )


def _table(versions: list[PolicyVersion]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Version": _short(version.hash),
                "State": version.state,
                "Note": version.note,
                "Created by": version.created_by,
                "Created": wording.moment(version.created_at),
                "Starts": wording.moment(version.starts_at) if version.starts_at else "",
                "Ends": wording.moment(version.ends_at) if version.ends_at else "",
            }
            for version in versions
        ]
    )


def _propose_folder(versions: list[PolicyVersion]) -> None:
    if not _may(Role.POLICY):
        return
    settings, who = connection.settings(), session.required().reviewer_id
    try:
        packs = load_packs(settings.policies_dir, today=settings.policy_date)
        problems = [p for p in lint(settings.policies_dir, packs) if not p.warning]
        if problems:
            raise PackError(problems)
    except PackError as error:
        st.warning(
            f"The folder cannot be proposed: {templates.plain_markdown(str(error))}",
            icon=":material/warning:",
        )
        return
    known = {version.hash: version.state for version in versions}
    if known.get(packs.content_hash, "draft") not in {"draft", "rejected"}:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        note = st.text_input(
            "Propose the packs of the folder", placeholder="What changes, and why", max_chars=500,
            width=420, key="propose-note",
        )  # fmt: skip
        if st.button(f"Propose {_short(packs.content_hash)}", icon=":material/add:", key="propose"):
            database = connection.database()
            _do(
                lambda: propose_policy(
                    database, packs.content_hash, packs.files, by=who, note=note
                ),
                "Proposed. Somebody else may approve it.",
            )


def _one_version(versions: list[PolicyVersion]) -> None:
    by_hash = {version.hash: version for version in versions}
    chosen = st.selectbox(
        "Look at a version",
        list(by_hash),
        format_func=lambda name: f"{_short(name)} – {by_hash[name].state}",
        width=320,
        key="version",
    )
    version = by_hash[chosen]
    _differences(version)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if version.state == "proposed" and _may(Role.APPROVER):
            _decide(version)
        if version.state == "approved" and _may(Role.APPROVER):
            _put_into_force(version)
    if version.state in {"proposed", "approved", "superseded", "ended"}:
        _try_out(version)


def _differences(version: PolicyVersion) -> None:
    settings, live = connection.settings(), connection.packs()
    if version.hash == live.content_hash:
        return
    try:
        packs: PackSet = resolve_packs(
            version.hash, settings.policies_dir, connection.database(), today=settings.policy_date
        )
    except ModerationError as error:
        st.error(templates.plain_markdown(str(error)), icon=":material/error:")
        return
    told = [change.sentence for change in diff(live, packs)]
    count = "1 change" if len(told) == 1 else f"{len(told)} changes"
    with st.expander(f"Against what is in force: {count}", expanded=0 < len(told) < 8):
        for sentence in told[:_MOST_SENTENCES]:
            st.markdown(f"- {templates.plain_markdown(sentence)}")
        if len(told) > _MOST_SENTENCES:
            st.caption(f"and {len(told) - _MOST_SENTENCES} more (`moderation policy diff`)")


def _decide(version: PolicyVersion) -> None:
    database, who = connection.database(), session.required().reviewer_id
    why = st.text_input("Note", placeholder="Why", max_chars=500, width=320, key="decide-note")
    if st.button("Approve", icon=":material/check:", key="approve", type="primary"):
        _do(lambda: approve_policy(database, version.hash, by=who, note=why), "Approved.")
    if st.button("Turn down", icon=":material/close:", key="reject"):
        _do(lambda: reject_policy(database, version.hash, by=who, note=why), "Turned down.")


def _put_into_force(version: PolicyVersion) -> None:
    database, who = connection.database(), session.required().reviewer_id
    if st.button("Put into force now", icon=":material/gavel:", key="live", type="primary"):
        _do(lambda: make_policy_live(database, version.hash, by=who), "In force.")
    start = st.date_input("or from (UTC)", value=None, width=150, key="starts")
    end = st.date_input("until (UTC)", value=None, width=150, key="ends")
    if st.button("Schedule", icon=":material/event:", key="schedule", disabled=start is None):
        _do(
            lambda: schedule_policy(
                database, version.hash, by=who, starts_at=_midnight(start), ends_at=_midnight(end)
            ),
            "Scheduled.",
        )


def _midnight(day: date | None) -> float | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _try_out(version: PolicyVersion) -> None:
    database, who = connection.database(), session.required().reviewer_id
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if _may(Role.POLICY, Role.APPROVER) and st.button(
            "Run as shadow", icon=":material/visibility:", key="shadow"
        ):
            _do(
                lambda: start_rollout(database, version.hash, percent=0, by=who),
                "It runs as shadow: its verdicts are stored and never acted on.",
            )
        if version.state != "proposed" and _may(Role.APPROVER):
            percent = st.number_input(
                "Percent", min_value=0.1, max_value=100.0, value=1.0, width=120, key="percent"
            )
            if st.button("Run as canary", icon=":material/percent:", key="canary"):
                _do(
                    lambda: start_rollout(database, version.hash, percent=percent, by=who),
                    f"It acts on {percent:g} percent of the items.",
                )


def show_trial() -> None:
    """The newest shadow or canary against the live version."""
    database = connection.database()
    rollouts = policy_rollouts(database)
    if not rollouts:
        st.caption("No version was tried yet. Choose one under Versions and run it as shadow.")
        return
    report = compare_rollout(database, rollouts[0])
    rollout, who = report.rollout, session.required().reviewer_id
    running = rollout.ended_at is None
    with st.container(horizontal=True, vertical_alignment="center"):
        share = f", {rollout.percent:g} percent" if rollout.percent else ""
        st.markdown(
            f"**{rollout.kind.title()} {_short(rollout.policy_hash)}{share}** – "
            f"{'under way since' if running else 'ended; began'} "
            f"{wording.moment(rollout.started_at)}",
            width="content",
        )
        st.space("stretch")
        if (
            running
            and _may(Role.POLICY, Role.APPROVER)
            and st.button("End it", icon=":material/stop:", key="end-trial")
        ):
            _do(lambda: stop_rollout(database, by=who), "It has ended.")
    st.caption(
        f"{report.items:,} items seen, {report.changed_items:,} of them would change in some "
        f"region, acted on {report.acted_on:,}."
    )
    _counts(report.totals, ["Region", "Items", "Changed", *map(str.capitalize, DIRECTIONS)])
    if len(report.changes):
        _counts(report.changes, ["Region", "Category", "Change", "Items"])
        _counts(
            report.examples,
            ["Item", "Region", "Language", "Surface", "Category", "Change", "Live", "Candidate"],
        )


def _counts(table: pd.DataFrame, names: list[str]) -> None:
    shown = table.set_axis(names, axis="columns")
    if "Category" in names:
        shown["Category"] = [wording.category_title(name) for name in shown["Category"]]
    st.dataframe(shown, hide_index=True, width="stretch", row_height=32)
