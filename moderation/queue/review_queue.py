"""The queue: claim, look, decide. One class, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from moderation.queue import (
    appeals,
    claiming,
    deciding,
    exposure,
    giving_back,
    golden,
    handing_out,
    looking,
    rounds,
    undoing,
)
from moderation.queue.case_file import CaseFile, open_case
from moderation.queue.claimant import read_claimant
from moderation.queue.claiming import ClaimedJob
from moderation.queue.errors import DecisionRefused, LeaseLost
from moderation.queue.routing import Routing, Wish
from moderation.queue.rules import QueueRules
from moderation.queue.settling import Look, correct_decision, settle_look
from moderation.records import audit
from moderation.records.database import Database, driver_sql
from moderation.records.errors import NotFound
from moderation.records.people import load_reviewer
from moderation.records.people_tables import Reviewer
from moderation.records.queue_tables import IS_CLAIMED, Decision, Job, JobEvent, JobState

#: A reviewer's presence is written at most this often, in seconds.
_PRESENCE_EVERY = 60.0

#: Breached clocks are noted by claims at most this often, in seconds, and so few in one claim that
#: it does not wait for them; `tend` notes many.
_NOTE_EVERY = 0.5
_NOTED_BY_CLAIM, _NOTED_BY_TEND = 4, 500


class Queue:
    """The jobs of a database, for reviewers. Safe to share between threads."""

    def __init__(self, database: Database, rules: QueueRules | None = None) -> None:
        self.database = database
        self.rules = rules or QueueRules()
        self._noted = float("-inf")
        self._routing = Routing()

    # --- taking ---

    def claim(
        self,
        reviewer: str | Reviewer,
        *,
        queues: Iterable[str] | None = None,
        languages: Iterable[str] | None = None,
        surfaces: Iterable[str] | None = None,
        regions: Iterable[str] | None = None,
    ) -> ClaimedJob | None:
        """Give the most harmful undecided job to a reviewer; None if nothing waits for them.

        Args:
            queues: only these; None takes all that the reviewer works on.
            languages: only these (and items without text); None takes all that they read. A job in
                another language comes only when nobody who reads it is there, and `why` says so.
            surfaces: only these, such as `live_chat`; None takes all that they work on.
            regions: only what viewers of these regions wait for (and what waits for no region);
                None takes all that they work on.

        Raises:
            NotFound: no such reviewer.
            ExposureReached: they have seen enough for this shift.
        """
        wish = Wish.of(queues, languages, surfaces, regions)
        # No need to wait for the disk: a claim that a power cut forgets is a job that is open
        # again, and its holder is refused at the next write, as after any lease that ended.
        with self.database.write_briefly() as session:
            claimant = read_claimant(session, self.database, _name(reviewer), self.rules)
            now = claimant.now
            if claimant.leases_ended or golden.is_due(claimant, self.rules):
                self.database.together(session)
            if claimant.leases_ended:
                claiming.expire_leases(session, now, self.rules.lease_seconds)
            if claimant.clocks_ended and abs(now - self._noted) >= _NOTE_EVERY:
                self._noted = now
                rounds.note_breaches(session, now, _NOTED_BY_CLAIM)
            if claimant.appeals_urgent:
                appeals.move_ahead(session, now, self.rules)
            diary = exposure.standing(claimant.diary, now, self.rules)
            exposure.refuse_above_cap(diary)
            self._mark_present(session, claimant.person, now)
            planted = golden.maybe_plant(session, claimant, self.rules, wish)
            if planted is not None:
                return handing_out.note_claim(session, planted, now, None, diary.prompts)
            return handing_out.take_next(session, claimant, diary, self._routing, wish, self.rules)

    def claim_job(self, reviewer: str | Reviewer, job_id: int) -> ClaimedJob:
        """Take one particular waiting job, for instance after a lease ran out.

        Raises:
            LeaseLost: somebody else holds it, it is done, or it is not for this reviewer.
        """
        name = _name(reviewer)
        with self.database.write() as session:
            now = self.database.now(session)
            claiming.expire_leases(session, now, self.rules.lease_seconds)
            person = load_reviewer(session, name)
            job = giving_back.locked_job(session, job_id)
            if job.state != JobState.OPEN:
                raise LeaseLost(f"job {job_id} is {job.state}; claim another one")
            handing_out.refuse_unfit(session, person, job)
            return handing_out.hand_over(session, job, person, now, self.rules)

    def held(self, reviewer: str | Reviewer) -> list[ClaimedJob]:
        """The jobs that a reviewer holds now, for instance after reloading a page."""
        name = _name(reviewer)
        with self.database.read() as session:
            now = self.database.now(session)
            query = select(Job).where(
                IS_CLAIMED,
                col(Job.holder) == name,
                col(Job.lease_until) >= now,
            )
            return [
                handing_out.describe(session, job, now, None, ())
                for job in session.execute(query).scalars()
            ]

    def heartbeat(self, claimed: ClaimedJob) -> ClaimedJob:
        """Renew the lease; the job as it stands now, for it may have become more urgent.

        Raises:
            LeaseLost: it ran out already.
        """
        with self.database.write(durable=False) as session:
            now = self.database.now(session)
            job = claiming.held_job(session, claimed, now)
            job.lease_until = now + self.rules.lease_seconds
            session.add(job)
            return handing_out.renewed(session, job, claimed, now)

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
            copies = [member.item_key for member in claimed.members]
            if job.severity <= 1:
                audit.append(
                    session,
                    at=now,
                    actor=claimed.reviewer_id,
                    action="read",
                    subject=f"item:{job.item_key}",
                    detail={
                        "job": job.id,
                        "severity": job.severity,
                        **({"copies": copies} if copies else {}),
                    },
                )
            return case

    # --- giving back ---

    def release(self, claimed: ClaimedJob, note: str = "") -> None:
        """Put it back; anybody may get it next, this reviewer too."""
        with self.database.write() as session:
            now = self.database.now(session)
            giving_back.put_back(session, now, claimed, "released", {"note": note})

    def skip(self, claimed: ClaimedJob, reason: str) -> None:
        """Put it back for somebody else: it is not handed to this reviewer again."""
        if not reason.strip():
            raise DecisionRefused("say why you skip it, in a word: the next reviewer is told")
        with self.database.write() as session:
            now = self.database.now(session)
            giving_back.put_back(session, now, claimed, "skipped", {"reason": reason})
            deciding.exclude(session, claimed.job_id, claimed.reviewer_id, "skipped")

    def stop(self, claimed: ClaimedJob | None, reviewer: str, notes: str = "") -> None:
        """Say "I need to stop": the item goes back with the notes, without a reason being asked.
        Only they can see that it happened; to others it is a release."""
        with self.database.write() as session:
            now = self.database.now(session)
            if claimed is not None:
                giving_back.put_back(session, now, claimed, "released", {"note": notes})
                deciding.exclude(session, claimed.job_id, reviewer, "skipped")
            exposure.write_stop(session, reviewer, now)

    def move(self, claimed: ClaimedJob, queue: str, note: str = "") -> None:
        """Put it into another queue."""
        with self.database.write() as session:
            giving_back.move(session, self.database.now(session), claimed, queue, note)

    def escalate(self, claimed: ClaimedJob, note: str, *, queue: str | None = None) -> None:
        """Hand it to seniors: it is due within the hour, and only seniority 2 is given it."""
        with self.database.write() as session:
            giving_back.escalate(session, self.database.now(session), claimed, note, queue)

    def pause(self, claimed: ClaimedJob, note: str) -> None:
        """Wait for somebody outside (a request for clarification): the clock stands still."""
        with self.database.write() as session:
            giving_back.pause(session, self.database.now(session), claimed, note)

    def resume(self, job_id: int, actor: str = "") -> None:
        """The answer is there: the clock goes on where it stood."""
        with self.database.write() as session:
            giving_back.resume(session, self.database.now(session), job_id, actor)

    # --- saying ---

    def comment(self, job_id: int, reviewer: str, text: str) -> None:
        """A note for whoever looks at the job next."""
        if not text.strip():
            raise DecisionRefused("the comment is empty")
        with self.database.write() as session:
            now = self.database.now(session)
            giving_back.locked_job(session, job_id)
            deciding.event(session, job_id, now, reviewer, "commented", {"text": text})

    def second_opinion(
        self, claimed: ClaimedJob, action: str, *, category: str | None = None, note: str = ""
    ) -> Decision:
        """Record one's own view and ask somebody else, who does not see it."""
        return self._settle(claimed, Look(action, category, note, ask_another=True))

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
            context_tags: what the reviewer confirms (`CONTEXT_TAGS`, `CONDUCT_TAGS`).
            apart: job ids of members that this decision does not fit; they wait for themselves.
            view: how it was shown (blurred, translated …), kept with the decision.

        Raises:
            LeaseLost: the lease ran out; nothing was changed, and the text is kept in the job's
                history and in the error's `draft`.
            DecisionRefused, UnknownCategory: the action or category is no such thing.
        """
        look = Look(action, category, note, seconds, regions, context_tags, apart, dict(view or {}))
        return self._settle(claimed, look)

    def _settle(self, claimed: ClaimedJob, look: Look) -> Decision:
        deciding.check_action(look.action, look.category)
        try:
            with self.database.write() as session:
                return settle_look(session, self.database.now(session), claimed, look)
        except LeaseLost:
            self._keep_draft(claimed, look.draft)
            raise

    def undo(self, decision: Decision | int, reviewer: str | Reviewer) -> ClaimedJob:
        """Take one's own decision back within the undo window; the job is in hand again.

        Raises:
            DecisionRefused: not theirs, too late, or built upon; correct it instead.
        """
        name = _name(reviewer)
        with self.database.write() as session:
            now = self.database.now(session)
            stored = self._decision(session, decision)
            if stored.reviewer_id != name:
                raise DecisionRefused(f"decision {stored.id} is not yours; correct it instead")
            undone = undoing.undo(session, stored, now, self.rules.undo_seconds)
            appeals.reopen(session, stored)
            job = giving_back.locked_job(session, stored.job_id)
            job.state = JobState.OPEN.value
            job.closed_at = None
            claimed = handing_out.hand_over(
                session, job, load_reviewer(session, name), now, self.rules
            )
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
        with self.database.write() as session:
            now = self.database.now(session)
            person = load_reviewer(session, _name(reviewer))
            stored = self._decision(session, decision)
            job = giving_back.locked_job(session, stored.job_id)
            look = Look(action, category, note, regions=regions)
            return correct_decision(session, now, person, stored, job, look)

    # --- looking ---

    def waiting_counts(self) -> list[dict[str, Any]]:
        """What waits: one row per queue, language and lane with `jobs`, `overdue`, `oldest_due`
        (seconds since 1970) and `claimed`."""
        with self.database.read() as session:
            return looking.waiting_counts(session, self.database.now(session))

    def breaches(self, *, limit: int = 200) -> list[dict[str, Any]]:
        """Jobs that wait although their clock ran out, the most severe first: for a lead, who can
        bring people in. `job_id`, `item_id`, `queue`, `language`, `severity`, `minutes_over`."""
        with self.database.read() as session:
            return looking.breaches(session, self.database.now(session), limit)

    def paused(self) -> list[dict[str, Any]]:
        """Jobs that wait for somebody outside, the longest first: `job_id`, `item_id`, `queue`,
        `language`, `severity`, `hours`, `note`. `resume` lets one go on."""
        with self.database.read() as session:
            return looking.paused(session, self.database.now(session))

    def history(self, job_id: int) -> list[JobEvent]:
        """What happened to a job, oldest first."""
        with self.database.read() as session:
            return looking.history(session, job_id)

    def decisions_of(self, reviewer: str | Reviewer, *, limit: int = 50) -> list[Decision]:
        """A reviewer's own decisions, newest first; `undo` takes one of them."""
        with self.database.read() as session:
            return looking.decisions_of(session, _name(reviewer), limit)

    def tend(self) -> None:
        """Expire leases, note breached clocks, move urgent appeals ahead. `claim` does it too."""
        with self.database.write() as session:
            now = self.database.now(session)
            claiming.expire_leases(session, now, self.rules.lease_seconds)
            rounds.note_breaches(session, now, _NOTED_BY_TEND)
            appeals.move_ahead(session, now, self.rules)

    # --- inside ---

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
            connection = session.connection()
            sql = "UPDATE reviewers SET last_active_at = :now WHERE id = :me"
            values = {"now": now, "me": person.id}
            connection.exec_driver_sql(driver_sql(connection.dialect.name, sql), values)

    def _decision(self, session: Session, decision: Decision | int) -> Decision:
        wanted = decision if isinstance(decision, int) else decision.id
        stored = session.get(Decision, wanted)
        if stored is None:
            raise NotFound(f"no decision {wanted}")
        return stored


def _name(reviewer: str | Reviewer) -> str:
    return reviewer if isinstance(reviewer, str) else reviewer.id
