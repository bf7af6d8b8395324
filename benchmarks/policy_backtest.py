"""Backtest of a million stored assessments, all packs, 20 regions, two policy versions.

    python benchmarks/policy_backtest.py                   # warm: columns in memory
    python benchmarks/policy_backtest.py --cold            # from a SQLite file, made first

States the floor: one numpy pass over the same columns with as many comparisons as there are
thresholds.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np
from policy_single_item import REGIONS, all_enabled

from moderation.policy import Facts, PackSet
from moderation.policy.columns import Labels
from moderation.policy.facts import SURFACES
from moderation.records import open_database
from moderation.settings import Settings
from moderation.taxonomy import CATEGORY_IDS
from moderation.tuning.backtest import run_backtest
from moderation.tuning.fact_columns import History
from moderation.tuning.staffing import Staffing
from moderation.tuning.stored_facts import load_facts

LANGUAGES = ("zh", "en", "es", "ko", "ja", "und")
DETECTED = (
    "threat_incitement", "self_harm", "hate", "harassment", "doxxing_privacy", "adult_sexual",
    "fraud_phishing", "offplatform_luring", "prohibited_goods", "counterfeit", "toxicity",
    "gambling", "spam",
)  # fmt: skip


def invented_scores(n: int, chance: np.random.Generator) -> np.ndarray:
    """Mostly near 0, a few per cent high, NaN where there is no detector."""
    scores = np.full((n, len(CATEGORY_IDS)), np.nan, dtype=np.float32)
    for name in DETECTED:
        scores[:, CATEGORY_IDS.index(name)] = chance.beta(0.2, 4, n)
    return scores


def history(n: int) -> History:
    chance = np.random.default_rng(1)
    facts = Facts.from_columns(
        invented_scores(n, chance),
        surface=chance.integers(0, len(SURFACES), n).astype(np.int8),
        author_age=chance.choice([3, 4, 2, 1], n, p=[0.6, 0.38, 0.01, 0.01]).astype(np.int8),
        account_age_days=chance.exponential(300, n).astype(np.float32),
        language=Labels(chance.integers(0, len(LANGUAGES), n).astype(np.int32), LANGUAGES),
    )
    decided = np.full(n, -1, dtype=np.int8)
    chosen = chance.choice(n, n // 30, replace=False)
    decided[chosen] = chance.choice([0, 0, 5, 6], len(chosen))
    received = np.sort(chance.uniform(1.79e9, 1.79e9 + 30 * 86_400, n))
    return History(facts, received, decided, np.full(n, -1, dtype=np.int8))


def fill(path: Path, n: int) -> None:
    """A database as screening leaves it, written in bulk."""
    with open_database(f"sqlite:///{path}"):
        pass
    chance = np.random.default_rng(1)
    scores = invented_scores(n, chance)
    received = np.sort(chance.uniform(1.79e9, 1.79e9 + 30 * 86_400, n)).tolist()
    with sqlite3.connect(path) as connection:
        items = []
        for row in range(n):
            author = {"age": "18_plus", "account_age_days": row % 900}
            snapshot = json.dumps(
                {
                    "id": f"i{row}",
                    "texts": [{"text": "an invented text of about the usual length of a comment"}],
                    "author": author,
                }
            )
            items.append(
                (
                    row + 1, f"i{row}", f"{row:064x}", SURFACES[row % 9], LANGUAGES[row % 6],
                    "", None, "[]", received[row], snapshot, "[]",
                )
            )  # fmt: skip
        connection.executemany(
            "INSERT INTO items (key, id, content_hash, surface, language, author_id, author_region,"
            " regions, received_at, snapshot, near_keys) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            items,
        )
        connection.executemany(
            "INSERT INTO assessments (item_key, scores, signals, problems, models, language,"
            " languages, assessed_at) VALUES (?,?,'[]','[]','{}','en','[\"en\"]',0)",
            ((row + 1, scores[row].tobytes()) for row in range(n)),
        )


def floor(past: History, thresholds: int) -> float:
    """Seconds for as many comparisons over the same columns, in plain numpy."""
    start = time.perf_counter()
    columns = np.ascontiguousarray(past.facts.scores.T)
    for number in range(thresholds):
        np.count_nonzero(columns[number % len(columns)] >= 0.5)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--cold", action="store_true")
    given = parser.parse_args()
    live = all_enabled(Settings().policies_dir)
    files = dict(live.files)
    files["baseline.yaml"] = files["baseline.yaml"].replace(
        b"{category: hate, gte: 0.90}", b"{category: hate, gte: 0.84}"
    )
    candidate = PackSet.from_files(files)
    scores = [leaf for rule in live.compiled for leaf, _ in rule.rule.when.leaves() if leaf.score]
    with tempfile.TemporaryDirectory() as folder:
        if given.cold:
            fill(Path(folder) / "moderation.sqlite", given.items)
            start, used = time.perf_counter(), time.process_time()
            with open_database(f"sqlite:///{Path(folder) / 'moderation.sqlite'}") as opened:
                past = load_facts(opened)
            print(
                f"reading from SQLite: {time.perf_counter() - start:.1f} s "
                f"({time.process_time() - used:.1f} s of processor)"
            )
        else:
            past = history(given.items)
            start, used = time.perf_counter(), time.process_time()
        result = run_backtest(past, candidate, live, REGIONS, staffing=Staffing(40))
        total, used = time.perf_counter() - start, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    kind = "cold" if given.cold else "warm"
    print(
        f"{kind}: {len(past):,} items × {len(live.in_force)} packs × {len(REGIONS)} regions, two "
        f"versions: {total:.1f} s ({used:.1f} s of processor), "
        f"at most {memory:.2f} GB"
    )
    print(f"floor: {len(scores)} numpy comparisons, twice: {2 * floor(past, len(scores)):.2f} s")
    print(result.totals.head(3).to_string(index=False))


if __name__ == "__main__":
    main()
