"""Live rooms over a real database with the real models."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlmodel import Session, col

from moderation.classifiers.conversation import (
    ConversationClassifier,
    Participant,
    ReadTurn,
    Transcript,
    as_json,
)
from moderation.classifiers.conversation.labelled import seed_conversations
from moderation.classifiers.conversation.transcript import in_order
from moderation.items import Item, Turn
from moderation.records import Database
from moderation.records.conversation_tables import StoredConversation, StoredTurn
from moderation.records.conversations import known_participants, note_job, put_conversation
from moderation.records.item_store import load_assessment, load_item
from moderation.records.item_tables import StoredItem
from moderation.records.queue_tables import Job
from moderation.screening import Screener
from moderation.service.live_rooms import LiveRooms
from moderation.service.room_turns import (
    ConversationClosed,
    TurnConflict,
    UnknownConversation,
)
from moderation.signals import TurnRange

SCAM = next(c for c in seed_conversations() if c.id == "conv-en-001")
CHAT = next(c for c in seed_conversations() if c.id == "conv-en-003")
FACTS = {"surface": "direct_message", "audience": {"regions": ["IN", "US"]}}


def stored(database: Database, name: str) -> StoredConversation:
    with database.read() as session:
        row = session.get(StoredConversation, name)
        assert row is not None
        return row


def jobs(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(select(func.count(col(Job.id)))).scalar_one())


def offline(classifier: ConversationClassifier, turns: list[Turn]) -> str:
    people = dict(SCAM.transcript.participants)
    reads = classifier.read(turns, [turn.language or "und" for turn in turns])
    return as_json(classifier.follow(Transcript(tuple(turns), people), reads))


def in_english(turns: tuple[Turn, ...]) -> list[Turn]:
    """With their language told, so that a turn alone is read as it is among others."""
    return [turn.model_copy(update={"language": "en"}) for turn in turns]


def test_turns_in_any_order_and_cut_end_as_the_whole_transcript_at_once(
    rooms: LiveRooms, database: Database, classifier: ConversationClassifier
) -> None:
    turns = in_english(SCAM.transcript.turns)
    people = list(SCAM.transcript.participants.values())
    wanted = offline(classifier, turns)
    for seed in range(3):
        shuffled = turns.copy()
        Random(seed).shuffle(shuffled)
        while shuffled:
            size = Random(len(shuffled) + seed).randint(1, 5)
            part, shuffled = shuffled[:size], shuffled[size:]
            rooms.append(f"room-{seed}", part, people, FACTS)
            rooms.append(f"room-{seed}", part[:1], people)  # sent again after a timeout
        assert stored(database, f"room-{seed}").state == wanted


def test_a_restart_in_the_middle_loses_and_doubles_nothing(
    rooms: LiveRooms, database: Database, screener: Screener, classifier: ConversationClassifier
) -> None:
    turns = in_english(SCAM.transcript.turns)
    people = list(SCAM.transcript.participants.values())
    rooms.append("room", turns[:9], people, FACTS)
    again = LiveRooms(database, screener, classifier)
    again.append("room", turns[7:], people)
    assert stored(database, "room").state == offline(classifier, turns)
    assert stored(database, "room").turns == len(turns)


def test_the_same_id_with_other_words_is_refused_and_nothing_of_the_call_is_kept(
    rooms: LiveRooms, database: Database
) -> None:
    rooms.append("room", [Turn(id="1", speaker="a", text="hello there")])
    with pytest.raises(TurnConflict) as caught:
        rooms.append(
            "room",
            [Turn(id="2", speaker="b", text="hi"), Turn(id="1", speaker="a", text="goodbye")],
        )
    assert caught.value.differs == {"text": {"stored": "hello there", "sent": "goodbye"}}
    assert stored(database, "room").turns == 1


def test_a_scam_opens_one_job_however_often_it_grows(rooms: LiveRooms, database: Database) -> None:
    people = list(SCAM.transcript.participants.values())
    found = [
        rooms.append("room", [turn], people, FACTS).job
        for turn in in_english(SCAM.transcript.turns)
    ]
    assert jobs(database) == 1
    assert found[-1] is not None
    assert rooms.close("room").job == found[-1]
    assert jobs(database) == 1


def test_small_talk_stays_below_a_scam(rooms: LiveRooms) -> None:
    scam = rooms.append("scam", in_english(SCAM.transcript.turns), facts=FACTS)
    chat = rooms.append("chat", in_english(CHAT.transcript.turns))
    assert scam.scores["fraud_phishing"] > 0.5 > chat.scores["fraud_phishing"]


def test_two_writers_at_once_lose_and_double_no_turn(
    rooms: LiveRooms, database: Database, screener: Screener, classifier: ConversationClassifier
) -> None:
    turns = [Turn(id=str(i), speaker=f"s{i % 3}", text=f"nice number {i % 4}") for i in range(24)]
    other = LiveRooms(database, screener, classifier)
    errors: list[BaseException] = []

    def write(writer: LiveRooms, own: list[Turn]) -> None:
        try:
            for turn in own:
                writer.append("room", [turn])
        except BaseException as error:  # noqa: BLE001 - a thread's error must fail the test
            errors.append(error)

    threads = [
        threading.Thread(target=write, args=(rooms, turns[:16])),
        threading.Thread(target=write, args=(other, turns[8:])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert stored(database, "room").turns == 24
    with database.read() as session:
        arrivals = session.execute(select(col(StoredTurn.arrival))).scalars().all()
    assert sorted(arrivals) == list(range(24))


def test_two_writers_of_one_scam_open_one_job_that_the_room_knows(
    rooms: LiveRooms, database: Database, screener: Screener, classifier: ConversationClassifier
) -> None:
    turns = in_english(SCAM.transcript.turns)
    people = list(SCAM.transcript.participants.values())
    writers = (rooms, LiveRooms(database, screener, classifier))
    start = threading.Barrier(len(writers))

    def write(own: int) -> None:
        start.wait()
        for turn in turns[own::2]:
            writers[own].append("room", [turn], people, FACTS)

    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(write, range(len(writers))))
    assert stored(database, "room").turns == len(turns)
    assert jobs(database) == 1
    assert rooms.look("room").job is not None


def test_an_append_does_not_forget_the_job_that_another_writer_opened(database: Database) -> None:
    with database.write() as session:
        ours = StoredConversation(id="room", surface="live_chat", opened_at=1, updated_at=1)
        assert put_conversation(session, ours, None)
        note_job(session, "room", {"queued": True}, 7)
        ours.updated_at = 2
        assert put_conversation(session, ours, 1)
        assert not put_conversation(session, ours, 1)
    row = stored(database, "room")
    assert (row.job_id, row.reported, row.updated_at) == (7, {"queued": True}, 2)


def test_only_what_is_learnt_of_who_has_spoken_has_the_room_reckoned_again(
    rooms: LiveRooms,
) -> None:
    rooms.append("room", [Turn(id="1", speaker="a", text="hello", language="en")])
    turn = Turn(id="2", speaker="b", text="hi all", language="en")
    new = rooms.append("room", [turn], [Participant(id="b", account_age_days=3)])
    assert new.recomputed_from is None
    old = rooms.append("room", [turn], [Participant(id="a", account_age_days=3)])
    assert old.recomputed_from == 0


def test_a_closed_conversation_takes_known_turns_and_no_new_ones(rooms: LiveRooms) -> None:
    rooms.append("room", [Turn(id="1", speaker="a", text="good night")])
    assert rooms.close("room").closed
    assert rooms.append("room", [Turn(id="1", speaker="a", text="good night")]).duplicates == ("1",)
    with pytest.raises(ConversationClosed):
        rooms.append("room", [Turn(id="2", speaker="a", text="one more thing")])


def test_a_conversation_nobody_opened_cannot_be_closed(rooms: LiveRooms) -> None:
    with pytest.raises(UnknownConversation, match="'nowhere'"):
        rooms.close("nowhere")


def test_what_is_learnt_about_a_speaker_later_holds_for_their_earlier_turns(
    rooms: LiveRooms,
) -> None:
    raid = next(c for c in seed_conversations() if c.id == "conv-en-004")
    turns, people = in_english(raid.transcript.turns), list(raid.transcript.participants.values())
    rooms.append("late", turns)
    late = rooms.append("late", turns[:1], people)
    at_once = rooms.append("at once", turns, people)
    assert late.scores == at_once.scores


def test_a_minor_among_the_participants_is_told_to_policy(rooms: LiveRooms) -> None:
    people = [
        Participant(id="a", age="18_plus"),
        Participant(id="b", age="13_15"),
    ]
    approach = next(c for c in seed_conversations() if c.id == "own-en-075")
    names = {"A": "a", "B": "b"}
    turns = [t.model_copy(update={"speaker": names[t.speaker]}) for t in approach.transcript.turns]
    found = rooms.append("dm", turns, people, FACTS)
    alone = rooms.append("dm 2", turns, [people[0]], FACTS)
    assert found.scores["grooming"] > 0.5
    assert alone.scores["grooming"] == 0.0


def test_a_turn_is_told_where_it_stands(rooms: LiveRooms) -> None:
    turns = [
        Turn(id="1", speaker="ana", text="my first song", language="en"),
        Turn(id="2", speaker="bo", text="you are pathetic, delete this garbage", language="en"),
        Turn(id="3", speaker="cy", text="@bo be kind", language="en"),
    ]
    first, second, third = rooms.append("room", turns).heard
    assert (first["target"], second["target"], third["target"]) == (None, "ana", "bo")
    assert second["hostility"] > first["hostility"]


def test_a_closed_room_has_the_scores_of_its_transcript_screened_at_once(
    rooms: LiveRooms, screener: Screener
) -> None:
    insult = Turn(id="0", speaker="B", text="you are pathetic, delete this garbage", language="en")
    turns = [insult, *in_english(SCAM.transcript.turns), *in_english(CHAT.transcript.turns)]
    turns = [turn.model_copy(update={"id": str(i)}) for i, turn in enumerate(turns)]
    people = tuple(SCAM.transcript.participants.values())
    for at in range(0, len(turns), 7):
        rooms.append("room", turns[at : at + 7], people, FACTS)
    item = Item(id="at once", surface="direct_message", turns=tuple(turns), participants=people)
    [whole] = screener.ensemble.assess([item])
    final = rooms.close("room").scores
    for name in ("fraud_phishing", "offplatform_luring", "harassment", "toxicity", "self_harm"):
        assert final[name] == pytest.approx(whole.scores[name], abs=2e-3), name


def test_a_room_that_nobody_closes_is_closed_when_it_has_been_idle(
    rooms: LiveRooms, database: Database
) -> None:
    rooms.append("quiet", [Turn(id="1", speaker="a", text="anybody here?")])
    assert rooms.close_idle(3600) == []
    assert rooms.close_idle(-1) == ["quiet"]
    assert stored(database, "quiet").closed_at is not None
    assert rooms.close_idle(-1) == []


def test_after_a_change_of_the_models_every_turn_is_read_again_and_no_writer_waits_for_it(
    rooms: LiveRooms, database: Database, screener: Screener, classifier: ConversationClassifier
) -> None:
    turns = in_english(SCAM.transcript.turns)
    people = list(SCAM.transcript.participants.values())
    rooms.append("room", turns[:-1], people, FACTS)
    with database.write() as session:
        row = session.get(StoredConversation, "room")
        assert row is not None
        row.model, row.state = "of last year", '{"what": "it looked like then"}'
        for turn in session.execute(select(StoredTurn)).scalars():
            turn.reading = b"of last year"
            session.add(turn)
        session.add(row)
    transaction = threading.local()
    writes = database.write

    class Watched(ConversationClassifier):
        def read(self, turns: Sequence[Turn], languages: Sequence[str]) -> list[ReadTurn]:
            assert not getattr(transaction, "open", False)
            return super().read(turns, languages)

    @contextmanager
    def watched(**options: bool) -> Iterator[Session]:
        with writes(**options) as session:
            transaction.open = True
            try:
                yield session
            finally:
                transaction.open = False

    database.write = watched  # type: ignore[method-assign]
    again = LiveRooms(database, screener, Watched(classifier.reader, classifier.model))
    again.append("room", turns[-1:], people)
    assert stored(database, "room").state == offline(classifier, turns)


def test_a_job_names_the_language_that_the_room_speaks(
    rooms: LiveRooms, database: Database
) -> None:
    rooms.append("room", in_english(SCAM.transcript.turns), facts=FACTS)
    with database.read() as session:
        [language] = session.execute(select(col(StoredItem.language))).scalars().all()
    assert language == "en"


def test_a_turn_of_a_megabyte_and_a_clock_gone_mad_end_as_offline(
    rooms: LiveRooms, database: Database, classifier: ConversationClassifier
) -> None:
    turns = [
        Turn(id="1", speaker="", text="hello", seconds=1e15, language="en"),
        Turn(id="2", speaker="nobody knows", text="pay now " * 131_072, language="en"),
        Turn(id="3", speaker="a", text="and again", seconds=0, language="en"),
        Turn(id="4", speaker="a", text="\ud800\x00", language="en"),
    ]
    for turn in turns:
        rooms.append("mad", [turn])
    ordered = [turns[i] for i in in_order(turns)]
    state = classifier.follow(Transcript(tuple(ordered)), classifier.read(ordered, ["en"] * 4))
    assert stored(database, "mad").state == as_json(state)


def test_a_reviewer_sees_the_early_stages_of_a_long_room_and_who_took_part(
    rooms: LiveRooms, database: Database
) -> None:
    said = in_english(SCAM.transcript.turns)
    chatter = [Turn(id=f"c{i}", speaker="B", text="ok", language="en") for i in range(60)]
    turns = [turn.model_copy(update={"seconds": None}) for turn in [*said, *chatter]]
    people = [Participant(id="A", account_age_days=2, role="seller")]
    job = rooms.append("long", turns, people, FACTS).job
    assert job is not None
    with database.read() as session:
        [row] = session.execute(select(StoredItem)).scalars().all()
        key = row.key
    item = load_item(database, key)
    numbers = [turn.number for turn in item.turns]
    assert numbers[-40:] == list(range(len(turns) - 39, len(turns) + 1))
    assert numbers == sorted(set(numbers))
    assert 40 < len(numbers) < len(turns)
    assert [(p.id, p.account_age_days) for p in item.participants] == [("A", 2)]
    for turn in item.turns:
        assert turn.number is not None
        assert turn.text == turns[turn.number - 1].text
    signals = {s.name: s for s in load_assessment(database, key).signals}
    first = signals["conversation.scam_progression"].evidence[0]
    assert isinstance(first, TurnRange)
    view = rooms.look("long").view
    assert view is not None
    [scam] = [s for s in view.signals if s["name"] == "conversation.scam_progression"]
    assert item.turns[first.first].number == scam["evidence"][0]["first"] + 1


def test_what_a_call_does_not_mention_stays_as_it_was(rooms: LiveRooms, database: Database) -> None:
    turns = [Turn(id=str(i), speaker="a", text="hello", language="en") for i in range(3)]
    facts = {"audience": {"regions": ["DE"], "room_size": 10}, "author": {"id": "a"}}
    rooms.append("room", turns[:1], [Participant(id="a", age="13_15")], facts)
    rooms.append(
        "room", turns[1:2], [Participant(id="a", role="host")], {"author": {"region": "DE"}}
    )
    view = rooms.append("room", turns[2:], facts={"audience": {"room_size": 500}}).view
    assert view is not None
    assert (view.listeners, list(view.verdicts)) == (500, ["DE"])
    row = stored(database, "room")
    with database.read() as session:
        known = known_participants(session, "room", ["a", "nobody"])
    assert known == {"a": {"age": "13_15", "role": "host"}}
    assert row.ages == {"13_15": 1}
    assert row.facts["author"] == {"id": "a", "region": "DE"}


def test_who_asks_again_after_a_lost_answer_is_told_the_same(
    rooms: LiveRooms, database: Database
) -> None:
    people = list(SCAM.transcript.participants.values())
    turns = in_english(SCAM.transcript.turns)
    threat = "I know where you live and I will break your legs tonight"
    turns = [*turns, Turn(id="threat", speaker="A", text=threat, language="en"), *turns[:2]]
    turns = [
        turn.model_copy(update={"id": str(i), "seconds": 10.0 + i}) for i, turn in enumerate(turns)
    ]
    facts = {"surface": "live_chat", "audience": {"regions": ["DE", "US"]}}
    first = rooms.append("room", turns, people, facts)
    assert first.muted
    before = stored(database, "room").state
    again = rooms.append("room", turns[-8:])
    assert again.duplicates == tuple(turn.id for turn in turns[-8:])
    assert list(again.heard) == list(first.heard)[-8:]
    assert {name for entry in again.muted for name in entry["turns"]} == {
        name for entry in first.muted for name in entry["turns"]
    } & set(again.duplicates)
    assert again.muted
    assert stored(database, "room").state == before
    late = Turn(id="late", speaker="B", text="hello", seconds=0, language="en")
    mixed = rooms.append("room", [late, turns[-1]])
    assert (mixed.appended, mixed.duplicates) == (("late",), (turns[-1].id,))
    assert [entry["turn"] for entry in mixed.heard] == ["late", turns[-1].id]


def test_an_append_to_a_full_room_reads_those_who_speak_in_no_more_statements(
    rooms: LiveRooms, database: Database
) -> None:
    people = [Participant(id=f"p{i}", account_age_days=i) for i in range(1000)]
    people[7] = Participant(id="p7", age="13_15")
    hello = [Turn(id="0", speaker="p1", text="hello", language="en")]
    rooms.append("full", hello, people)
    rooms.append("bare", hello)
    statements: dict[str, list[tuple[str, Any]]] = {"full": [], "bare": []}

    for name, found in statements.items():

        def heard(_c: Any, _k: Any, statement: str, values: Any, *_: Any) -> None:
            found.append((statement, values))  # noqa: B023 - removed below

        event.listen(Engine, "before_cursor_execute", heard)
        rooms.append(name, [Turn(id="1", speaker="p3", text="hi", language="en")])
        event.remove(Engine, "before_cursor_execute", heard)
    assert [s for s, _ in statements["full"]] == [s for s, _ in statements["bare"]]
    assert "p4" not in str(statements["full"])
    older = rooms.append("full", [], [Participant(id="p7", age="18_plus")])
    assert older.recomputed_from is None
    assert stored(database, "full").ages == {"18_plus": 1}


def test_a_reply_is_stored_and_its_target_is_whom_it_answers(
    rooms: LiveRooms, database: Database, classifier: ConversationClassifier
) -> None:
    turns = [
        Turn(id=str(i), speaker=name, text="well well", seconds=float(i), language="en")
        for i, name in enumerate(("A", "B", "C"))
    ]
    turns.append(Turn(id="3", speaker="D", text="oh no", reply_to="1", seconds=3, language="en"))
    told = [rooms.append("room", [turn]).heard[0]["target"] for turn in turns]
    assert told[-1] == "B"
    assert rooms.append("room", turns[3:]).duplicates == ("3",)
    late = [turns[i] for i in (3, 0, 2, 1)]
    for turn in late:
        rooms.append("late", [turn])
    assert stored(database, "late").state == stored(database, "room").state
    with pytest.raises(TurnConflict, match="reply_to"):
        rooms.append("room", [turns[3].model_copy(update={"reply_to": "0"})])
