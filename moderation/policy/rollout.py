"""Trying a new pack set: shadow (its verdicts are stored, never acted on) and canary (a share of
traffic, stable by item id). Pure functions; whoever calls them stores and acts."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moderation.policy.evaluate import evaluate
from moderation.policy.facts import Facts
from moderation.policy.packs import PackSet, hash_of_files, load_packs, read_pack_files
from moderation.policy.problems import PackError
from moderation.policy.verdict import Verdict
from moderation.policy.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class Rollout:
    """The set in force, and at most one that is being tried.

    Attributes:
        live: acts on everything, or on what the canary leaves.
        candidate: the proposed set.
        canary_percent: share of items, 0 to 100, on which the candidate acts; 0 is shadow only.
    """

    live: PackSet
    candidate: PackSet | None = None
    canary_percent: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.canary_percent <= 100:
            raise ValueError(f"a canary is 0 to 100 percent, not {self.canary_percent}")
        if self.canary_percent and self.candidate is None:
            raise ValueError("a canary needs a candidate")

    def evaluate(self, facts: Facts, regions: Sequence[str]) -> RolloutVerdicts:
        """What acts on each item, and what the other set would have said."""
        live = evaluate(self.live, facts, regions)
        if self.candidate is None:
            return RolloutVerdicts(live, None, (False,) * len(facts))
        chosen = tuple(
            in_canary(item_id, self.canary_percent, self.candidate.content_hash)
            for item_id in facts.ids
        )
        return RolloutVerdicts(live, evaluate(self.candidate, facts, regions), chosen)


@dataclass(frozen=True, slots=True)
class RolloutVerdicts:
    """Verdicts of both sets."""

    live: Verdicts
    candidate: Verdicts | None
    canary: tuple[bool, ...]  #: for which items the candidate acts

    def acting(self, row: int) -> dict[str, Verdict]:
        """Region → the verdict to act on; its `policy_hash` says which set gave it."""
        if self.candidate is not None and self.canary[row]:
            return self.candidate.row(row)
        return self.live.row(row)

    def shadow(self, row: int) -> dict[str, Verdict] | None:
        """Region → the verdict to store and never act on."""
        if self.candidate is None:
            return None
        return self.live.row(row) if self.canary[row] else self.candidate.row(row)


def in_canary(item_id: str, percent: float, salt: str) -> bool:
    """Whether an item belongs to the share. The same item always gives the same answer for the
    same candidate; a larger share contains every smaller one; another candidate draws anew."""
    digest = hashlib.blake2b(
        item_id.encode("utf-8", "surrogatepass"), key=salt.encode()[:64], digest_size=8
    ).digest()
    return int.from_bytes(digest, "big") < percent / 100 * 2**64


class LivePacks:
    """The packs of a folder, read again when they change; a broken change leaves the live set live.

    Args:
        directory: the folder of packs.

    Raises:
        PackError: the folder is broken at the very start.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._packs = load_packs(directory)
        self._seen = self._packs.content_hash
        self.error: PackError | None = None  #: why the newest files are not in force

    def current(self, *, today: datetime.date | None = None) -> PackSet:
        """The set in force now. Scheduled starts, ends and review dates take effect by the day."""
        today = today or datetime.datetime.now(datetime.UTC).date()
        found = hash_of_files(read_pack_files(self._directory))
        if found == self._seen and today == self._packs.today:
            return self._packs
        try:
            self._packs = load_packs(self._directory, today=today)
            self.error = None
        except PackError as error:
            self.error = error
            if today != self._packs.today:
                self._packs = PackSet.from_files(self._packs.files, today=today)
        self._seen = found
        return self._packs
