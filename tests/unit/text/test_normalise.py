"""Readings of disguised text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.text.normalise import LONGEST, pinyin_key, readings

DISGUISED = {
    "v.x 123456": "vx 123456",
    "l o a n today": "loan today",
    "fаke bag": "fake bag",  # Cyrillic а
    "h̷a̷t̷e̷ this": "hate this",
    "r3plica watch": "replica watch",
    "微_信": "微信",
    "薇❤": "薇信",
    "贝兼钅戋": "赚钱",
    "禾厶亻言我": "私信我",
    "噯伱": "爱你",
    "sewerslide": "suicide",
    "ⓥⓧ": "微信",
    "煎职": "兼职",
    "舔🐶": "舔狗",
    "你这🐷队友": "你这猪队友",
    "加💚聊": "加微信聊",
    "➕V聊": "加V聊",
    "I will 🔪 you": "I will kill you",
    "You are a stüpid ídiot": "You are a stupid idiot",
    "дурaк": "дурак",  # Latin a
    "进qun": "进qun",
}


@pytest.mark.parametrize(("written", "meant"), [p for p in DISGUISED.items() if p[0] != p[1]])
def test_a_disguise_is_among_the_readings(written: str, meant: str) -> None:
    found = readings(written, "zh" if any("\u4e00" <= c <= "\u9fff" for c in written) else "en")
    assert meant in [reading.text for reading in found]
    assert all(reading.transformations for reading in found)


@pytest.mark.parametrize(
    "text",
    [
        "What a lovely day! 100% sun, 2 cats, 1 dog.",
        "今天天气不错，我们去爬山！",
        "這個東西多少錢",
        "naïve café résumé, déjà vu",
        "Привет, как дела?",
        "नमस्ते, आप कैसे हैं?",
        "สวัสดีค่ะ ขอบคุณมาก",
        "مرحبا كيف حالك",
        "안녕하세요 ㅋㅋㅋㅋ",
        "今天好开心🐶",
        "great game 🔥🔥 love it 💀",
        "🐶🐶🐶你好",
        "pass the 🔪 please",
        "Ich bin müde und möchte schlafen",
        "eres un estúpido",
        "tình yêu của tôi",
        "ещё один день",
    ],
)
def test_plain_text_has_no_other_reading(text: str) -> None:
    assert readings(text) == ()


def test_a_note_shows_what_was_done_and_the_text_as_read() -> None:
    (reading,) = readings("亻尔好", "zh")
    assert reading.note == "read with parts put together: “亻尔” as “你”"


def test_a_note_shows_both_forms_wherever_in_a_long_text_they_stand() -> None:
    (reading,) = readings("We walked along the river. " * 40 + "What a fаke bag!", "en")
    assert reading.note == "read with one script per word: “fаke” as “fake”"
    separated = readings("请你加💚聊", "zh")
    assert [r.note.partition(": ")[2] for r in separated] == [
        "“加💚聊” as “加聊”",
        "“💚” as “微信”",
    ]


def test_sounds_that_are_often_mixed_up_are_one_key() -> None:
    assert pinyin_key("煎职") == pinyin_key("兼职") == pinyin_key("兼紫")
    assert pinyin_key("微信") == pinyin_key("威信")
    assert pinyin_key("no characters") == ""


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_readings_are_few_differ_from_the_text_and_are_stable(text: str) -> None:
    found = readings(text, "und")
    assert len(found) <= 3
    assert all(reading.text != text for reading in found)
    assert readings(text, "und") == found


def test_very_long_text_is_left_alone() -> None:
    assert readings("v.x " * LONGEST) == ()


@pytest.mark.parametrize(
    ("text", "plain"), [("同城yue炮", "同城约炮"), ("加wei信聊", "加微信聊"), ("zi杀", "自杀")]
)
def test_a_sound_spelled_beside_chinese_characters_is_read(text: str, plain: str) -> None:
    assert plain in [reading.text for reading in readings(text, "zh")]


@pytest.mark.parametrize("text", ["这个outfit太slay了", "我在Wei的家", "dai你去玩"])
def test_english_words_beside_chinese_characters_stay(text: str) -> None:
    assert readings(text, "zh") == ()
