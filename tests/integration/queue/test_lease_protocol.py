"""A property test of the lease protocol: whatever reviewers do, in whatever order, and however
time passes, a job has one holder, is decided once, and is never lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from review_work import Clock, House
from sqlalchemy import select
from sqlmodel import col

from moderation.queue import ClaimedJob, DecisionRefused, LeaseLost
from moderation.records import audit, open_database
from moderation.records.queue_tables import Decision, Job

REVIEWERS = ("lin", "ana", "ken")
LEASE = 600.0


class LeaseProtocol(RuleBasedStateMachine):
    """The real queue beside a model of a few lines."""

    template: Path

    claims = Bundle("claims")
    decisions = Bundle("decisions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lease-"))
        file = self.folder / "moderation.sqlite"
        shutil.copy(self.template, file)
        self.clock = Clock()
        self.database = open_database(f"sqlite:///{file}", clock=self.clock)
        self.house = House(self.database, self.clock, "")
        self.queue = self.house.queue
        #: job → (holder, claim number, lease until); missing: nobody holds it
        self.held: dict[int, tuple[str, int, float]] = {}
        self.jobs: set[int] = set()
        self.decided: set[int] = set()
        self.excluded: set[tuple[int, str]] = set()

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize()
    def people(self) -> None:
        for name in REVIEWERS:
            self.house.reviewer(name)

    # --- the model ---

    def holds(self, claimed: ClaimedJob) -> bool:
        holder = self.held.get(claimed.job_id)
        return (
            holder is not None
            and holder[:2] == (claimed.reviewer_id, claimed.claim_number)
            and holder[2] >= self.clock.now
        )

    def is_free(self, job_id: int) -> bool:
        holder = self.held.get(job_id)
        return job_id not in self.decided and (holder is None or holder[2] < self.clock.now)

    # --- what can happen ---

    @rule(probability=st.floats(0.05, 0.95))
    def post(self, probability: float) -> None:
        recorded = self.house.post(probability=probability)
        assert recorded.job_id is not None
        self.jobs.add(recorded.job_id)

    @rule(target=claims, reviewer=st.sampled_from(REVIEWERS))
    def claim(self, reviewer: str) -> ClaimedJob | object:
        claimed = self.queue.claim(reviewer)
        free = {j for j in self.jobs if self.is_free(j) and (j, reviewer) not in self.excluded}
        if claimed is None:
            assert not free, f"{reviewer} got nothing although {free} wait"
            return multiple()
        assert claimed.job_id in free, "a job that was held, decided or skipped was handed out"
        self.held[claimed.job_id] = (reviewer, claimed.claim_number, self.clock.now + LEASE)
        return claimed

    @rule(claimed=claims)
    def heartbeat(self, claimed: ClaimedJob) -> None:
        if self.holds(claimed):
            self.queue.heartbeat(claimed)
            self.held[claimed.job_id] = (
                claimed.reviewer_id,
                claimed.claim_number,
                self.clock.now + LEASE,
            )
        else:
            with pytest.raises(LeaseLost):
                self.queue.heartbeat(claimed)

    @rule(claimed=claims, skips=st.booleans())
    def give_back(self, claimed: ClaimedJob, skips: bool) -> None:
        held = self.holds(claimed)
        try:
            if skips:
                self.queue.skip(claimed, "not mine")
            else:
                self.queue.release(claimed)
        except LeaseLost:
            assert not held
        else:
            assert held, "a stale lease gave a job back"
            del self.held[claimed.job_id]
            if skips:
                self.excluded.add((claimed.job_id, claimed.reviewer_id))

    @rule(target=decisions, claimed=claims, action=st.sampled_from(["allow", "unavailable"]))
    def decide(self, claimed: ClaimedJob, action: str) -> Decision | object:
        held = self.holds(claimed)
        try:
            decision = self.queue.decide(claimed, action)
        except LeaseLost:
            assert not held
            return multiple()
        assert held, "a stale lease decided a job"
        del self.held[claimed.job_id]
        self.decided.add(claimed.job_id)
        self.excluded.add((claimed.job_id, claimed.reviewer_id))
        return decision

    @rule(target=claims, decision=consumes(decisions))
    def undo(self, decision: Decision) -> ClaimedJob | object:
        try:
            claimed = self.queue.undo(decision, decision.reviewer_id)
        except DecisionRefused:
            assert self.clock.now - decision.decided_at > 300
            return multiple()
        assert decision.job_id in self.decided
        self.decided.discard(decision.job_id)
        self.excluded.discard((decision.job_id, decision.reviewer_id))
        self.held[claimed.job_id] = (
            claimed.reviewer_id,
            claimed.claim_number,
            self.clock.now + LEASE,
        )
        return claimed

    @rule(minutes=st.sampled_from([0.5, 3.0, 9.0, 11.0, 600.0]))
    def time_passes(self, minutes: float) -> None:
        self.clock.forward(minutes=minutes)

    @rule(hours=st.sampled_from([1.0, 30.0]))
    def the_clock_is_set_back(self, hours: float) -> None:
        self.clock.forward(hours=-hours)
        # A lease that ends further ahead than any lease can is void: else it would hold for hours.
        for job_id, (_, _, until) in list(self.held.items()):
            if until > self.clock.now + 2 * LEASE:
                self.queue.tend()
                del self.held[job_id]

    # --- what must always hold ---

    @invariant()
    def every_job_is_in_one_place(self) -> None:
        with self.database.read() as session:
            rows = {job.id: job for job in session.execute(select(Job)).scalars()}
            final = session.execute(
                select(col(Decision.job_id), col(Decision.id)).where(
                    col(Decision.final).is_(True),
                    col(Decision.id).not_in(
                        select(col(Decision.supersedes)).where(
                            col(Decision.supersedes).is_not(None)
                        )
                    ),
                )
            ).all()
        assert set(rows) == self.jobs, "a job was lost or came from nowhere"
        assert sorted(job_id for job_id, _ in final) == sorted(self.decided)
        for job_id, job in rows.items():
            assert (job.state == "done") == (job_id in self.decided)
            if job.state == "claimed" and job.lease_until and job.lease_until >= self.clock.now:
                assert job_id in self.held
                assert self.held[job_id][:2] == (job.holder, job.claim_number)

    @invariant()
    def the_audit_chain_is_whole(self) -> None:
        audit.verify(self.database)


def test_no_job_is_held_by_two_decided_twice_or_lost(migrated_sqlite: Path) -> None:
    LeaseProtocol.template = migrated_sqlite
    run_state_machine_as_test(
        LeaseProtocol,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
