"""One item against all packs for 20 viewer regions: how long from facts to verdicts?

python benchmarks/policy_single_item.py
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from moderation.items import Item
from moderation.policy import Facts, PackSet, evaluate
from moderation.policy.golden import facts_of, read_golden
from moderation.policy.lint import lint
from moderation.policy.packs import read_pack_files
from moderation.policy.schema import Status
from moderation.settings import Settings
from moderation.signals import Assessment

REGIONS = (
    "US", "DE", "FR", "IN", "SG", "GB", "AU", "JP", "KR", "BR",
    "CA", "CN", "TR", "VN", "ID", "AE", "SA", "ES", "IT", "NZ",
)  # fmt: skip


def all_enabled(directory: Path) -> PackSet:
    """Every pack of the folder, drafts switched on: the most there is to evaluate."""
    files = {
        name: content.replace(b"status: draft", b"status: enabled")
        for name, content in read_pack_files(directory).items()
    }
    packs = PackSet.from_files(files)
    assert all(pack.pack.status is Status.ENABLED for pack in packs.packs.values())
    return packs


def timed(function: Callable[[], object], repeats: int) -> list[tuple[float, float]]:
    """Milliseconds of each run: by the clock on the wall, and of this thread's processor time,
    which does not count what other processes took."""
    taken = []
    for _ in range(repeats):
        wall, own = time.perf_counter(), time.thread_time()
        function()
        taken.append(((time.perf_counter() - wall) * 1000, (time.thread_time() - own) * 1000))
    return taken


def told(name: str, taken: list[tuple[float, float]]) -> str:
    cells = []
    for column in zip(*taken, strict=True):
        ordered = sorted(column)
        cells += [statistics.median(ordered), ordered[int(len(ordered) * 0.99)]]
    return f"| {name} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3000)
    repeats = parser.parse_args().repeats
    directory = Settings().policies_dir
    packs = all_enabled(directory)
    print(
        f"{len(packs.in_force)} packs, {len(packs.compiled)} compiled rules, {len(REGIONS)} regions"
    )
    row = {"id": "1", "text": "x", "author": {"region": "DE", "account_age_days": 3}}
    busy = Assessment(
        item_id="1",
        scores={"offplatform_luring": 0.88, "hate": 0.93, "spam": 0.97, "fraud_phishing": 0.7},
    )
    quiet = Assessment(item_id="1", scores=dict.fromkeys(busy.scores, 0.02))
    item = Item.from_row(row)
    print(
        "| ms | median, wall | p99, wall | median, processor | p99, processor |\n"
        "|---|---|---|---|---|"
    )
    for name, assessment in (("nothing fires", quiet), ("six rules fire", busy)):

        def one(assessment: Assessment = assessment) -> object:
            return evaluate(packs, Facts.from_items([item], [assessment]), REGIONS).row(0)

        timed(one, 200)
        print(told(name, timed(one, repeats)))
    golden = [facts_of(case.golden) for case in read_golden(directory)]
    every = [
        time_one
        for facts in golden
        for time_one in timed(lambda f=facts: evaluate(packs, f, REGIONS).row(0), repeats // 10)
    ]
    print(told("golden items, facts given", every))
    shipped = PackSet.from_files(read_pack_files(directory))
    linted = timed(lambda: lint(directory, PackSet.from_files(read_pack_files(directory))), 10)
    print(told(f"lint of all {len(shipped.packs)} packs, golden items included", linted))


if __name__ == "__main__":
    main()
