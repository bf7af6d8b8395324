"""Phrase banks: folding, whole words, readings, the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.matching.bank_files import BadLine
from moderation.classifiers.matching.known_phrases import (
    KnownPhraseClassifier,
    find_phrases,
    place_as_written,
)
from moderation.classifiers.matching.phrase_files import read_phrases
from moderation.classifiers.matching.phrase_matcher import PhraseMatcher
from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.classifiers.matching.phrases import NewPhrase, Phrase, PhraseError, folded
from moderation.items import Item
from moderation.signals import BankMatch, Signal, TextSpan
from moderation.tuning.phrase_trial import TrialText, harmless_texts, try_phrases

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def matcher(*texts: str, language: str = "und", anywhere: bool = False) -> PhraseMatcher:
    return PhraseMatcher(
        [
            Phrase(n, NewPhrase(text, "spam", "a test", language, anywhere=anywhere), "", NOW)
            for n, text in enumerate(texts)
        ]
    )


def quotes(phrases: PhraseMatcher, text: str, language: str = "und") -> list[str]:
    return [text[f.start : f.end] for f in find_phrases(phrases, text, language)]


WHOLE = [
    ("cheap watches", "the best CHEAP  watches!", ["CHEAP  watches"]),
    ("cheap watches", "ｃｈｅａｐ ｗａｔｃｈｅｓ", ["ｃｈｅａｐ ｗａｔｃｈｅｓ"]),
    ("cheap watches", "cheap\u200b watches", ["cheap\u200b watches"]),
    ("cheap watches", "cheap watchesx", []),
    ("ass", "class pass", []),
    ("日本", "去日本玩", ["日本"]),
    ("日本", "今日本店开业", []),
    ("バイト", "バイト募集", ["バイト"]),
    ("バイト", "アルバイト募集", []),
    ("바보", "바보야", ["바보"]),
    ("바보", "나바보", []),
    ("привет", "приветствие", []),
    ("ไก", "ไก่ย่าง", []),
]


@pytest.mark.parametrize(("phrase", "text", "found"), WHOLE)
def test_a_phrase_is_found_as_a_word_of_its_own(phrase: str, text: str, found: list[str]) -> None:
    assert quotes(matcher(phrase), text) == found


def test_a_phrase_may_count_anywhere() -> None:
    assert quotes(matcher("ass", anywhere=True), "class") == ["ass"]


def test_a_phrase_of_another_language_does_not_count() -> None:
    gift = matcher("gift", language="de")
    assert quotes(gift, "a gift", "en") == []
    assert quotes(gift, "das gift", "de") == ["gift"]
    assert quotes(gift, "gift", "und") == ["gift"]


def test_of_nested_phrases_the_longest_is_told() -> None:
    assert quotes(matcher("free", "free money"), "free money") == ["free money"]


def test_a_disguised_hit_shows_both_forms() -> None:
    (by_look,) = find_phrases(matcher("cheap watches"), "get c.h.e.a.p watches", "en")
    assert by_look.reading is not None
    assert "“c.h.e.a.p” as “cheap”" in by_look.reading.note
    assert by_look.probability == pytest.approx(0.6)


def test_a_hit_in_a_guessed_reading_stays_below_review() -> None:
    (by_sound,) = find_phrases(matcher("微信"), "他在公司很有威信", "zh")
    assert by_sound.probability < 0.5
    assert quotes(matcher("微信"), "他在公司很有威信", "zh") == ["威信"]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab \u0301\u200b微信._ⓥﷺ\ud800\0", max_size=60), st.data())
def test_folded_characters_know_where_they_stood(text: str, data: st.DataObject) -> None:
    form = folded(text)
    assert len(form.places) == len(form.text) + 1
    if form.text:
        start = data.draw(st.integers(0, len(form.text) - 1))
        end = data.draw(st.integers(start + 1, len(form.text)))
        first, last = form.written(start, end)
        assert 0 <= first < last <= len(text)
        assert folded(text[start:]).text is not None


def test_the_place_of_a_reading_holds_what_was_read() -> None:
    text, read = "加我 v.x 说话", "加我 vx 说话"
    start, end = place_as_written(text, read, 3, 5)
    assert text[start:end] == "v.x"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "a"},
        {"text": "x" * 300},
        {"text": "ab", "source": " "},
        {"text": "ab", "strength": 0.0},
        {"text": "ab", "language": "German"},
    ],
)
def test_an_unsuitable_phrase_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PhraseError):
        NewPhrase(**{"category": "spam", "source": "a test", **wrong})  # type: ignore[arg-type]


def signals(store: PhraseStore, text: str) -> list[Signal]:
    item = Item.from_row({"id": "a", "text": "x"})
    prepared = Prepared(item=item, texts=(LocatedText(text, "text:0", "en"),))
    return KnownPhraseClassifier(store).classify([prepared])[0]


def test_a_hit_is_a_signal_with_span_entry_and_provenance(tmp_path: Path) -> None:
    store = PhraseStore(tmp_path / "phrases.sqlite")
    assert signals(store, "cheap watches") == []
    assert store.add([NewPhrase("cheap watches", "spam", "case 7", note="a flood")], "lin") == 1
    (signal,) = signals(store, "get cheap watches now")
    span, match = signal.evidence
    assert isinstance(span, TextSpan)
    assert isinstance(match, BankMatch)
    assert (signal.category, span.quote, match.entry) == ("spam", "cheap watches", "1")
    assert "case 7" in signal.note
    assert signal.calibration_version == ""


def test_expired_and_removed_phrases_do_not_count(tmp_path: Path) -> None:
    store = PhraseStore(tmp_path / "phrases.sqlite")
    past = datetime.now(UTC) - timedelta(days=1)
    store.add([NewPhrase("old phrase", "spam", "case 7", expires_at=past)], "lin")
    assert signals(store, "an old phrase") == []
    assert store.add([NewPhrase("Old Phrase", "spam", "case 8")], "lin") == 1
    assert store.add([NewPhrase("old  phrase", "spam", "case 9")], "lin") == 0
    assert len(signals(store, "an old phrase")) == 1
    (entry,) = store.phrases()
    store.remove(entry.id, "lin")
    assert signals(store, "an old phrase") == []
    with pytest.raises(PhraseError, match="no phrase"):
        store.remove(entry.id, "lin")


def test_a_removed_phrase_can_be_brought_back_and_its_end_be_set(tmp_path: Path) -> None:
    store = PhraseStore(tmp_path / "phrases.sqlite")
    new = NewPhrase("old phrase", "spam", "case 7")
    store.add([new, NewPhrase("other words", "spam", "case 7")], "lin")
    first, second = store.phrases()
    store.remove(first.id, "mira")
    (removed, _) = store.all_phrases()
    assert (removed.removed_by, removed.is_live(datetime.now(UTC))) == ("mira", False)
    before = store.version()
    store.restore(first.id)
    store.remove(second.id, "mira")  # as many in use as before, and others
    assert store.version() != before
    assert [entry.id for entry in store.phrases()] == [first.id]
    store.remove(first.id, "mira")
    store.add([new], "lin")
    with pytest.raises(PhraseError, match="already"):
        store.restore(first.id)
    store.expire(3, datetime.now(UTC) - timedelta(minutes=1))
    assert signals(store, "an old phrase") == []
    store.expire(3, None)
    assert len(signals(store, "an old phrase")) == 1


def test_a_bad_line_of_a_file_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "phrases.csv"
    file.write_text("text,category,expires\nfree coins,spam,2027-01-01\nx,spam,\nab,nothing,\n")
    good, short, unknown = read_phrases(file, source="a list")
    assert isinstance(good, NewPhrase)
    assert good.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert isinstance(short, BadLine)
    assert isinstance(unknown, BadLine)
    assert "line 3" in str(short)


def test_a_trial_tells_what_a_phrase_would_hit_before_it_is_kept() -> None:
    phrases = [NewPhrase("cheap watches", "spam", "a test"), NewPhrase("the", "spam", "a test")]
    stored = [TrialText("p1", "get cheap watches", "en"), TrialText("p2", "hello", "en")]
    rare, common = try_phrases(phrases, stored, harmless_texts(400))
    assert (rare.stored.hits, rare.stored.texts) == (1, 2)
    assert rare.stored.examples[0].hit == "cheap watches"
    assert not rare.is_doubtful
    assert common.harmless.hits > 10
    assert common.is_doubtful


@pytest.mark.parametrize("unit", ["ab", "微信", "a\u0301", "\u0301\u0323", "ab ", "\ud800"])
def test_hostile_text_has_few_hits(unit: str) -> None:
    phrases = matcher("ab", "abab", "ab ab", "微信", "微信微信", anywhere=True)
    assert len(find_phrases(phrases, unit * 100_000)) <= 20


def test_an_expired_phrase_hides_no_shorter_one_that_is_in_force() -> None:
    long = NewPhrase("cheap watches here", "spam", "a test", expires_at=NOW - timedelta(days=4000))
    phrases = [
        Phrase(1, long, "", NOW),
        Phrase(2, NewPhrase("cheap watches", "spam", "x"), "", NOW),
    ]
    hits = PhraseMatcher(phrases).find("cheap watches here", "en")
    assert [hit.phrase.id for hit in hits] == [2]
