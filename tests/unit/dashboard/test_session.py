"""What one browser session knows."""

from __future__ import annotations

from dashboard.pictures import Picture
from dashboard.session import Session
from dashboard.view_settings import ViewSettings


def test_a_window_takes_the_keys_from_the_page_below_it() -> None:
    person = Session("lin")
    assert person.key("1") == "1"
    person.open_overlay("help")
    assert person.key("1") is None
    person.close_overlay()
    assert person.key("1") == "1"


def test_the_next_item_is_blurred_and_folded_again_and_colours_stay_as_chosen() -> None:
    person = Session("lin")
    person.view.toggle_grey()
    person.view.toggle("image:0")
    person.view.unfolded.add("text:0")
    person.hold(None)
    assert (person.view.revealed, person.view.unfolded, person.view.grey) == (set(), set(), False)


def test_a_message_is_said_once() -> None:
    person = Session("lin")
    person.tell("info", "hello")
    assert [message.text for message in person.take_messages()] == ["hello"]
    assert person.take_messages() == []


def test_revealing_all_blurs_all_again_only_when_all_were_revealed() -> None:
    view, parts = ViewSettings(), frozenset({"image:0", "image:1"})
    view.toggle("image:0")
    view.toggle_all(parts)
    assert view.revealed == parts
    view.toggle_all(parts)
    assert view.revealed == set()


def test_a_picture_is_made_once_for_each_way_of_showing_it() -> None:
    view, made = ViewSettings(), []

    def make() -> list[Picture]:
        made.append(view.to_record())
        return [Picture()]

    for _ in range(2):
        view.pictures("image:0", make)
        view.toggle("image:0")
        view.pictures("image:0", make)
        view.toggle("image:0")
    assert [record["revealed"] for record in made] == [[], ["image:0"]]
