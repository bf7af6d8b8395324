"""What the classifiers pointed at, sorted for a reviewer's eyes."""

from __future__ import annotations

from typing import Any

from dashboard.evidence import OBSERVATION, gather, told
from moderation.signals import (
    Assessment,
    BankMatch,
    ImageBox,
    Signal,
    TextSpan,
    TimeSpan,
    TurnRange,
)


def _signal(
    category: str | None, probability: float, part: str, *evidence: Any, **more: Any
) -> Signal:
    return Signal(
        name=more.pop("name", f"text.{category}"),
        category=category,
        probability=probability,
        part=part,
        evidence=evidence,
        model="text",
        model_version="1",
        **more,
    )


def _assessment(*signals: Signal) -> Assessment:
    return Assessment(item_id="1", scores={}, signals=signals)


def test_a_weak_signal_is_shown_only_if_a_rule_used_its_category() -> None:
    found = _assessment(
        _signal("hate", 0.3, "text:0", TextSpan(start=0, end=2)),
        _signal("spam", 0.3, "text:0", TextSpan(start=3, end=5)),
    )
    highlights = gather(found, used={"hate"}).of("text:0").highlights
    assert [(h.start, h.end) for h in highlights] == [(0, 2)]


def test_a_percentage_is_told_only_where_it_is_a_frequency() -> None:
    found = gather(
        _assessment(
            _signal("hate", 0.82, "text:0", TextSpan(start=0, end=1), calibration_version="3"),
            _signal("spam", 0.9, "text:0", TextSpan(start=1, end=2)),
        ),
        used=(),
    )
    assert [h.label for h in found.of("text:0").highlights] == ["Spam (text)", "Hate, 82% (text)"]


def test_a_range_of_turns_and_a_single_turn_are_flagged_by_the_more_severe() -> None:
    found = gather(
        _assessment(
            _signal("spam", 0.9, "item", TurnRange(first=2, last=4)),
            _signal("threat_incitement", 0.7, "turn:3"),
        ),
        used=(),
    )
    assert {turn: level for turn, (_, level) in found.flagged_turns.items()} == {2: 3, 3: 0, 4: 3}


def test_a_box_stays_inside_its_picture_whatever_a_classifier_says() -> None:
    wild = ImageBox(image=1, x=-3.0, y=0.9, width=9.0, height=float("nan"), text="<b>")
    [box] = gather(_assessment(_signal("spam", 0.9, "image:1", wild)), used=()).of("image:1").boxes
    assert (box.left, box.top, box.width, box.height) == (0.0, 90.0, 100.0, 0.0)


def test_an_observation_without_a_category_is_no_harm() -> None:
    found = gather(_assessment(_signal(None, 0.99, "image:0", name="contact.qr_code")), used=())
    assert found.of("image:0").labels == [("Qr code", 0.99, OBSERVATION)]


def test_a_bank_match_is_told_in_words() -> None:
    match = BankMatch(bank="known scams", entry="e-17", distance=6)
    [note] = (
        gather(_assessment(_signal("spam", 0.9, "image:0", match)), used=()).of("image:0").notes
    )
    assert note == "matches entry e-17 of known scams (distance 6)"


def test_a_stretch_of_a_video_is_told_by_its_time_codes() -> None:
    scene = TimeSpan(start=62.0, end=65.5, text="write me there")
    seen = gather(_assessment(_signal("spam", 0.9, "video:0", scene)), used=()).of("video:0")
    assert any("1:02.0 to 1:05.5" in note for note in seen.notes)
    assert [text for text, _, _ in seen.reads] == ["write me there"]


def test_a_part_without_evidence_has_none() -> None:
    assert gather(_assessment(), used=()).of("text:7").highlights == []


def test_words_read_from_a_picture_or_video_are_quoted_and_not_looked_for_elsewhere() -> None:
    span = TextSpan(start=3, end=12, quote="call 0000")
    box = ImageBox(image=0, x=0.1, y=0.1, width=0.5, height=0.1, text="now: call 0000")
    found = gather(
        _assessment(
            _signal("spam", 0.9, "image:0", box, span), _signal("spam", 0.8, "video:0", span)
        ),
        used=(),
    )
    assert [text for text, _, _ in found.of("image:0").reads] == ["now: call 0000"]
    assert found.of("image:0").highlights == []
    assert [text for text, _, _ in found.of("video:0").reads] == ["call 0000"]


def test_the_hash_of_a_picture_is_no_news_to_a_person() -> None:
    hashed = Signal(
        name="image_hash",
        probability=1.0,
        part="image:0",
        model="image_hash",
        model_version="pdq-1",
        note="pdq 00ff",
    )
    assert list(told(Assessment(item_id="1", scores={}, signals=(hashed,)))) == []
