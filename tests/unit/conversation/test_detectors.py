"""Each detector on turns that are written down here; no model is needed to see what it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.conversation import (
    ConversationState,
    Participant,
    ReadTurn,
    as_json,
    from_json,
)
from moderation.classifiers.conversation.heard import Finding
from moderation.classifiers.conversation.marks import COLUMNS, MARK_NAMES
from moderation.classifiers.conversation.minor_risk import RestrictedLexicon
from moderation.classifiers.conversation.model import (
    FOLDER,
    ConversationModel,
    read_description,
)
from moderation.classifiers.conversation.raid import phrase_of
from moderation.classifiers.conversation.targets import Floor, target_of
from moderation.classifiers.conversation.transcript import MINORS, in_order, transcript_of
from moderation.errors import ModelUnavailable
from moderation.items import AgeBracket, Author, Item, Turn

NOTHING = RestrictedLexicon()


@pytest.fixture(scope="module")
def model() -> ConversationModel:
    return ConversationModel(FOLDER, read_description(FOLDER).text_weights_sha256)


def said(speaker: str, text: str = "…", seconds: float | None = None, **facts: float) -> ReadTurn:
    """A turn of which some scores and marks (by name) are known."""
    own = np.zeros(COLUMNS, np.float32)
    own[: len(MARK_NAMES)] = [facts.get(name, 0.0) for name in MARK_NAMES]
    scores = {name: p for name, p in facts.items() if name not in MARK_NAMES}
    turn = Turn(id=f"{speaker}{text}{seconds}", speaker=speaker, text=text, seconds=seconds)
    return ReadTurn(turn, scores, own, np.zeros(COLUMNS, np.float32))


def found(
    model: ConversationModel, turns: list[ReadTurn], *people: Participant
) -> dict[str, Finding]:
    known = {person.id: person for person in people}
    state = ConversationState()
    for turn in turns:
        state.add(turn, known, NOTHING, {})
    has_minor = any(person.age in MINORS for person in people)
    findings = state.findings(model, has_minor=has_minor)
    return {finding.name.split(".")[1]: finding for finding in findings}


def new_accounts(*names: str) -> list[Participant]:
    return [Participant(id=name, account_age_days=0) for name in names]


def test_three_who_turn_on_one_are_a_pile_on_and_one_who_rages_is_not(
    model: ConversationModel,
) -> None:
    post = said("author")
    three = [said(name, harassment=0.8) for name in ("x", "y", "z")]
    piled = found(model, [post, *three])["pile_on"]
    assert piled.probability > 0.7
    assert piled.ranges == ((1, 3),)
    assert "author" in piled.note
    assert "pile_on" not in found(model, [post, *[said("x", harassment=0.9)] * 6])


def test_a_hostile_flood_of_new_accounts_is_a_raid_and_a_friendly_one_is_not(
    model: ConversationModel,
) -> None:
    names = ("b", "c", "d", "e")
    room = [said("host", seconds=0), *(said("old", seconds=1) for _ in range(3))]
    flood = [said(n, "leave leave leave", 10 + i, harassment=0.8) for i, n in enumerate(names)]
    hello = [said(n, "hi from the club", 10 + i, harassment=0.02) for i, n in enumerate(names)]
    raid = found(model, room + flood, *new_accounts(*names))["raid"]
    assert raid.probability > 0.7
    assert "leave" in raid.note
    assert "raid" not in found(model, room + hello, *new_accounts(*names))


def test_old_accounts_spread_over_an_hour_are_no_raid(model: ConversationModel) -> None:
    people = [Participant(id=n, account_age_days=900) for n in "bcde"]
    turns = [said(n, "leave", 900.0 * i, harassment=0.8) for i, n in enumerate("bcde")]
    assert "raid" not in found(model, turns, *people)


def test_minor_risk_needs_a_declared_minor_and_is_halved_by_an_adult_in_company(
    model: ConversationModel,
) -> None:
    adult = Participant(id="a", age=AgeBracket.FROM_18)
    parent = Participant(id="p", age=AgeBracket.FROM_18)
    minor = Participant(id="m", age=AgeBracket.FROM_13_TO_15)
    turns = [said("a", age_probe=0.6), said("m"), said("a", move=0.6), said("a", secrecy=0.6)]
    alone = found(model, turns, adult, minor)["minor_risk"]
    assert alone.category == "grooming"
    assert alone.probability > 0.7
    assert alone.ranges == ((0, 3),)
    assert "minor_risk" not in found(model, turns, adult, Participant(id="m"))
    accompanied = found(model, [said("p"), *turns], adult, minor, parent)["minor_risk"]
    assert accompanied.probability == pytest.approx(alone.probability / 2)


def test_a_restricted_term_from_outside_counts_and_is_not_kept() -> None:
    people = {
        "a": Participant(id="a", age=AgeBracket.FROM_18),
        "m": Participant(id="m", age=AgeBracket.UNDER_13),
    }
    state = ConversationState()
    state.add(
        said("a", "the Placeholder-Term again"),
        people,
        RestrictedLexicon(["placeholder-term"]),
        {},
    )
    [finding] = state.minor_risk.findings(has_minor=True)
    assert finding.probability > 0.4
    assert "placeholder" not in state.minor_risk.model_dump_json().casefold()
    assert "placeholder" not in finding.note.casefold()


def test_hostility_that_rises_is_an_escalation(model: ConversationModel) -> None:
    calm = [said(n, harassment=0.02) for n in "abababab"]
    heated = [said(n, harassment=0.9) for n in "ababab"]
    rise = found(model, calm + heated)["escalation"]
    assert rise.probability > 0.5
    assert rise.category is None
    assert rise.ranges[0][0] == 8
    assert "escalation" not in found(model, calm)


def test_encouragement_is_told_apart_from_distress(model: ConversationModel) -> None:
    disclosed = [said("a", self_harm=0.9, distress=0.6)] * 3
    state = ConversationState()
    for turn in [*disclosed, said("b", encouragement=0.6)]:
        state.add(turn, {}, NOTHING, {})
    kinds = {f.aspect: f.probability for f in state.disclosure.findings(0.9)}
    assert kinds["distress"] == 0.9
    assert kinds["encouragement"] > 0.5


def test_the_way_of_a_scam_is_told_with_its_stages(model: ConversationModel) -> None:
    turns = [
        said("a"),
        said("a", trust=0.9),
        said("a", wealth_hint=0.7),
        said("a", platform=0.7, fraud_phishing=0.9),
        said("a", payment=0.9, fraud_phishing=0.98),
        said("a", fee=0.8, fraud_phishing=0.98),
    ]
    findings = found(model, turns)
    scam = findings["scam_progression"]
    assert scam.ranges == ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5))
    assert scam.note.startswith("trust (2–2) → wealth hint (3–3) → platform (4–4)")
    assert findings["trust_then_invest"].category == "pig_butchering"
    assert scam.probability > found(model, turns[:3])["scam_progression"].probability


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("@Bruno stop that", "Bruno"),
        ("bruno, why?", "Bruno"),
        ("abruno is a word", "Lin"),
        ("nice stream", "Lin"),
    ],
)
def test_the_target_is_who_is_named_or_else_the_host(text: str, target: str) -> None:
    floor = Floor()
    for name, role in (("Ana", None), ("Lin", "host"), ("Bruno", None), ("Mia", None)):
        floor.add(name, role)
    assert target_of(text, "Mia", floor) == target


def test_a_phrase_is_the_same_however_often_it_is_repeated() -> None:
    assert phrase_of("丑丑丑丑丑丑") == phrase_of("丑 丑 丑!") == "丑"
    assert phrase_of("BOO BOO  boo") == phrase_of("boo")


def test_turns_stand_in_the_order_of_time_and_those_without_where_they_came() -> None:
    turns = [Turn(id=str(i), text="x", seconds=s) for i, s in enumerate([0, None, 30, 10, None])]
    assert in_order(turns) == [0, 1, 3, 2, 4]


def test_an_item_tells_the_ages_of_two_people() -> None:
    item = Item(
        id="dm",
        turns=(Turn(id="1", speaker="a", text="hi"), Turn(id="2", speaker="b", text="hi")),
        author=Author(id="a", age=AgeBracket.FROM_18, account_age_days=3),
        recipient_age=AgeBracket.FROM_13_TO_15,
    )
    people = transcript_of(item).participants
    assert people["a"].account_age_days == 3
    assert people["b"].age is AgeBracket.FROM_13_TO_15


def test_a_model_learnt_on_other_weights_is_refused_with_the_command_that_helps() -> None:
    with pytest.raises(ModelUnavailable, match="moderation train conversation"):
        ConversationModel(FOLDER, "0" * 64)


_turns = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.floats(0, 1, width=32),
        st.floats(-0.125, 1, width=32),
        st.one_of(st.none(), st.floats(0, 1e6, width=32)),
    ),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(_turns, st.integers(0, 30))
def test_a_state_that_was_put_away_and_read_back_goes_on_the_same(
    drawn: list[tuple[str, float, float, float | None]], cut: int
) -> None:
    turns = [
        said(who, str(i), seconds, harassment=p, fraud_phishing=1 - p, payment=mark, hostile=p)
        for i, (who, p, mark, seconds) in enumerate(drawn)
    ]
    at_once, by_parts = ConversationState(), ConversationState()
    for i, turn in enumerate(turns):
        at_once.add(turn, {}, NOTHING, {})
        if i == cut:
            by_parts = from_json(as_json(by_parts))
        outputs = tuple(sorted(turn.scores))
        again = ReadTurn.unpacked(turn.turn, turn.packed(outputs), outputs)
        by_parts.add(again, {}, NOTHING, {})
    for state in (at_once, by_parts):
        assert len(as_json(state)) < 20_000
    numbers = [s.progress.features() for s in (at_once, by_parts)]
    np.testing.assert_allclose(*numbers, atol=1e-5)
    assert at_once.raid.peak == pytest.approx(by_parts.raid.peak, abs=1e-5)
    assert at_once.pile_on.peak == pytest.approx(by_parts.pile_on.peak, abs=1e-5)


def test_the_state_stays_small_in_a_room_of_thousands() -> None:
    state = ConversationState()
    for i in range(3000):
        turn = said(f"speaker {i}", f"word {i} " * 40, float(i), harassment=0.6, self_harm=0.6)
        state.add(turn, {}, NOTHING, {})
    assert len(as_json(state)) < 40_000


def test_a_reply_is_aimed_at_whom_it_answers() -> None:
    floor = Floor()
    for number, name in enumerate(("ana", "bo", "cy")):
        floor.add(name, None, f"t{number}")
    assert target_of("@bo that is rubbish", "cy", floor, "t0") == "ana"
    assert target_of("@bo that is rubbish", "cy", floor, "t2") == "bo"  # to themselves
    assert target_of("that is rubbish", "cy", floor, "gone") == "ana"  # who opened it
    for number in range(200):
        floor.add("bo", None, f"more {number}")
    assert floor.speaker_of("t0") is None
    assert floor.speaker_of("more 199") == "bo"
