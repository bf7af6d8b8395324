"""Word by word: Chinese for reviewers who do not read it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.text.windows import readable
from moderation.translation import ChineseGloss
from moderation.translation.gloss import LONGEST, can_gloss

GLOSS = ChineseGloss()


def meanings(text: str) -> dict[str, str]:
    return {word.text: word.meaning for word in GLOSS.gloss(text) if word.meaning}


def test_words_have_sounds_and_meanings() -> None:
    words = {word.text: (word.pinyin, word.meaning) for word in GLOSS.gloss("他在公司很有威望。")}
    assert words["公司"][0] == "gōng sī"
    assert "company" in words["公司"][1]
    assert words["。"] == ("", "")


def test_traditional_characters_are_cut_and_explained_too() -> None:
    assert "Yangtze" in meanings("長江很長")["長江"]


def test_a_name_is_not_taken_before_the_common_word() -> None:
    assert meanings("加我")["加"] == "add"
    assert "prestige" in meanings("威信")["威信"]


def test_slang_is_told_as_a_guess_beside_the_plain_meaning() -> None:
    (word,) = GLOSS.gloss("威信")
    assert word.is_guess
    assert "微信" in word.meaning


def test_a_word_without_an_entry_of_its_own_follows_its_pointer() -> None:
    assert meanings("傻屄")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="我加微信長的了vx ,。\u0301\ud800\0😀あ", max_size=60))
def test_the_words_together_are_the_text(text: str) -> None:
    assert "".join(word.text for word in GLOSS.gloss(text)) == readable(text)


def test_a_long_text_is_glossed_in_part() -> None:
    assert sum(len(word.text) for word in GLOSS.gloss("好" * 100_000)) == LONGEST


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("你好", "zh", True),
        ("hello", "zh", False),
        ("日本の映画", "ja", False),
        ("你好", "und", True),
        ("すごい人気", "zh", False),
    ],
)
def test_only_chinese_is_glossed(text: str, language: str, expected: bool) -> None:
    assert can_gloss(text, language) is expected
