"""Which language a text is in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.text.language import LONGEST, LanguageIdentifier, chinese_variant

IDENTIFIER = LanguageIdentifier()

LINES = {
    "en": "does anyone know when the second season starts on this app",
    "es": "no me puedo creer que ya sea viernes, menos mal",
    "pt": "gente do céu, que bolo bonito, quero a receita agora",
    "fr": "je viens de finir ce livre et je suis encore sous le choc",
    "de": "weiß jemand, ob der Laden heute noch offen hat?",
    "it": "questa ricetta della nonna è la migliore che abbia provato",
    "ru": "кто-нибудь знает, во сколько начинается концерт?",
    "ar": "هل يعرف أحد متى يبدأ العرض هذا المساء",
    "hi": "क्या किसी को पता है कि दुकान कब खुलती है",
    "ja": "今日の配信めちゃくちゃ楽しかったです",
    "ko": "오늘 방송 진짜 재밌었어요 감사합니다",
    "th": "ร้านนี้อร่อยมากเลยค่ะ",
    "zh": "今天的直播真的太好看了",
    "vi": "quán này ngon lắm mọi người ơi, giá lại rẻ nữa",
    "tr": "bu akşam maçı nerede izleyebiliriz bilen var mı",
    "id": "makanannya enak banget, besok kita ke sana lagi yuk",
}


@pytest.mark.parametrize("language", LINES)
def test_an_ordinary_line_is_told(language: str) -> None:
    assert IDENTIFIER.identify([LINES[language]]) == [language]


def test_no_letters_are_no_language() -> None:
    assert IDENTIFIER.identify(["", "🙂🙂🔥", "12:30 !!", "\ud800"]) == ["und"] * 4


def test_a_guess_below_an_even_chance_is_unknown() -> None:
    guess = IDENTIFIER.guess("u up?")
    assert guess.language == "und"
    assert guess.probability < 0.5


def test_english_words_in_a_chinese_line_are_told() -> None:
    guess = IDENTIFIER.guess("这个 outfit 也太 slay 了吧")
    assert guess.language == "zh"
    assert guess.mixed_with == ("en",)
    assert guess.tag == "zh-en"


def test_a_mixed_line_is_cut_into_runs_that_cover_it() -> None:
    text = "这个 outfit 也太 slay 了吧"
    runs = IDENTIFIER.runs(text)
    assert "".join(text[run.start : run.end] for run in runs) == text
    assert [run.script for run in runs] == ["Hani", "Latn", "Hani", "Latn", "Hani"]


def test_the_languages_of_a_mixed_line_have_shares() -> None:
    [(first, most), (second, rest)] = IDENTIFIER.shares("这家店 really good, 下次还来")
    assert (first, second) == ("zh", "en")
    assert most > rest > 0.2
    assert most + rest == pytest.approx(1)
    assert IDENTIFIER.shares(LINES["ja"]) == [("ja", 1.0)]  # not Chinese where kanji stand
    assert IDENTIFIER.shares("12:30 !!") == []


def test_the_two_ways_of_writing_chinese_are_told_apart() -> None:
    assert chinese_variant("這個東西多少錢") == "Hant"
    assert chinese_variant("这个东西多少钱") == "Hans"
    assert chinese_variant("好人") == ""
    assert IDENTIFIER.guess("這個東西多少錢").tag == "zh-Hant"


def test_kanji_with_kana_is_japanese_and_not_chinese() -> None:
    assert IDENTIFIER.identify(["昨日東京で撮影した写真"]) == ["ja"]


def test_addresses_do_not_decide() -> None:
    line = "https://example.com/a-very-long-english-looking-path @someone ok, завтра в семь у метро"
    assert IDENTIFIER.identify([line]) == ["ru"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_string_gets_an_answer_and_runs_within_it(text: str) -> None:
    guess = IDENTIFIER.guess(text)
    assert 0.0 <= guess.probability <= 1.0
    assert all(0 <= r.start < r.end <= min(len(text), LONGEST) for r in IDENTIFIER.runs(text))


@pytest.mark.parametrize("unit", ["@", "a@", "@.", "a@a.", "www.", "http://", "#a@b"])
def test_signs_of_addresses_in_rows_are_read_at_once(unit: str) -> None:
    # A pattern that may end in many places once took minutes here.
    assert IDENTIFIER.identify([unit * 20_000])[0]
