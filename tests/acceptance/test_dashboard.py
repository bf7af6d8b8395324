"""The dashboard as a reviewer meets it: a real server, a real database, a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import text

from moderation.cli.serve import dashboard_command
from moderation.queue import Queue
from moderation.records import open_database
from moderation.records.database import Database
from moderation.records.people import change_reviewer
from tests.acceptance.dashboard_seed import HOSTILE, PASSWORD, seed

pytestmark = pytest.mark.browser

_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu"]

#: A page is there within this time even on a busy machine, in milliseconds.
PATIENCE = 30_000


@dataclass(frozen=True)
class Desk:
    """A running dashboard and its database."""

    url: str
    folder: Path
    log: Path

    def database(self) -> Database:
        """The database behind it, opened a second time."""
        return open_database(f"sqlite:///{self.folder / 'moderation.sqlite'}")


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the tests are skipped, unless it is required."""
    executable = _chromium()
    if executable is None:
        reason = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("MODERATION_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield started
        started.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(folder: Path) -> Iterator[Desk]:
    port = _free_port()
    log = folder / "dashboard.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            dashboard_command("127.0.0.1", port),
            env=os.environ | {"MODERATION_DATA_DIR": str(folder)},
            cwd=folder,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    desk = Desk(f"http://127.0.0.1:{port}", folder, log)
    try:
        _wait_until_it_answers(desk, process)
        yield desk
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_it_answers(desk: Desk, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the dashboard ended:\n{desk.log.read_text()[-3000:]}")
        try:
            if httpx.get(f"{desk.url}/_stcore/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the dashboard does not answer:\n{desk.log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is filled once."""
    folder = tmp_path_factory.mktemp("seeded")
    seed(folder)
    return folder


@pytest.fixture(scope="module")
def running(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One dashboard for all tests; starting one takes seconds."""
    folder = tmp_path_factory.mktemp("running") / "data"
    shutil.copytree(seeded, folder)
    yield from _start(folder)


@pytest.fixture
def desk(running: Desk, seeded: Path) -> Desk:
    """The dashboard with its database as it was seeded."""
    with (
        closing(sqlite3.connect(seeded / "moderation.sqlite")) as source,
        closing(sqlite3.connect(running.folder / "moderation.sqlite")) as target,
    ):
        source.backup(target)
    return running


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens the dashboard in a browser session of its own."""
    contexts = []

    def open_page(desk: Desk, *, name: str | None = None) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.goto(desk.url)
        if name is not None:
            sign_in(page, name)
        return page

    yield open_page
    for context in contexts:
        context.close()


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Type name and password and press Enter."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")
    if password == PASSWORD:
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def item(page: Page) -> str:
    """The id of the item on the screen."""
    return page.locator(".headline-id").inner_text()


def start(page: Page, queue: str = "All my queues") -> str:
    """Choose a queue; the id of the first item."""
    page.get_by_role("button", name=queue).click()
    expect(page.locator(".headline-id")).to_be_visible()
    _wait_for_the_keys(page)
    return item(page)


def next_item(page: Page, before: str) -> str:
    """Wait for another item; its id."""
    expect(page.locator(".headline-id")).not_to_have_text(before)
    _wait_for_the_keys(page)
    return item(page)


def _wait_for_the_keys(page: Page) -> None:
    """The headline comes first; the buttons with the keys stand when the page's script has ended.
    A press within half a second would be taken for a double one."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_timeout(600)


def test_a_reviewer_decides_by_key_and_takes_it_back(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    page.get_by_placeholder("Note for the record").fill("seen before")
    page.keyboard.press("Tab")
    page.keyboard.press("7")
    second = next_item(page, first)
    with desk.database() as database:
        [decision] = Queue(database).decisions_of("lin")
    assert (decision.action, decision.note) == ("unavailable", "seen before")
    assert decision.snapshot is not None
    assert decision.snapshot["view"]["revealed"] == []

    page.keyboard.press("u")
    assert next_item(page, second) == first
    expect(page.get_by_text("Taken back")).to_be_visible()
    with desk.database() as database:
        kinds = [row.kind for row in Queue(database).decisions_of("lin")]
    assert kinds == ["undo", "review"]


def test_a_reviewer_decides_by_button_with_a_category_and_a_region(
    desk: Desk, visit: Visit
) -> None:
    page = visit(desk, name="lin")
    first = start(page, "Commerce")
    page.get_by_label("For viewers in").click()
    page.get_by_role("option", name="DE").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Age gate").click()
    expect(page.get_by_text("Nothing waits for you in Commerce")).to_be_visible()
    with desk.database() as database:
        [decision] = Queue(database).decisions_of("lin")
    assert first == "listing-1"
    assert (decision.action, decision.category, decision.regions) == (
        "age_gate",
        "counterfeit",
        ["DE"],
    )


def test_a_key_hit_twice_decides_once(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    page.keyboard.press("1")
    page.keyboard.press("1")
    next_item(page, first)
    with desk.database() as database:
        [decision] = Queue(database).decisions_of("lin")
    assert (decision.action, decision.category) == ("allow", None)


def test_keys_do_nothing_while_typing_or_below_a_window(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    page.get_by_placeholder("Note for the record").press_sequentially("1234567 use")
    page.keyboard.press("Tab")
    page.keyboard.press("h")
    expect(page.get_by_text("Keys do nothing while you type")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Keys do nothing while you type")).not_to_be_visible()
    assert item(page) == first
    with desk.database() as database:
        assert Queue(database).decisions_of("lin") == []


def test_two_reviewers_never_see_the_same_item(desk: Desk, visit: Visit) -> None:
    one, other = visit(desk, name="lin"), visit(desk, name="mara")
    seen: dict[str, list[str]] = {"lin": [start(one)], "mara": [start(other)]}
    for _ in range(2):
        for name, page in (("lin", one), ("mara", other)):
            page.keyboard.press("1")
            seen[name].append(next_item(page, seen[name][-1]))
    assert not set(seen["lin"]) & set(seen["mara"])


def test_a_skipped_item_goes_to_somebody_else(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    page.keyboard.press("s")
    page.get_by_role("button", name="The rule is not clear to me").click()
    next_item(page, first)
    other = visit(desk, name="mara")
    assert start(other) == first
    expect(other.get_by_text("The rule is not clear to me")).to_be_visible()


def test_a_reviewer_comments_and_lets_an_item_wait_for_somebody_outside(
    desk: Desk, visit: Visit
) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    page.keyboard.press("m")
    window = page.get_by_role("dialog")
    window.get_by_label("Note").fill("the link is dead")
    window.get_by_role("button", name="Leave a comment").click()
    expect(window).not_to_be_visible()
    expect(page.get_by_text("the link is dead").first).to_be_visible()
    assert item(page) == first
    _wait_for_the_keys(page)  # below the window the page had none
    page.keyboard.press("m")
    window.get_by_label("Note").fill("asked the author")
    window.get_by_role("button", name="Pause").click()
    next_item(page, first)
    with desk.database() as database:
        [row] = Queue(database).paused()
    assert (row["item_id"], row["note"]) == (first, "asked the author")


def test_a_reviewer_moves_an_item_and_asks_for_a_second_opinion(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    page.keyboard.press("m")
    window = page.get_by_role("dialog")
    window.get_by_label("Your own view").click()
    page.get_by_role("option", name="Limit").click()
    window.get_by_role("button", name="Ask for a second opinion").click()
    next_item(page, first)
    page.keyboard.press("m")
    window.get_by_label("Another queue").fill("legal")
    page.keyboard.press("Enter")
    window.get_by_role("button", name="Move it there").click()
    # It may come again: who moved it works on the other queue, too.
    expect(window).not_to_be_visible()
    with desk.database() as database:
        [look] = Queue(database).decisions_of("lin")
        queues = {row["queue"] for row in Queue(database).waiting_counts()}
    assert (look.action, look.final) == ("limit", False)
    assert "legal" in queues


def test_a_lost_lease_is_told_and_nothing_is_decided(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    start(page)
    with desk.database() as database, database.write() as session:
        session.execute(text("UPDATE jobs SET lease_until = 1 WHERE state = 'claimed'"))
    page.keyboard.press("7")
    expect(page.get_by_text("Nothing was decided")).to_be_visible()
    with desk.database() as database:
        assert Queue(database).decisions_of("lin") == []


def test_a_read_only_database_says_what_to_do(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    first = start(page)
    # Root may write to any file, so the database itself is told to refuse, for every connection.
    with desk.database() as database, database.write() as session:
        session.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON decisions "
                "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
            )
        )
    page.keyboard.press("1")
    expect(page.get_by_text("make the file and its folder writable")).to_be_visible()
    assert item(page) == first


def test_a_folder_that_cannot_hold_a_database_is_named(
    seeded: Path, tmp_path: Path, visit: Visit
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "moderation.sqlite").write_bytes(b"this is no database at all" * 100)
    for running in _start(folder):
        page = visit(running)
        expect(page.get_by_text("is not a SQLite database")).to_be_visible()
        expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_hostile_text_is_shown_and_never_run(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    current = start(page, "General")
    while current != "post-hostile-1":
        page.keyboard.press("1")
        current = next_item(page, current)
    body = page.locator(".ugc").nth(1)
    expect(body).to_contain_text("<script>document.title='owned'</script>")
    expect(body.locator("mark")).to_have_text("you 傻×")
    expect(body.locator(".act").first).to_have_text("RLO")
    assert page.title() == "Moderation workbench"
    assert not [url for url in requests if not url.startswith((desk.url, "data:"))]
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 1280, "a long word must not make the page wider than the screen"
    assert HOSTILE.startswith("<script>")


def test_who_does_not_read_chinese_sees_it_word_by_word(desk: Desk, visit: Visit) -> None:
    database = open_database(f"sqlite:///{desk.folder / 'moderation.sqlite'}")
    with database:
        change_reviewer(database, "lin", languages=["en"], by="admin")
    page = visit(desk, name="lin")
    start(page)  # the most urgent item is a call in Chinese
    expect(page.locator(".gloss, .turn-gloss").first).to_be_visible()
    expect(page.get_by_text("not a translation").first).to_be_visible()


def test_pictures_are_blurred_until_asked_for(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="mara")
    current = start(page, "Fraud")
    while current != "post-slides-1":
        page.keyboard.press("1")
        current = next_item(page, current)
    first = page.locator(".picture img").first
    natural = "element => element.complete ? element.naturalWidth : 0"
    expect(page.locator(".veiled")).to_have_count(4)
    assert first.evaluate(natural) <= 28, "a blurred picture carries no detail at all"
    expect(page.locator(".box")).to_have_count(1)
    expect(page.locator(".drawn")).to_contain_text("WX: demo-0000")
    expect(page.get_by_text("This picture cannot be opened")).to_be_visible()

    page.get_by_role("button", name="Reveal", exact=True).first.click()
    expect(page.locator(".veiled")).to_have_count(3)
    expect(first).to_have_js_property("naturalWidth", 640)
    page.keyboard.press("b")
    expect(page.locator(".veiled")).to_have_count(0)
    page.keyboard.press("b")
    expect(page.locator(".veiled")).to_have_count(4)


def test_every_page_opens_and_signing_out_gives_the_item_back(desk: Desk, visit: Visit) -> None:
    page = visit(desk, name="lin")
    start(page)
    for title, sign in (
        ("Queues", "By language"),
        ("My decisions", "Only you see this page"),
        ("Policy", "Community Rules 1"),
        ("Phrases", "No phrase yet"),
        ("Audit", "Each entry carries the hash"),
    ):
        page.get_by_role("link", name=re.compile(title)).click()
        expect(page.get_by_text(sign).first).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    with desk.database() as database:
        assert Queue(database).held("lin") == []
