"""The queue: claim, look, decide. One class, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from moderation.queue import appeals, claiming, clusters, deciding, exposure, golden, rounds
from moderation.queue.case_file import CaseFile, open_case
from moderation.queue.claiming import ClaimedJob
from moderation.queue.errors import DecisionRefused, LeaseLost
from moderation.queue.intake import route
from moderation.queue.priority import explain
from moderation.queue.priority import priority as priority_of
from moderation.queue.routing import Pile, barred_categories, piles_for
from moderation.queue.rules import QueueRules
from moderation.records import audit
from moderation.records.database import Database
from moderation.records.errors import NotFound
from moderation.records.item_tables import StoredItem
from moderation.records.people import load_reviewer
from moderation.records.people_tables import Reviewer, Role
from moderation.records.queue_tables import (
    IS_CLAIMED,
    Decision,
    DecisionKind,
    Job,
    JobEvent,
    JobKind,
    JobState,
    Route,
)

#: A reviewer's presence is written at most this often, in seconds.
_PRESENCE_EVERY = 60.0

#: How long before its deadline an appeal moves ahead is in `QueueRules`; how often we look, here.
_TEND_EVERY = 5.0


class Queue:
    """The jobs of a database, for reviewers. Safe to share between threads."""

    def __init__(self, database: Database, rules: QueueRules | None = None) -> None:
        self.database = database
        self.rules = rules or QueueRules()
        self._tended = float("-inf")

    # --- taking ---

    def claim(
        self,
        reviewer: str | Reviewer,
        *,
        queues: Iterable[str] | None = None,
        languages: Iterable[str] | None = None,
    ) -> ClaimedJob | None:
        """Give the most harmful undecided job to a reviewer; None if nothing waits for them.

        Args:
            queues: only these; None takes all that the reviewer works on.
            languages: only these (and items without text); None takes all that they read. A job in
                another language comes only when nobody who reads it is there, and `why` says so.

        Raises:
            NotFound: no such reviewer.
            ExposureReached: they have seen enough for this shift.
        """
        name = reviewer if isinstance(reviewer, str) else reviewer.id
        # No need to wait for the disk: a claim that a power cut forgets is a job that is open
        # again, and its holder is refused at the next write, as after any lease that ended.
        with self.database.write(durable=False) as session:
            now = self.database.now(session)
            self._tend(session, now)
            person = load_reviewer(session, name)
            if person.disabled_at is not None:
                raise NotFound(f"reviewer {name} is disabled")
            diary = exposure.standing(session, person, now, self.rules)
            exposure.refuse_above_cap(diary)
            self._mark_present(session, person, now)
            planted = golden.maybe_plant(session, person, now, self.rules, queues)
            if planted is not None:
                return self._claimed(session, planted, now, None, diary.prompts)
            found = self._take(session, person, now, queues, languages)
            if found is None:
                return None
            job, note = found
            return self._claimed(session, job, now, note, diary.prompts)

    def claim_job(self, reviewer: str | Reviewer, job_id: int) -> ClaimedJob:
        """Take one particular waiting job, for instance after a lease ran out.

        Raises:
            LeaseLost: somebody else holds it, it is done, or it is not for this reviewer.
        """
        name = reviewer if isinstance(reviewer, str) else reviewer.id
        with self.database.write() as session:
            now = self.database.now(session)
            claiming.expire_leases(session, now, self.rules.lease_seconds)
            person = load_reviewer(session, name)
            job = self._locked(session, job_id)
            if job.state != JobState.OPEN:
                raise LeaseLost(f"job {job_id} is {job.state}; claim another one")
            self._refuse_unfit(session, person, job)
            return self._hand_over(session, job, person, now)

    def held(self, reviewer: str | Reviewer) -> list[ClaimedJob]:
        """The jobs that a reviewer holds now, for instance after reloading a page."""
        name = reviewer if isinstance(reviewer, str) else reviewer.id
        with self.database.read() as session:
            now = self.database.now(session)
            query = select(Job).where(
                IS_CLAIMED,
                col(Job.holder) == name,
                col(Job.lease_until) >= now,
            )
            return [
                self._describe(session, job, now, None, ())
                for job in session.execute(query).scalars()
            ]

    def heartbeat(self, claimed: ClaimedJob) -> ClaimedJob:
        """Renew the lease.

        Raises:
            LeaseLost: it ran out already.
        """
        with self.database.write(durable=False) as session:
            now = self.database.now(session)
            job = claiming.held_job(session, claimed, now)
            job.lease_until = now + self.rules.lease_seconds
            session.add(job)
            return replace(claimed, lease_until=job.lease_until)

    def open_case(self, claimed: ClaimedJob) -> CaseFile:
        """Everything about a job in hand: item, assessment, verdicts, thread, media, the author's
        history, comments, earlier looks where the reviewer may know them. Reading a sensitive
        item (P0, P1) is written to the audit log.

        Raises:
            LeaseLost: the reviewer does not hold it.
            NotFound: its content was deleted meanwhile.
        """
        with self.database.write() as session:
            now = self.database.now(session)
            job = claiming.held_job(session, claimed, now)
            case = open_case(session, self.database.media, job, claimed)
            if job.severity <= 1:
                audit.append(
                    session,
                    at=now,
                    actor=claimed.reviewer_id,
                    action="read",
                    subject=f"item:{job.item_key}",
                    detail={"job": job.id, "severity": job.severity},
                )
            return case

    # --- giving back ---

    def release(self, claimed: ClaimedJob, note: str = "") -> None:
        """Put it back; anybody may get it next, this reviewer too."""
        with self.database.write() as session:
            self._put_back(session, claimed, "released", {"note": note})

    def skip(self, claimed: ClaimedJob, reason: str) -> None:
        """Put it back for somebody else: it is not handed to this reviewer again."""
        if not reason.strip():
            raise DecisionRefused("say why you skip it, in a word: the next reviewer is told")
        with self.database.write() as session:
            self._put_back(session, claimed, "skipped", {"reason": reason})
            deciding.exclude(session, claimed.job_id, claimed.reviewer_id, "skipped")

    def stop(self, claimed: ClaimedJob | None, reviewer: str, notes: str = "") -> None:
        """ "I need to stop": the item goes back with the notes, without a reason being asked, and
        the person's shift ends. Only they can see that it happened."""
        with self.database.write() as session:
            now = self.database.now(session)
            if claimed is not None:
                self._put_back(session, claimed, "released", {"note": notes})
                deciding.exclude(session, claimed.job_id, reviewer, "skipped")
            exposure.write_stop(session, reviewer, now)

    def move(self, claimed: ClaimedJob, queue: str, note: str = "") -> None:
        """Put it into another queue."""
        if not queue.strip():
            raise DecisionRefused("name the queue to move it to")
        with self.database.write() as session:
            job = self._put_back(session, claimed, "moved", {"queue": queue, "note": note})
            current = session.get(Route, job.route_id)
            job.route_id = route(session, queue, current.language if current else "und")
            session.add(job)

    def escalate(self, claimed: ClaimedJob, note: str, *, queue: str | None = None) -> None:
        """Hand it to seniors: it is due at once, and only seniority 2 is given it."""
        with self.database.write() as session:
            job = self._put_back(session, claimed, "escalated", {"note": note})
            now = self.database.now(session)
            job.min_seniority = 2
            job.lane = min(job.lane, 1)
            job.parts = {**job.parts, "lane_reason": "escalated by a reviewer"}
            job.due_at = min(job.due_at, now + 3600)
            if queue is not None:
                current = session.get(Route, job.route_id)
                job.route_id = route(session, queue, current.language if current else "und")
            session.add(job)

    def pause(self, claimed: ClaimedJob, note: str) -> None:
        """Wait for somebody outside (a request for clarification): the clock stands still."""
        with self.database.write() as session:
            job = self._put_back(session, claimed, "paused", {"note": note})
            job.state = JobState.PAUSED.value
            job.paused_at = self.database.now(session)
            session.add(job)

    def resume(self, job_id: int, actor: str = "") -> None:
        """The answer is there: the clock goes on where it stood."""
        with self.database.write() as session:
            now = self.database.now(session)
            job = self._locked(session, job_id)
            if job.state != JobState.PAUSED or job.paused_at is None:
                raise DecisionRefused(f"job {job_id} is {job.state}, not paused")
            job.due_at += now - job.paused_at
            job.paused_at = None
            job.state = JobState.OPEN.value
            session.add(job)
            deciding.event(session, job_id, now, actor, "resumed")

    # --- saying ---

    def comment(self, job_id: int, reviewer: str, text: str) -> None:
        """A note for whoever looks at the job next."""
        if not text.strip():
            raise DecisionRefused("the comment is empty")
        with self.database.write() as session:
            now = self.database.now(session)
            self._locked(session, job_id)
            deciding.event(session, job_id, now, reviewer, "commented", {"text": text})

    def second_opinion(
        self, claimed: ClaimedJob, action: str, *, category: str | None = None, note: str = ""
    ) -> Decision:
        """Record one's own view and ask somebody else, who does not see it."""
        return self._decide(claimed, action, category, note, ask_another=True)

    def decide(
        self,
        claimed: ClaimedJob,
        action: str,
        *,
        category: str | None = None,
        note: str = "",
        seconds: float | None = None,
        regions: Sequence[str] = (),
        context_tags: Sequence[str] = (),
        apart: Sequence[int] = (),
        view: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Decide a job in hand, and every near-copy that came with it.

        Args:
            action: one of `ACTIONS`.
            category: what it is, if anything.
            seconds: time spent looking; by default since the claim.
            regions: viewer regions it holds for; empty is everywhere.
            context_tags: what the reviewer confirms about the context (`CONTEXT_TAGS`).
            apart: job ids of members that this decision does not fit; they wait for themselves.
            view: how it was shown (blurred, translated …), kept with the decision.

        Raises:
            LeaseLost: the lease ran out; nothing was changed, and the text is kept in the job's
                history and in the error's `draft`.
            DecisionRefused, UnknownCategory: the action or category is no such thing.
        """
        return self._decide(
            claimed, action, category, note, seconds, regions, context_tags, apart, view
        )

    def _decide(
        self,
        claimed: ClaimedJob,
        action: str,
        category: str | None,
        note: str,
        seconds: float | None = None,
        regions: Sequence[str] = (),
        context_tags: Sequence[str] = (),
        apart: Sequence[int] = (),
        view: Mapping[str, Any] | None = None,
        *,
        ask_another: bool = False,
    ) -> Decision:
        deciding.check_action(action, category)
        draft = {"action": action, "category": category, "note": note}
        try:
            with self.database.write() as session:
                now = self.database.now(session)
                job = claiming.held_job(session, claimed, now, draft=draft)
                told, policy_hash, automatic = deciding.snapshot(session, job, claimed, view or {})
                spent = max(0.0, now - claimed.claimed_at) if seconds is None else seconds
                outcome = rounds.settle(
                    session, job, claimed.reviewer_id, action, category, ask_another
                )
                decision = deciding.store_decision(
                    session,
                    job,
                    {
                        "reviewer_id": claimed.reviewer_id,
                        "kind": deciding.purpose_of(job).value,
                        "round": job.round,
                        "final": outcome.final and deciding.in_force(job, action, automatic),
                        "action": action,
                        "category": category,
                        "regions": list(regions),
                        "note": note,
                        "context_tags": list(context_tags),
                        "seconds": spent,
                        "snapshot": told,
                        "policy_hash": policy_hash,
                        "automatic_action": automatic,
                        "supersedes": appeals.superseded_by(session, job),
                        "decided_at": now,
                    },
                )
                deciding.event(
                    session,
                    job.id or 0,
                    now,
                    claimed.reviewer_id,
                    "decided",
                    {"decision": decision.id},
                )
                deciding.exclude(session, job.id or 0, claimed.reviewer_id, "decided")
                exposure.write_item(session, claimed.reviewer_id, job, spent, now)
                followers: list[Decision] = []
                if outcome.final:
                    deciding.close(session, job, now)
                    shown = [member.job_id for member in claimed.members]
                    followers = deciding.decide_members(session, job, decision, shown, apart, now)
                    if decision.kind in {DecisionKind.REVIEW, DecisionKind.ADJUDICATION}:
                        deciding.judge_reporters(session, [decision, *followers])
                    appeals.answer(session, job, decision, now)
                else:
                    rounds.next_round(session, job, outcome)
                deciding.note_decision(session, decision, now, "decided", len(followers))
                return decision
        except LeaseLost:
            self._keep_draft(claimed, draft)
            raise

    def undo(self, decision: Decision | int, reviewer: str | Reviewer) -> ClaimedJob:
        """Take one's own decision back within the undo window; the job is in hand again.

        Raises:
            DecisionRefused: not theirs, too late, or built upon; correct it instead.
        """
        name = reviewer if isinstance(reviewer, str) else reviewer.id
        with self.database.write() as session:
            now = self.database.now(session)
            stored = self._decision(session, decision)
            if stored.reviewer_id != name:
                raise DecisionRefused(f"decision {stored.id} is not yours; correct it instead")
            undone = deciding.undo(session, stored, now, self.rules.undo_seconds)
            appeals.reopen(session, stored)
            job = self._locked(session, stored.job_id)
            job.state = JobState.OPEN.value
            job.closed_at = None
            claimed = self._hand_over(session, job, load_reviewer(session, name), now)
            deciding.note_decision(session, stored, now, "undone", len(undone) - 1)
            return claimed

    def correct(
        self,
        decision: Decision | int,
        reviewer: str | Reviewer,
        action: str,
        *,
        category: str | None = None,
        note: str,
        regions: Sequence[str] = (),
    ) -> Decision:
        """Supersede a decision after the undo window.

        Raises:
            DecisionRefused: superseded already, or no reason was given.
        """
        deciding.check_action(action, category)
        if not note.strip():
            raise DecisionRefused("say why the earlier decision is corrected")
        name = reviewer if isinstance(reviewer, str) else reviewer.id
        with self.database.write() as session:
            now = self.database.now(session)
            person = load_reviewer(session, name)
            stored = self._decision(session, decision)
            if stored.reviewer_id != name and Role.SENIOR not in person.roles:
                raise DecisionRefused("only its author or a senior reviewer corrects a decision")
            job = self._locked(session, stored.job_id)
            if deciding.successor(session, stored.id or 0) is not None or not stored.final:
                raise DecisionRefused(
                    f"decision {stored.id} is not in force; correct its successor"
                )
            corrected = deciding.store_decision(
                session,
                job,
                {
                    "reviewer_id": name,
                    "kind": DecisionKind.CORRECTION.value,
                    "action": action,
                    "category": category,
                    "note": note,
                    "regions": list(regions),
                    "policy_hash": stored.policy_hash,
                    "automatic_action": stored.automatic_action,
                    "supersedes": stored.id,
                    "decided_at": now,
                },
            )
            deciding.event(session, job.id or 0, now, name, "corrected", {"decision": corrected.id})
            deciding.note_decision(session, corrected, now, "corrected", 0)
            return corrected

    # --- looking ---

    def waiting_counts(self) -> list[dict[str, Any]]:
        """What waits: one row per queue, language and lane with `jobs`, `overdue`, `oldest_due`
        (seconds since 1970) and `claimed`."""
        with self.database.read() as session:
            now = self.database.now(session)
            waiting = col(Job.state).in_([JobState.OPEN.value, JobState.CLAIMED.value])
            query = (
                select(
                    col(Route.queue),
                    col(Route.language),
                    col(Job.lane),
                    func.count(),
                    func.sum(_one_if(col(Job.due_at) < now)),
                    func.min(col(Job.due_at)),
                    func.sum(_one_if(col(Job.state) == JobState.CLAIMED)),
                )
                .join(Route, col(Route.id) == col(Job.route_id))
                .where(waiting)
                .group_by(col(Route.queue), col(Route.language), col(Job.lane))
                .order_by(col(Route.queue), col(Route.language), col(Job.lane))
            )
            names = ("queue", "language", "lane", "jobs", "overdue", "oldest_due", "claimed")
            return [dict(zip(names, row, strict=True)) for row in session.execute(query)]

    def breaches(self, *, limit: int = 200) -> list[dict[str, Any]]:
        """Jobs that wait although their clock ran out, the most severe first: for a lead, who can
        bring people in. `job_id`, `item_id`, `queue`, `language`, `severity`, `minutes_over`."""
        with self.database.read() as session:
            now = self.database.now(session)
            query = (
                select(Job, col(StoredItem.id), col(Route.queue), col(Route.language))
                .join(StoredItem, col(StoredItem.key) == col(Job.item_key))
                .join(Route, col(Route.id) == col(Job.route_id))
                .where(
                    col(Job.state).in_([JobState.OPEN.value, JobState.CLAIMED.value]),
                    col(Job.due_at) < now,
                )
                .order_by(col(Job.severity), col(Job.due_at))
                .limit(limit)
            )
            return [
                {
                    "job_id": job.id,
                    "item_id": item_id,
                    "queue": queue,
                    "language": language,
                    "severity": job.severity,
                    "minutes_over": (now - job.due_at) / 60,
                }
                for job, item_id, queue, language in session.execute(query)
            ]

    def history(self, job_id: int) -> list[JobEvent]:
        """What happened to a job, oldest first."""
        with self.database.read() as session:
            query = (
                select(JobEvent).where(col(JobEvent.job_id) == job_id).order_by(col(JobEvent.id))
            )
            return list(session.execute(query).scalars())

    def decisions_of(self, reviewer: str | Reviewer, *, limit: int = 50) -> list[Decision]:
        """A reviewer's own decisions, newest first; `undo` takes one of them."""
        name = reviewer if isinstance(reviewer, str) else reviewer.id
        with self.database.read() as session:
            query = (
                select(Decision)
                .where(col(Decision.reviewer_id) == name)
                .order_by(col(Decision.decided_at).desc(), col(Decision.id).desc())
                .limit(limit)
            )
            return list(session.execute(query).scalars())

    def tend(self) -> None:
        """Expire leases, note breached clocks, move urgent appeals ahead. `claim` does it too."""
        with self.database.write() as session:
            self._tended = float("-inf")
            self._tend(session, self.database.now(session))

    # --- inside ---

    def _tend(self, session: Session, now: float) -> None:
        claiming.expire_leases(session, now, self.rules.lease_seconds)
        if abs(now - self._tended) >= _TEND_EVERY:
            self._tended = now
            rounds.note_breaches(session, now)
            appeals.move_ahead(session, now, self.rules)

    def _take(
        self,
        session: Session,
        person: Reviewer,
        now: float,
        queues: Iterable[str] | None,
        languages: Iterable[str] | None,
    ) -> tuple[Job, str | None] | None:
        own, unread = piles_for(session, person, now, queues=queues, languages=languages)
        barred = barred_categories(person)
        notes: dict[int, Pile] = {pile.route_id: pile for pile in unread}
        for lane in (0, 1, 2):
            for piles in (own, unread):
                found = claiming.take(
                    session, piles, person, barred, now, self.rules.lease_seconds, lane
                )
                if found is not None:
                    job = session.get(Job, found[0].id, populate_existing=True)
                    assert job is not None
                    pile = notes.get(job.route_id)
                    return job, pile.note if pile else None
        return None

    def _claimed(
        self,
        session: Session,
        job: Job,
        now: float,
        note: str | None,
        prompts: Sequence[str],
    ) -> ClaimedJob:
        deciding.event(
            session, job.id or 0, now, job.holder or "", "claimed", {"claim": job.claim_number}
        )
        return self._describe(session, job, now, note, prompts)

    def _describe(
        self, session: Session, job: Job, now: float, note: str | None, prompts: Sequence[str]
    ) -> ClaimedJob:
        item = session.get(StoredItem, job.item_key)
        pile = session.get(Route, job.route_id)
        assert item is not None
        assert pile is not None
        members = clusters.members(session, job) if job.parts.get("copies") else []
        why = explain(job, now, language_note=note)
        if members:
            why.append(f"{len(members)} near-copies wait with it and are decided together")
        return ClaimedJob(
            job_id=job.id or 0,
            claim_number=job.claim_number,
            reviewer_id=job.holder or "",
            item_key=job.item_key,
            item_id=item.id,
            queue=pile.queue,
            language=pile.language,
            surface=item.surface,
            lane=job.lane,
            severity=job.severity,
            category=job.category,
            probability=job.probability,
            priority=priority_of(job, now),
            why=tuple(why),
            purpose=claiming.shown_purpose(job),
            claimed_at=job.claimed_at or now,
            lease_until=job.lease_until or now,
            due_at=job.due_at,
            members=tuple(members),
            prompts=tuple(prompts),
        )

    def _hand_over(self, session: Session, job: Job, person: Reviewer, now: float) -> ClaimedJob:
        job.state = JobState.CLAIMED.value
        job.holder = person.id
        job.claim_number = claiming.new_claim_number()
        job.claimed_at = now
        job.lease_until = now + self.rules.lease_seconds
        session.add(job)
        session.flush()
        return self._claimed(session, job, now, None, ())

    def _refuse_unfit(self, session: Session, person: Reviewer, job: Job) -> None:
        if job.category in barred_categories(person) or job.min_seniority > person.seniority:
            raise LeaseLost(f"job {job.id} is not for you; claim another one")
        if rounds.is_excluded(session, job.id or 0, person.id):
            raise LeaseLost(
                f"you skipped or decided job {job.id} before; it waits for somebody else"
            )

    def _put_back(
        self, session: Session, claimed: ClaimedJob, kind: str, detail: dict[str, Any]
    ) -> Job:
        now = self.database.now(session)
        job = claiming.held_job(session, claimed, now, draft=detail)
        job.state = JobState.OPEN.value
        job.holder = None
        job.claimed_at = None
        job.lease_until = None
        if job.kind == JobKind.GOLDEN:
            # It was made for this reviewer; nobody else gets it.
            deciding.close(session, job, now)
        session.add(job)
        session.flush()
        deciding.event(session, job.id or 0, now, claimed.reviewer_id, kind, detail)
        return job

    def _keep_draft(self, claimed: ClaimedJob, draft: Mapping[str, Any]) -> None:
        """What somebody wrote too late stays in the job's history."""
        with self.database.write() as session:
            if session.get(Job, claimed.job_id) is not None:
                now = self.database.now(session)
                deciding.event(
                    session, claimed.job_id, now, claimed.reviewer_id, "refused", dict(draft)
                )

    def _mark_present(self, session: Session, person: Reviewer, now: float) -> None:
        if person.last_active_at is None or abs(now - person.last_active_at) > _PRESENCE_EVERY:
            session.execute(
                update(Reviewer).where(col(Reviewer.id) == person.id).values(last_active_at=now)
            )

    def _locked(self, session: Session, job_id: int) -> Job:
        query = select(Job).where(col(Job.id) == job_id).with_for_update()
        job: Job | None = session.execute(query).scalar_one_or_none()
        if job is None:
            raise NotFound(f"no job {job_id}")
        return job

    def _decision(self, session: Session, decision: Decision | int) -> Decision:
        wanted = decision if isinstance(decision, int) else decision.id
        stored = session.get(Decision, wanted)
        if stored is None:
            raise NotFound(f"no decision {wanted}")
        return stored


def _one_if(condition: Any) -> Any:
    from sqlalchemy import case

    return case((condition, 1), else_=0)
