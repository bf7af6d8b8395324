"""Near-copies are decided once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from review_work import House

from moderation.queue import DecisionRefused, QueueRules

COPIES = (
    "Easy money from home, write to agent 77 now!",
    "easy money from home - write to agent 78 now",
    "EASY MONEY FROM HOME 🎉 write to agent 102 now",
)


def _picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_near_same_texts_wait_as_one_job(house: House) -> None:
    house.reviewer("lin")
    for text in COPIES:
        house.post(text, category="fraud_phishing")
    house.post("something else entirely, about the weather", category="fraud_phishing")
    claimed = house.claim("lin")
    assert len(claimed.members) == 2
    assert any("2 near-copies" in line for line in claimed.why)
    house.queue.decide(claimed, "unavailable", category="fraud_phishing")
    other = house.claim("lin")
    assert other.members == ()
    house.queue.decide(other, "allow")
    assert house.queue.claim("lin") is None
    decisions = house.queue.decisions_of("lin")
    assert [d.action for d in decisions].count("unavailable") == 3


def test_a_cluster_is_undone_as_a_whole(house: House) -> None:
    house.reviewer("lin")
    for text in COPIES:
        house.post(text)
    decision = house.queue.decide(house.claim("lin"), "unavailable")
    follower = next(d for d in house.queue.decisions_of("lin") if d.group_id == decision.id)
    with pytest.raises(DecisionRefused, match="undo that one"):
        house.queue.undo(follower, "lin")
    again = house.queue.undo(decision, "lin")
    assert len(again.members) == 2
    house.queue.decide(again, "allow")
    assert [d.action for d in house.queue.decisions_of("lin")[:3]] == ["allow"] * 3


def test_a_member_that_stands_out_is_shown_first_and_can_be_set_apart(house: House) -> None:
    house.reviewer("lin")
    for text in COPIES[:2]:
        house.post(text, probability=0.9)
    house.post(COPIES[2], probability=0.4)
    claimed = house.claim("lin")
    odd = claimed.members[0]
    assert odd.outlier == "the models judge it differently"
    assert claimed.members[1].outlier is None
    house.queue.decide(claimed, "unavailable", apart=[odd.job_id])
    alone = house.claim("lin")
    assert alone.job_id == odd.job_id
    assert house.queue.decide(alone, "allow").group_id is None


def test_a_copy_that_arrives_while_the_job_is_in_hand_is_not_decided_unseen(house: House) -> None:
    house.reviewer("lin")
    for text in COPIES[:2]:
        house.post(text)
    claimed = house.claim("lin")
    late = house.post(COPIES[2])
    house.queue.decide(claimed, "unavailable")
    remaining = house.claim("lin")
    assert remaining.job_id == late.job_id


def test_the_same_picture_with_the_same_words_is_one_cluster_and_with_others_is_not(
    small_house: House,
) -> None:
    house = small_house
    house.reviewer("lin")
    red, blue = ({"data": _picture(colour)} for colour in ("red", "blue"))
    house.post("", images=[red])
    house.post("", images=[red])
    house.post("", images=[blue])
    house.post("a kind word about this picture", images=[red])
    sizes = []
    while (claimed := house.queue.claim("lin")) is not None:
        sizes.append(1 + len(claimed.members))
        house.queue.decide(claimed, "allow", seconds=0)
    assert sorted(sizes) == [1, 1, 2]


def test_many_copies_weigh_more_than_one(house: House) -> None:
    house.reviewer("lin")
    house.post("a single post with some reach of its own", views=1500)
    for text in COPIES:
        house.post(text, views=1000)
    assert len(house.claim("lin").members) == 2


def test_short_texts_are_no_copies_of_each_other(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.post("ok")
    house.post("ok")
    assert house.claim("lin").members == ()


LONG = (
    "The parcel for your street could not be delivered today. Please confirm the house number "
    "and pay the small fee on the page below, otherwise the parcel goes back to its sender."
)


def test_texts_that_share_most_of_their_words_are_one_cluster_and_the_others_stand_out(
    house: House,
) -> None:
    house.reviewer("lin")
    house.post(LONG)
    house.post(LONG)
    house.post(LONG.replace("today", "this morning"))
    other = house.post(
        "The parcel for your street was delivered to the neighbours, who are very kind and like "
        "to keep it until the evening; no fee, no page, and nothing to confirm at all."
    )
    claimed = house.claim("lin")
    assert [member.outlier for member in claimed.members] == ["worded differently", None]
    house.queue.decide(claimed, "unavailable")
    assert house.claim("lin").job_id == other.job_id


def test_a_resized_picture_joins_and_another_picture_does_not(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    first, second = _scene(1), _scene(2)
    smaller = first.resize((200, 150), Image.Resampling.BICUBIC)
    house.post_pictures(first)
    house.post_pictures(smaller)
    house.post_pictures(second)
    sizes = []
    while (claimed := house.queue.claim("lin")) is not None:
        sizes.append(1 + len(claimed.members))
        house.queue.decide(claimed, "allow", seconds=0)
    assert sorted(sizes) == [1, 2]


def test_a_near_copy_of_a_decided_item_waits_for_itself(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    house.post(LONG)
    house.queue.decide(house.claim("lin"), "unavailable")
    late = house.post(LONG.replace("today", "this morning"))
    assert house.claim("lin").job_id == late.job_id


def test_after_an_undo_near_copies_find_their_cluster_again(house: House) -> None:
    house.reviewer("lin")
    first = house.post(LONG)
    house.post(LONG.replace("today", "this morning"))
    claimed = house.queue.undo(house.queue.decide(house.claim("lin"), "unavailable"), "lin")
    late = house.post(LONG.replace("today", "on Monday"))
    assert house.queue.claim("lin") is None  # it does not wait by itself
    house.queue.release(claimed)
    again = house.claim("lin")
    assert (again.job_id, len(again.members)) == (first.job_id, 2)
    assert late.job_id in {member.job_id for member in again.members}


def test_after_an_undo_resized_pictures_find_their_cluster_again(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    picture = _scene(1)
    first = house.post_pictures(picture)
    claimed = house.queue.undo(house.queue.decide(house.claim("lin"), "allow"), "lin")
    house.post_pictures(picture.resize((200, 150), Image.Resampling.BICUBIC))
    house.queue.release(claimed)
    again = house.claim("lin")
    assert (again.job_id, len(again.members)) == (first.job_id, 1)


def _scene(seed: int) -> Image.Image:
    """An invented picture with enough structure to be recognised."""
    chance = np.random.default_rng(seed)
    coarse = chance.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)


def test_what_becomes_urgent_about_a_copy_brings_its_cluster_forward(house: House) -> None:
    house.reviewer("lin")
    for number, text in enumerate(COPIES):
        house.post(text, item_id=f"copy-{number}")
    other = house.post("something else, seen by very many", views=9_000_000)
    flagged = {"kind": "fraud", "source": "trusted_flagger"}
    house.post(COPIES[2], item_id="copy-2", report=flagged)
    claimed = house.claim("lin")
    assert claimed.job_id != other.job_id
    assert claimed.lane == 1
    assert "reported by a trusted flagger" in claimed.why[0]
    assert claimed.members[0].outlier == "it was reported by itself"


def test_an_edited_copy_leaves_its_cluster(house: House) -> None:
    house.reviewer("lin")
    for number, text in enumerate(COPIES):
        house.post(text, item_id=f"copy-{number}")
    house.post("a kind word about the neighbours' garden", item_id="copy-0")  # it led the others
    house.post("a recipe for soup with leeks and potatoes", item_id="copy-2")
    sizes = {}
    while (claimed := house.queue.claim("lin")) is not None:
        item = house.queue.open_case(claimed).item
        sizes[item.texts[0].text[:6]] = len(claimed.members)
        house.queue.decide(claimed, "allow", seconds=0)
    assert sizes == {"a kind": 0, "a reci": 0, "easy m": 0}


def test_an_undo_leaves_alone_what_came_in_again_since(house: House) -> None:
    house.reviewer("lin")
    for number, text in enumerate(COPIES):
        house.post(text, item_id=f"copy-{number}")
    decision = house.queue.decide(house.claim("lin"), "unavailable")
    report = {"kind": "fraud", "source": "user"}
    again = house.post(COPIES[1], item_id="copy-1", report=report)
    claimed = house.queue.undo(decision, "lin")
    assert [member.item_id for member in claimed.members] == ["copy-2"]
    house.queue.decide(claimed, "allow")
    assert house.claim("lin").job_id == again.job_id
    house.post(COPIES[0], item_id="copy-0", report=report)
    with pytest.raises(DecisionRefused, match="came in again"):
        house.queue.undo(house.queue.decisions_of("lin", limit=2)[-1], "lin")


def test_copies_share_the_context_but_not_the_warning_of_an_author(small_house: House) -> None:
    house = small_house
    house.reviewer("lin")
    for text in COPIES[:2]:
        house.post(text)
    tags = ["manifestly_illegal", "author_warned"]
    house.queue.decide(house.claim("lin"), "unavailable", context_tags=tags)
    found = {d.group_id is None: d.context_tags for d in house.queue.decisions_of("lin")}
    assert found == {True: tags, False: ["manifestly_illegal"]}


def test_what_the_first_of_two_sets_apart_waits_for_itself(small_house: House) -> None:
    house = small_house
    house.rules = QueueRules(double_review_queues=frozenset({"general"}))
    house.reviewer("lin")
    house.reviewer("ana")
    for text in COPIES:
        house.post(text)
    claimed = house.claim("lin")
    odd = claimed.members[0].job_id
    house.queue.decide(claimed, "unavailable", apart=[odd])
    second = house.queue.claim_job("ana", claimed.job_id)
    assert odd not in [member.job_id for member in second.members]
