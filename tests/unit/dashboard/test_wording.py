"""The words that reviewers read."""

from __future__ import annotations

import pytest

from dashboard import rule_words, wording
from dashboard.rule_words import when
from moderation.policy import ACTION_WORDS, load_packs
from moderation.policy.conditions import Condition
from moderation.queue import ACTIONS
from moderation.settings import Settings


def test_every_action_has_a_title_and_a_meaning() -> None:
    for action in (*ACTIONS, *ACTION_WORDS, "escalate"):
        assert wording.action_title(action) != action
        assert wording.action_meaning(action).endswith(".")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (40 * 3600, "40 h"),
        (49 * 3600, "2 days"),
        (-90, "1 min"),
    ],
)
def test_durations_are_as_exact_as_people_need(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


def test_a_missed_clock_is_called_overdue() -> None:
    assert wording.due(-7300) == "overdue by 2 h 1 min"
    assert wording.due(61) == "due in 1 min"


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (999, "999"), (1234, "1.2 k"), (34_000, "34 k"), (2.5e6, "2.5 M")],
)
def test_counts_are_rounded(number: float, words: str) -> None:
    assert wording.count(number) == words


def test_a_condition_reads_as_a_sentence() -> None:
    condition = Condition.model_validate(
        {
            "all": [
                {"score": {"category": "hate", "gte": 0.6, "lt": 0.9}},
                {"any": [{"language": ["zh"]}, {"recipient_age": ["under_13", "13_15"]}]},
                {"not": {"reviewer_label": ["news"]}},
            ]
        }
    )
    assert when(condition) == (
        "the score for hate is at least 60% and below 90% and (the language is Chinese or its "
        "recipient is under 13 or 13 to 15) and not (it is labelled news)"
    )


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"order": {}}, "there is an order to restrict it"),
        ({"order": {"demand": "must_carry"}}, "there is an order to keep it visible"),
        (
            {"order": {"kind": ["court", "tco_removal_order"], "verified": True}},
            "there is a verified court order or TCO removal order",
        ),
        ({"order": {"kind": "court", "verified": False}}, "there is an unverified court order"),
        (
            {"order": {"territory": "IN", "claims_worldwide": True}},
            "there is an order for IN that claims to hold worldwide",
        ),
        ({"order": {"conflict": True}}, "verified orders contradict each other"),
        ({"aspect": {"category": "self_harm", "is": "distress"}}, "it reads as distress"),
        (
            {"aspect": {"category": "csae", "is": "never_render"}},
            "what it matches may never be shown",
        ),
        ({"problem": "any"}, "some of it could not be looked at"),
        ({"hash_match": "csam_verified"}, "a picture matches the bank “CSAM verified”"),
    ],
)
def test_what_is_easily_told_wrongly(condition: dict[str, object], words: str) -> None:
    assert when(Condition.model_validate(condition)) == words


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("general_zh_en", "General (Chinese, English)"),
        ("child_safety", "Child safety"),
        ("id", "Id"),
        ("csae_ko", "CSAE (Korean)"),
    ],
)
def test_queues_are_told_with_their_languages(name: str, title: str) -> None:
    assert wording.queue_title(name) == title


def test_every_shipped_rule_can_be_read_aloud() -> None:
    for compiled in load_packs(Settings().policies_dir, today=Settings().policy_date).compiled:
        rule = compiled.rule
        sentence = f"{when(rule.when)}; {rule_words.then(rule)}; {rule_words.people(rule)}"
        assert "=" not in sentence, f"{rule.id} is told in code: {sentence}"
        assert "_" not in sentence, f"{rule.id} is told in code: {sentence}"
        assert sentence.count("(") == sentence.count(")"), rule.id


def test_a_muted_segment_is_told_with_who_and_why() -> None:
    segment = {"region": "DE", "first": 5, "last": 7, "by": None, "rule": "threat.de", "reason": ""}
    assert wording.muted(segment) == "Muted in DE: turns 5 to 7, by rule threat.de"
    by_person = segment | {"last": 5, "by": "mira", "reason": "shouting"}
    assert wording.muted(by_person) == "Muted in DE: turn 5, by mira (shouting)"
