"""Content goes, decisions stay.

Deleting an item's content empties its snapshot, its signals' quotes, the words of its reports, its
appeals, of the comments on it and of the notes of its decisions, and removes media files that no
other item needs. Live conversations go as a whole; of one who is erased and only spoke in those of
others, the words and the name go. The row, its hashes, scores, verdicts
and decisions stay, so that counts and the audit log hold. Erasing a person also empties notes on
the items of others that name or quote them. A legal hold stops all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from moderation.records import audit
from moderation.records.content_deletion import BATCH, NOTED, close_jobs, delete_content
from moderation.records.conversation_erasure import (
    conversations_with,
    erase_from_transcripts,
    erase_participant,
    forget_conversation,
    transcripts_with,
)
from moderation.records.conversation_mutes import ConversationMute
from moderation.records.conversation_tables import StoredConversation
from moderation.records.database import Database
from moderation.records.errors import ContentHeld, NotFound
from moderation.records.item_tables import Reporter, StoredItem, StoredReport
from moderation.records.legal_holds import held_keys, standing_holds
from moderation.records.queue_tables import Decision, Job, JobEvent, JobState

#: A text of so many characters does not stand in a note by chance.
_LONG_TEXT = 20


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion did."""

    items: int
    files: int
    held: int  #: items left alone because of a legal hold
    waiting: int = 0  #: items left alone because somebody has still to decide them
    conversations: int = 0
    turns: int = 0  #: turns in conversations of others that lost their words and speaker


def delete_expired_content(
    database: Database, *, older_than: float, by: str = "workbench"
) -> Deleted:
    """Delete the content of items received before a moment; items that wait for a decision stay.

    Args:
        older_than: seconds since 1970.
    """
    total = Deleted(0, 0, 0)
    after = 0
    while True:
        with database.write() as session:
            now = database.now(session)
            rows = (
                session.execute(
                    select(StoredItem)
                    .where(
                        col(StoredItem.received_at) < older_than,
                        col(StoredItem.snapshot).is_not(None),
                        col(StoredItem.key) > after,
                    )
                    .order_by(col(StoredItem.key))
                    .limit(BATCH)
                )
                .scalars()
                .all()
            )
            if not rows:
                break
            after = rows[-1].key or 0
            held = held_keys(session, rows)
            waiting = _waiting(session, rows)
            going = [row for row in rows if row.key not in held | waiting]
            orphans = delete_content(session, going, now, "retention", by)
        # Files go after the commit: a row without its file can be explained, the reverse cannot.
        files = sum(database.media.delete(sha256) for sha256 in orphans)
        total = Deleted(
            total.items + len(going),
            total.files + files,
            total.held + len(held),
            total.waiting + len(waiting - held),
        )
    conversations = _delete_expired_conversations(database, older_than, by)
    return replace(total, conversations=conversations)


def _delete_expired_conversations(database: Database, older_than: float, by: str) -> int:
    """Conversations in which nothing was said since; how many."""
    gone = 0
    after = ""
    while True:
        with database.write() as session:
            now = database.now(session)
            rows = session.execute(
                select(
                    col(StoredConversation.id),
                    col(StoredConversation.job_id),
                    col(StoredConversation.facts),
                )
                .where(
                    col(StoredConversation.updated_at) < older_than,
                    col(StoredConversation.id) > after,
                )
                .order_by(col(StoredConversation.id))
                .limit(BATCH)
            ).all()
            if not rows:
                return gone
            after = rows[-1][0]
            jobs = select(col(Job.id)).where(
                col(Job.id).in_([job_id for _, job_id, _ in rows if job_id is not None]),
                col(Job.state) != JobState.DONE,
            )
            waiting = set(session.execute(jobs).scalars())
            items, authors = standing_holds(session)
            going = [
                name
                for name, job_id, facts in rows
                if job_id not in waiting and name not in items and _author_of(facts) not in authors
            ]
            _delete_conversations(session, going, now, "retention", by)
            gone += len(going)


def _author_of(facts: Mapping[str, Any]) -> str:
    author = facts.get("author")
    return str(author.get("id", "")) if isinstance(author, dict) else ""


def _delete_conversations(
    session: Session, names: Sequence[str], now: float, because: str, by: str
) -> None:
    for name in names:
        forget_conversation(session, name)
    if names:
        # Ids of conversations are the platform's, so they are counted here and not named.
        audit.append(
            session,
            at=now,
            actor=by,
            action="content_deleted",
            subject="conversations",
            detail={"because": because, "conversations": len(names)},
        )


