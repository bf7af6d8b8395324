"""What a reviewer reads about a conversation beside its turns."""

from __future__ import annotations

from dashboard.item_panels import number_of, people_of
from dashboard.templates import render
from moderation.items import AgeBracket, Item, Participant, Turn

ITEM = Item(
    id="room",
    turns=(
        Turn(id="1", speaker="ana", text="hi", number=3),
        Turn(id="2", speaker="bo", text="yo", number=9),
    ),
    participants=(
        Participant(id="bo", role="host", account_age_days=1, age=AgeBracket.FROM_13_TO_15),
        Participant(id="quiet", account_age_days=40),
    ),
)


def test_what_the_platform_told_of_people_stands_first_with_those_who_only_listen() -> None:
    assert people_of(ITEM) == [
        ("bo", ["host", "account 1 day old", "age declared: 13 to 15"]),
        ("quiet", ["account 40 days old"]),
        ("ana", []),
    ]


def test_turns_of_a_part_keep_the_number_that_the_notes_count_by() -> None:
    assert [number_of(ITEM.turns, index) for index in (0, 1)] == [3, 9]
    whole = (Turn(id="1", text="a"), Turn(id="2", text="b"))
    assert [number_of(whole, index) for index in (0, 1)] == [1, 2]


def test_stages_people_and_missing_turns_are_on_the_page() -> None:
    shown = str(
        render(
            "conversation",
            name="Conversation",
            total=2,
            flagged=0,
            labels=[],
            notes=["trust (2–3) → payment (9–9)"],
            people=people_of(ITEM),
            rows=[{"missing": 5}],
        )
    )
    for words in (
        "trust (2–3) → payment (9–9)",
        "3 taking part",
        "(host, account 1 day",
        "5 turns",
    ):
        assert words in shown
