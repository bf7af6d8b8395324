"""The whole way on text that nobody here wrote: screen public test splits, work ten items.

    python benchmarks/first_walk.py --data FOLDER --out docs/first-walk.md

Screens test splits, or a sample of each, as files through `moderation screen --record`, starts
the dashboard on the database that results, and decides ten queued items with the keyboard in a
real Chromium. What was screened is written as a table of counts; no text of the data sets is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect, sync_playwright

from moderation.classifiers.text.model import MODELS_FOLDER
from moderation.cli.serve import dashboard_command
from moderation.queue import Queue
from moderation.records import open_database
from moderation.records.people import create_reviewer
from moderation.records.people_tables import Role

SETS = {
    "cold": "COLD (zh)",
    "davidson": "Davidson (en)",
    "offendes": "OffendES (es)",
    "kmhas": "K-MHaS (ko)",
    "teleantifraud": "TeleAntiFraud (zh transcripts)",
}
REVIEWER, PASSWORD = "walker", "walks-the-queue"
PORT = 8651


def screen(source: Path, folder: Path, rows: int | None) -> tuple[pd.DataFrame, float]:
    """Runs the command on one split; its results, and the seconds it took."""
    name = source.stem
    table = pd.read_parquet(source)
    if rows is not None:
        table = table.sample(min(rows, len(table)), random_state=2).reset_index(drop=True)
    placed = folder / f"{name}.parquet"
    # Ids of our own: those of the sets collide with each other.
    table.assign(id=[f"{name}:{number}" for number in range(len(table))]).to_parquet(placed)
    output = folder / f"{name}-verdicts.jsonl"
    begun = time.monotonic()
    subprocess.run(
        [
            *(sys.executable, "-m", "moderation.cli", "screen", placed, "-o", output),
            *("--regions", "DE,US,IN", "--record"),
        ],
        env=os.environ | {"MODERATION_DATA_DIR": str(folder)},
        check=True,
    )
    seconds = time.monotonic() - begun
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    return table.assign(result=rows), seconds


def described(name: str, table: pd.DataFrame, seconds: float) -> list[str]:
    """One row of the report."""
    review = [any(v["needs_review"] for v in row["verdicts"].values()) for row in table["result"]]
    ruled = [any(v["rules"] for v in row["verdicts"].values()) for row in table["result"]]
    actions = Counter(row["verdicts"]["DE"]["action"] for row in table["result"])
    harmful = (table[["toxicity", "hate", "harassment", "fraud"]] == 1).any(axis=1)
    flagged = pd.Series(ruled, index=table.index)
    return [
        SETS[name],
        f"{len(table):,}",
        f"{harmful.sum():,}",
        f"{flagged.sum():,}",
        f"{sum(review):,}",
        f"{(flagged & harmful).sum() / max(1, harmful.sum()):.0%}",
        f"{(flagged & ~harmful).sum() / max(1, (~harmful).sum()):.0%}",
        ", ".join(f"{action} {count:,}" for action, count in actions.most_common()),
        f"{len(table) / seconds:,.0f}",
    ]


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """The dashboard on that folder's database."""
    process = subprocess.Popen(
        dashboard_command("127.0.0.1", PORT),
        env=os.environ | {"MODERATION_DATA_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{PORT}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.3)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def reviewing(folder: Path, width: int, height: int) -> Iterator[Page]:
    """A signed-in browser page with the first item of all queues."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with dashboard(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(url)
        page.get_by_label("Name").fill(REVIEWER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="All my queues").click()
        expect(page.locator(".headline-id")).to_be_visible()
        wait_for_the_keys(page)
        yield page
        browser.close()


#: Taken by hand, of the bundled stream and not of public text.
PICTURES = "![A reviewed item of the bundled stream, {width} wide](images/dashboard-{width}.png)\n"


def wait_for_the_keys(page: Page) -> None:
    """The headline comes first; the keys stand when the page's script has ended. A press within
    half a second would be taken for a double one."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.wait_for_timeout(600)


def add_reviewer(folder: Path) -> None:
    """The account that the walk signs in with."""
    with open_database(f"sqlite:///{folder / 'moderation.sqlite'}") as database:
        create_reviewer(database, REVIEWER, password=PASSWORD, roles=list(Role), seniority=2)


def work_ten(folder: Path) -> list[str]:
    """Decides ten items by key: allow, limit, hold and remove in turn; one is undone and redone."""
    add_reviewer(folder)
    with reviewing(folder, 1280, 900) as page:
        for number in range(10):
            before = page.locator(".headline-id").inner_text()
            page.keyboard.press("1567"[number % 4])
            expect(page.locator(".headline-id")).not_to_have_text(before)
            wait_for_the_keys(page)
            if number == 4:
                following = page.locator(".headline-id").inner_text()
                page.keyboard.press("u")
                expect(page.locator(".headline-id")).not_to_have_text(following)
                wait_for_the_keys(page)
                undone = page.locator(".headline-id").inner_text()
                page.keyboard.press("1")
                expect(page.locator(".headline-id")).not_to_have_text(undone)
                wait_for_the_keys(page)
    with open_database(f"sqlite:///{folder / 'moderation.sqlite'}") as database:
        return [f"{row.kind}: {row.action}" for row in Queue(database).decisions_of(REVIEWER)]


def main() -> None:
    """Runs the walk and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with test/*.parquet")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, help="a random sample of each split; default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            described(
                stem,
                *screen(arguments.data / "test" / f"{stem}.parquet", folder, arguments.rows),
            )
            for stem in SETS
        ]
        decisions = work_ten(folder)
    head = (
        "| test split | texts | labelled toxic, hateful, harassing or fraud | with a rule "
        "| for a person | of the labelled | of the others | actions for viewers in DE | texts/s |"
    )
    about = f"a random sample of {arguments.rows} of each" if arguments.rows else "whole splits"
    version = json.loads((MODELS_FOLDER / "base" / "model.json").read_text("utf-8"))["version"]
    made = (
        f"Made by `benchmarks/first_walk.py`: {about}, screened by `moderation screen --record` "
        f"with text model {version} for viewers in DE, US and IN under the shipped packs and "
        "thresholds. The last column counts start-up in."
    )
    title = ["# First walk: public text, from file to decision", "", made, ""]
    lines = [*title, head, "|---|--:|--:|--:|--:|--:|--:|---|--:|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "Ten items worked with the keyboard in Chromium, one of them undone and redone:"]
    lines += ["", *(f"- {entry}" for entry in reversed(decisions)), ""]
    lines += [PICTURES.format(width=width) for width in (1280, 1920)]
    arguments.out.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
