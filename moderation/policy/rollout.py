"""Trying a new pack set: shadow (its verdicts are stored, never acted on) and canary (a share of
traffic, stable by item id). Pure: whoever calls stores and acts."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moderation.policy.effects import ACTION_WORDS
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
        number: of the rollout, under which shadow verdicts are stored.
    """

    live: PackSet
    candidate: PackSet | None = None
    canary_percent: float = 0.0
    number: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.canary_percent <= 100:
            raise ValueError(f"a canary is 0 to 100 percent, not {self.canary_percent}")
        if self.canary_percent and self.candidate is None:
            raise ValueError("a canary needs a candidate")

    def evaluate(
        self, facts: Facts, regions: Sequence[str], *, drawn_by: Sequence[str] | None = None
    ) -> RolloutVerdicts:
        """What acts on each item, and what the other set would have said.

        Args:
            drawn_by: the id by which each item is drawn for the canary, where that is not its own:
                all turns of a room go by the room's.
        """
        live = evaluate(self.live, facts, regions)
        if self.candidate is None:
            return RolloutVerdicts(live, None, (False,) * len(facts))
        chosen = tuple(
            in_canary(item_id, self.canary_percent, self.candidate.content_hash)
            for item_id in drawn_by or facts.ids
        )
        candidate = evaluate(self.candidate, facts, regions)
        return RolloutVerdicts(live, candidate, chosen, self.number)


@dataclass(frozen=True, slots=True)
class RolloutVerdicts:
    """Verdicts of both sets."""

    live: Verdicts
    candidate: Verdicts | None
    canary: tuple[bool, ...]  #: for which items the candidate acts
    number: int = 0  #: of the rollout

    def acting(self, row: int) -> dict[str, Verdict]:
        """Region → the verdict to act on; its `policy_hash` says which set gave it."""
        if self.candidate is not None and self.canary[row]:
            return self.candidate.row(row)
        return self.live.row(row)

    def shadow(self, row: int) -> Shadow | None:
        """What the other set said, to store and never act on."""
        if self.candidate is None:
            return None
        acts = self.canary[row]
        return Shadow(self.number, acts, (self.live if acts else self.candidate).row(row))


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the set that does not act says about one item."""

    rollout: int  #: its number
    candidate_acts: bool  #: the item is in the canary: these are the live set's verdicts
    verdicts: Mapping[str, Verdict]


def in_canary(item_id: str, percent: float, salt: str) -> bool:
    """Whether an item belongs to the share. The same item always gives the same answer for the
    same candidate; a larger share contains every smaller one; another candidate draws anew."""
    digest = hashlib.blake2b(
        item_id.encode("utf-8", "surrogatepass"), key=salt.encode()[:64], digest_size=8
    ).digest()
    return int.from_bytes(digest, "big") < percent / 100 * 2**64


#: How two verdicts can differ, from the live one to the candidate's.
DIRECTIONS = ("stricter", "looser", "review added", "review dropped")


def change(live: Verdict, candidate: Verdict) -> tuple[str, str]:
    """The direction of a change and the category that it is about; "" and "" for no change.

    Account and money count where the action is the same; a difference in queue, clock or reason
    alone is no change.
    """
    stronger = strength(candidate) - strength(live)
    if stronger:
        direction = DIRECTIONS[0] if stronger > 0 else DIRECTIONS[1]
    elif live.visibility != candidate.visibility:  # the same word, another axis behind it
        direction = DIRECTIONS[0] if candidate.visibility > live.visibility else DIRECTIONS[1]
    elif live.needs_review != candidate.needs_review:
        direction = DIRECTIONS[2] if candidate.needs_review else DIRECTIONS[3]
    else:
        return "", ""
    first, second = (candidate, live) if direction in DIRECTIONS[::2] else (live, candidate)
    about = first.primary or second.primary
    return direction, about.category if about is not None else ""


def strength(verdict: Verdict) -> int:
    """One number that orders effects: the action first, then reach, account and money."""
    return (
        ACTION_WORDS.index(verdict.action) * 100
        + verdict.distribution.rank * 25
        + verdict.account.rank * 5
        + verdict.money.rank
    )


class PolicySource(Protocol):
    """Where a screener asks what is in force, once per batch."""

    def current(self) -> Rollout:
        """What is in force now. Cheap; does no input or output."""


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """A pack set that never changes."""

    packs: PackSet

    def current(self) -> Rollout:
        """That set, with no candidate."""
        return Rollout(self.packs)


class LivePacks:
    """The packs of a folder, read again when they change; a broken change leaves the live set live.

    Args:
        directory: the folder of packs.
        today: the day they are first judged for; now if not given.

    Raises:
        PackError: the folder is broken at the very start.
    """

    def __init__(self, directory: Path, *, today: datetime.date | None = None) -> None:
        self._directory = directory
        self._packs = load_packs(directory, today=today)
        self._seen = self._packs.content_hash
        self.error: PackError | None = None  #: why the newest files are not in force

    def current(self, *, today: datetime.date | None = None) -> PackSet:
        """The set in force now. Scheduled starts, ends and review dates take effect by the day."""
        today = today or datetime.datetime.now(datetime.UTC).date()
        try:
            found = hash_of_files(read_pack_files(self._directory))
        except OSError:
            return self._packs  # a file was replaced while it was read: the next look sees it
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
