"""What a stream of review jobs means for a team: hours, and jobs that would be late."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who reviews.

    Attributes:
        reviewers: people on shift at any moment.
        seconds_per_item: how long one review takes; measure it on your own decisions.
    """

    reviewers: int = 4
    seconds_per_item: float = 45.0

    def __post_init__(self) -> None:
        if self.reviewers < 1 or self.seconds_per_item <= 0:
            raise ValueError("staffing needs at least one reviewer and a positive review time")


@dataclass(frozen=True, slots=True)
class Workload:
    """What comes of the jobs at a given staffing."""

    jobs: int
    hours: float  #: of reviewing
    late: int  #: jobs that would be decided after they were due: breaches of the clock
    longest_wait_minutes: float
    late_rows: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    #: which of the jobs these are, by their place in what was given

    @property
    def late_share(self) -> float:
        """Share of jobs that would be late."""
        return self.late / self.jobs if self.jobs else 0.0


def workload(
    arrived: npt.NDArray[np.float64], sla_minutes: npt.NDArray[np.int32], staffing: Staffing
) -> Workload:
    """Plays the jobs through a team that always takes the most urgent one (earliest due).

    Args:
        arrived: `(n,)` seconds, when each job opened.
        sla_minutes: `(n,)` minutes until each was due.
        staffing: the team.
    """
    n = len(arrived)
    hours = n * staffing.seconds_per_item / 3600
    if not n:
        return Workload(0, 0.0, 0, 0.0)
    order = np.argsort(arrived, kind="stable")
    opened = arrived[order].tolist()
    places = order.tolist()
    due = (arrived[order] + sla_minutes[order] * 60.0).tolist()
    takes = staffing.seconds_per_item
    free = [opened[0]] * staffing.reviewers  # when each reviewer is free next
    waiting: list[tuple[float, float, int]] = []
    late: list[int] = []
    longest, position = 0.0, 0
    while position < n or waiting:
        now = free[0]
        if not waiting and opened[position] > now:
            now = opened[position]
        while position < n and opened[position] <= now:
            heapq.heappush(waiting, (due[position], opened[position], places[position]))
            position += 1
        deadline, since, place = heapq.heappop(waiting)
        heapq.heapreplace(free, now + takes)
        if now + takes > deadline:
            late.append(place)
        if now - since > longest:
            longest = now - since
    return Workload(n, hours, len(late), longest / 60, np.array(sorted(late), dtype=np.intp))