def erase_author(database: Database, author_id: str, *, by: str) -> Deleted:
    """Erase a person's data on request: content of all their items and conversations, what they
    said in those of others, their id, what they wrote in reports, and that they were the one who
    reported.

    Raises:
        NotFound: nothing of that author is stored.
        ContentHeld: a legal hold stands; nothing was erased.
    """
    if not author_id:
        raise NotFound("name a person; items and turns of nobody are not erased")
    with database.write() as session:
        now = database.now(session)
        rows = (
            session.execute(select(StoredItem).where(col(StoredItem.author_id) == author_id))
            .scalars()
            .all()
        )
        own = _conversations_of(session, author_id)
        shared = conversations_with(session, author_id)
        transcripts = transcripts_with(session, author_id)
        reported = _erase_as_reporter(session, author_id)
        if not (rows or own or shared or transcripts or reported):
            raise NotFound("no items, no turns and no reports of that person are stored")
        if reported:
            _note_erasure(session, now, by, "reports", reported)
        _refuse_held(session, author_id, [*rows, *transcripts], own | shared)
        texts = [text for row in rows for text in _long_texts(row.snapshot)]
        orphans = delete_content(session, rows, now, "erasure", by)
        close_jobs(session, rows, now)
        _delete_conversations(session, list(own), now, "erasure", by)
        words = erase_participant(session, [name for name in shared if name not in own], author_id)
        if words:
            _note_erasure(session, now, by, "turns", len(words))
        gone = {row.key for row in rows}
        erase_from_transcripts(session, [t for t in transcripts if t.key not in gone], author_id)
        _empty_notes_about(session, [author_id, *texts, *_long(words)])
        for row in rows:
            row.author_id = ""
            row.author_region = None
            session.add(row)
        session.flush()
    files = sum(database.media.delete(sha256) for sha256 in orphans)
    return Deleted(len(rows), files, 0, conversations=len(own), turns=len(words))


def _note_erasure(session: Session, now: float, by: str, what: str, count: int) -> None:
    audit.append(
        session,
        at=now,
        actor=by,
        action=f"{what}_erased",
        subject=what,
        detail={"because": "erasure", what: count},
    )


def _refuse_held(
    session: Session,
    author_id: str,
    rows: Sequence[StoredItem],
    conversations: Mapping[str, Mapping[str, Any]],
) -> None:
    """As `erase_author`."""
    items, authors = standing_holds(session)
    held = {row.id for row in rows if row.id in items or row.author_id in authors}
    held |= {n for n, facts in conversations.items() if n in items or _author_of(facts) in authors}
    if held or author_id in authors:
        raise ContentHeld(
            f"{len(held)} items and conversations of that author are under a legal hold, or the "
            "author is; lift it first"
        )


def _erase_as_reporter(session: Session, person: str) -> int:
    """The reports stay, without the person; how many."""
    mine = (col(StoredReport.reporter_id) == person,)
    count = len(session.execute(select(col(StoredReport.id)).where(*mine)).all())
    session.execute(
        update(StoredReport)
        .where(*mine)
        .values(reporter_id="", note="")
        .execution_options(synchronize_session=False)
    )
    known = session.get(Reporter, person)
    if known is not None:
        session.delete(known)
        session.flush()
    return count


def _long_texts(snapshot: dict[str, Any] | None) -> list[str]:
    """Texts that cannot stand in a note by chance."""
    return _long(str(segment.get("text", "")) for segment in (snapshot or {}).get("texts", []))


def _long(texts: Iterable[str]) -> list[str]:
    return [text for text in map(str.strip, texts) if len(text) >= _LONG_TEXT]


def _empty_notes_about(session: Session, words: Sequence[str]) -> None:
    """Notes of reviewers, on whatever item, and reasons of mutes in which one of these stands."""
    for word in dict.fromkeys(words):
        session.execute(
            update(ConversationMute)
            .where(col(ConversationMute.reason).contains(word, autoescape=True))
            .values(reason="")
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(Decision)
            .where(col(Decision.note).contains(word, autoescape=True))
            .values(note="")
            .execution_options(synchronize_session=False)
        )
        quoting = [
            number
            for number, detail in session.execute(
                select(col(JobEvent.id), col(JobEvent.detail)).where(col(JobEvent.kind).in_(NOTED))
            )
            if any(word in str(value) for value in detail.values())
        ]
        for start in range(0, len(quoting), BATCH):
            session.execute(
                update(JobEvent)
                .where(col(JobEvent.id).in_(quoting[start : start + BATCH]))
                .values(detail={})
                .execution_options(synchronize_session=False)
            )


def _conversations_of(session: Session, author_id: str) -> dict[str, Mapping[str, Any]]:
    """The person's own conversations, with the item around each."""
    rows = session.execute(select(col(StoredConversation.id), col(StoredConversation.facts)))
    return {name: facts for name, facts in rows if _author_of(facts) == author_id}


def _waiting(session: Session, rows: Sequence[StoredItem]) -> set[int]:
    query = select(col(Job.item_key)).where(
        col(Job.item_key).in_([row.key for row in rows]), col(Job.state) != JobState.DONE
    )
    return set(session.execute(query).scalars())
