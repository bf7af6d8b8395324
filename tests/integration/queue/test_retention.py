"""Content goes; decisions, hashes and counts stay."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from review_work import House
from sqlalchemy import select, text
from typer.testing import CliRunner

from moderation.cli import build
from moderation.queue import ClaimedJob
from moderation.records import (
    ContentHeld,
    NotFound,
    audit,
    delete_expired_content,
    erase_author,
    lift_hold,
    load_assessment,
    load_item,
    place_hold,
)
from moderation.records.conversation_tables import StoredConversation, StoredTurn
from moderation.records.item_tables import Reporter, StoredReport

WORDS = "unmistakable words of an invented author"


def _picture(colour: str) -> dict[str, bytes]:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return {"data": buffer.getvalue()}


def _everything(house: House) -> str:
    """All text that is anywhere in the database."""
    with house.database.read() as session:
        names = [
            name
            for name in session.get_bind().dialect.get_table_names(session.connection())  # type: ignore[union-attr]
            if name not in {"alembic_version"}
        ]
        return "\n".join(
            repr(session.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names
        )


def test_expired_content_is_gone_and_its_decision_stays(house: House) -> None:
    house.reviewer("lin")
    recorded = house.post(WORDS, images=[_picture("red")], report={"kind": "x", "note": WORDS})
    claimed = house.claim("lin")
    house.queue.comment(claimed.job_id, "lin", f"they say {WORDS}")
    decision = house.queue.decide(claimed, "limit")
    house.clock.forward(hours=24 * 90)
    done = delete_expired_content(house.database, older_than=house.clock.now - 86_400 * 30)
    assert (done.items, done.files) == (1, 1)
    assert WORDS not in _everything(house)
    with pytest.raises(NotFound, match="retention"):
        load_item(house.database, recorded.item_key)
    assert house.queue.decisions_of("lin")[0].id == decision.id
    assert load_assessment(house.database, recorded.item_key).scores["harassment"] > 0.7
    assert list(house.database.media.folder.glob("??/*")) == []
    audit.verify(house.database)


def test_the_bytes_of_a_video_are_stored_as_a_file_and_expire_with_it(small_house: House) -> None:
    house = small_house
    recorded = house.post(WORDS, review=False, videos=[{"data": b"bytes of a video"}])
    [video] = load_item(house.database, recorded.item_key).videos
    assert video.data is None
    assert video.path is not None
    assert video.path.read_bytes() == b"bytes of a video"
    house.clock.forward(hours=24 * 90)
    done = delete_expired_content(house.database, older_than=house.clock.now - 86_400 * 30)
    assert (done.items, done.files) == (1, 1)
    assert not video.path.exists()


def test_what_still_waits_is_kept(small_house: House) -> None:
    house = small_house
    recorded = house.post(WORDS)
    house.clock.forward(hours=24 * 90)
    done = delete_expired_content(house.database, older_than=house.clock.now)
    assert (done.items, done.waiting) == (0, 1)
    assert load_item(house.database, recorded.item_key).texts[0].text == WORDS


def test_a_legal_hold_stops_deletion_until_it_is_lifted(house: House) -> None:
    recorded = house.post(WORDS, review=False, author={"id": "writer"})
    hold = place_hold(house.database, author_id="writer", reason="case 12", by="legal")
    house.clock.forward(hours=24)
    assert delete_expired_content(house.database, older_than=house.clock.now).held == 1
    with pytest.raises(ContentHeld, match="legal hold"):
        erase_author(house.database, "writer", by="ana")
    lift_hold(house.database, hold.id or 0, by="legal")
    assert erase_author(house.database, "writer", by="ana").items == 1
    with pytest.raises(NotFound, match="erasure"):
        load_item(house.database, recorded.item_key)
    with pytest.raises(NotFound):
        erase_author(house.database, "writer", by="ana")


def test_a_file_that_another_item_needs_stays(small_house: House) -> None:
    house = small_house
    house.post(WORDS, review=False, images=[_picture("red")], author={"id": "writer"})
    other = house.post("another one", review=False, images=[_picture("red"), _picture("blue")])
    erase_author(house.database, "writer", by="ana")
    kept = load_item(house.database, other.item_key)
    assert all(image.path is not None and image.path.is_file() for image in kept.images)


def test_erasure_closes_the_job_and_forgets_the_author(house: House) -> None:
    house.reviewer("lin")
    house.post(WORDS, author={"id": "someone-unforgettable"})
    claimed = house.claim("lin")
    erase_author(house.database, "someone-unforgettable", by="ana")
    assert "someone-unforgettable" not in _everything(house)
    assert house.queue.claim("lin") is None
    assert house.queue.history(claimed.job_id)


def test_a_quote_in_a_note_on_somebody_elses_item_is_erased_with_its_author(house: House) -> None:
    house.reviewer("lin")
    house.post(WORDS, author={"id": "erased-person"})
    house.queue.decide(house.claim("lin"), "limit", note=f"says: {WORDS}")
    house.post("a reply by somebody else", author={"id": "other-person"})
    reply = house.claim("lin")
    house.queue.comment(reply.job_id, "lin", "an answer to erased-person")
    kept = house.queue.decide(reply, "allow", note=f'quotes "{WORDS}"')
    house.queue.decide(_next(house), "allow", note="nothing to do with anybody")
    erase_author(house.database, "erased-person", by="boss")
    everything = _everything(house)
    assert WORDS not in everything
    assert "erased-person" not in everything
    assert "nothing to do with anybody" in everything
    assert kept.id in {decision.id for decision in house.queue.decisions_of("lin")}
    audit.verify(house.database)


def _next(house: House) -> ClaimedJob:
    house.post("a third post, of no interest")
    return house.claim("lin")


def test_expired_conversations_go_and_held_or_waiting_ones_stay(house: House) -> None:
    house.reviewer("lin")
    recorded = house.post("an invented room")
    now = house.clock.now
    with house.database.write() as session:
        for name, job_id in (("old", None), ("waiting", recorded.job_id), ("held", None)):
            session.add(
                StoredConversation(
                    id=name, surface="live_chat", job_id=job_id, opened_at=now, updated_at=now
                )
            )
        session.flush()
        session.add(
            StoredTurn(
                conversation_id="old",
                turn_id="1",
                arrival=0,
                time=0.0,
                text=WORDS,
                reading=b"",
                received_at=now,
            )
        )
    place_hold(house.database, reason="a court asks", by="boss", item_id="held")
    house.clock.forward(hours=24 * 90)
    done = delete_expired_content(house.database, older_than=house.clock.now - 86_400 * 30)
    assert done.conversations == 1
    assert WORDS not in _everything(house)
    with house.database.read() as session:
        assert session.get(StoredConversation, "old") is None
        assert session.get(StoredConversation, "waiting") is not None
        assert session.get(StoredConversation, "held") is not None
    audit.verify(house.database)


def test_the_command_line_says_what_it_deleted(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.post(text="an invented post of three years ago")
    house.queue.decide(house.claim("lin"), "allow")
    house.post(text="one that nobody has decided yet")
    arguments = ["retention", "run", "--days", "30", "--by", "ana", "--database", house.url]
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 0, done.output
    assert "1 items, 0 conversations and 0 files" in done.output
    assert "1 items stay until somebody has decided them" in done.output


def test_a_hold_on_an_item_that_is_not_stored_is_refused(house: House) -> None:
    with pytest.raises(NotFound, match="misspelt"):
        place_hold(house.database, reason="case 12", by="legal", item_id="misspelt")


def test_a_hold_says_why(house: House) -> None:
    house.post(WORDS, review=False, author={"id": "writer"})
    with pytest.raises(ContentHeld, match="why"):
        place_hold(house.database, reason=" ", by="legal", author_id="writer")


def test_a_person_who_only_reported_is_erased_too(house: House) -> None:
    house.reviewer("lin")
    report = {"kind": "insult", "source": "user", "reporter_id": "someone", "note": "I know them"}
    house.post(WORDS, author={"id": "writer"}, report=report)
    house.queue.decide(house.claim("lin"), "limit")
    erase_author(house.database, "someone", by="ana")
    with house.database.read() as session:
        [stored] = session.execute(select(StoredReport)).scalars().all()
        assert (stored.reporter_id, stored.note) == ("", "")
        assert session.get(Reporter, "someone") is None
    with pytest.raises(NotFound, match="no reports"):
        erase_author(house.database, "someone", by="ana")
