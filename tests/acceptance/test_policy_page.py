"""The policy page: propose, approve by somebody else, put into force, try, and roll back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from moderation.policy import load_packs
from moderation.records import current_rollout, live_policy, policy_versions
from moderation.settings import Settings
from tests.acceptance.test_dashboard import (  # noqa: F401 - fixtures
    Desk,
    Visit,
    browser,
    desk,
    running,
    seeded,
    sign_in,
    visit,
)

pytestmark = pytest.mark.browser


#: Milliseconds: starting cold, the page compiles all packs first.
PATIENCE = 120_000


def open_versions(page: Page, name: str) -> None:
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    sign_in(page, name)
    page.get_by_role("link", name="Policy").click()
    page.get_by_role("tab", name="Versions").click()


def state(desk: Desk) -> list[str]:  # noqa: F811
    with desk.database() as database:
        return sorted(version.state for version in policy_versions(database))


def propose(desk: Desk, text: str) -> str:  # noqa: F811
    """A second version, as a colleague with a shell would propose and approve it."""
    from moderation.policy import PackSet
    from moderation.records import approve_policy, make_policy_live, propose_policy

    settings = Settings()
    files = dict(load_packs(settings.policies_dir, today=settings.policy_date).files)
    before = b"{category: hate, gte: 0.90}"
    files["baseline.yaml"] = files["baseline.yaml"].replace(before, text.encode())
    packs = PackSet.from_files(files, today=settings.policy_date)
    with desk.database() as database:
        propose_policy(database, packs.content_hash, files, by="ana", note="hold more hate")
        approve_policy(database, packs.content_hash, by="kim")
        make_policy_live(database, packs.content_hash, by="kim")
    return packs.content_hash


def test_two_people_bring_a_version_into_force_and_one_click_rolls_it_back(
    desk: Desk,  # noqa: F811
    visit: Visit,  # noqa: F811
) -> None:
    page = visit(desk)
    open_versions(page, "lin")
    page.get_by_label("Propose the packs of the folder").fill("first")
    page.get_by_label("Propose the packs of the folder").press("Enter")
    page.get_by_role("button", name="Propose ").click()
    expect(page.get_by_text("Somebody else may approve it")).to_be_visible()
    assert state(desk) == ["proposed"]
    page.get_by_role("tab", name="Versions").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("ask somebody else")).to_be_visible()
    assert state(desk) == ["proposed"]

    other = visit(desk)
    open_versions(other, "mara")
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("Approved.")).to_be_visible()
    other.get_by_role("tab", name="Versions").click()
    other.get_by_role("button", name="Put into force now").click()
    expect(other.get_by_text("In force.")).to_be_visible()
    assert state(desk) == ["live"]

    propose(desk, "{category: hate, gte: 0.84}")
    page.reload()
    open_versions(other, "mara") if other.get_by_label("Password").count() else None
    other.get_by_role("tab", name="Versions").click()
    other.get_by_role("button", name="Roll back to the one before").click()
    expect(other.get_by_text("The version before is in force again")).to_be_visible()
    assert state(desk) == ["live", "superseded"]
    with desk.database() as database:
        live = live_policy(database)
    assert live is not None
    assert live.note == "first"

    other.get_by_role("tab", name="Versions").click()
    other.get_by_role("combobox", name="Look at a version").click()
    other.get_by_role("option", name="superseded").click()
    other.get_by_text("Against what is in force").click()
    expect(other.get_by_text("0.84 instead of 0.90")).to_be_visible()
    # A click while the page's script still runs would be lost.
    expect(other.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    other.get_by_role("button", name="Run as shadow").click()
    expect(other.get_by_text("It runs as shadow")).to_be_visible()
    with desk.database() as database:
        trial = current_rollout(database)
    assert trial is not None
    assert trial.started_by == "mara"
    other.get_by_role("tab", name="Trial").click()
    expect(other.get_by_text("0 items seen")).to_be_visible()
    other.get_by_role("button", name="End it").click()
    expect(other.get_by_text("It has ended.")).to_be_visible()
