"""Contact tokens and personal data."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.contacts import ContactTokens, find_contacts
from moderation.classifiers.text.links import findings
from moderation.items import Item
from moderation.signals import Signal, TextSpan


def signals_of(text: str, language: str = "und") -> list[Signal]:
    prepared = Prepared(
        item=Item.from_row({"id": "a", "text": "x"}), texts=(LocatedText(text, "text:0", language),)
    )
    return ContactTokens().classify([prepared])[0]


FOUND = [
    ("write to anna.b@example.com please", "en", "email", "anna.b@example.com"),
    ("加微信：abc_12345 详聊", "zh", "wechat", "微信：abc_12345"),
    ("vx tz88776655", "zh", "wechat", "vx tz88776655"),
    ("QQ 123456789 进", "zh", "qq", "QQ 123456789"),
    ("telegram: @deal_4u", "en", "telegram", "telegram: @deal_4u"),
    ("see https://example.org/a?b=1 for more", "en", "link", "https://example.org/a?b=1"),
    ("visit sale-now.shop today", "en", "link", "sale-now.shop"),
    ("call +44 20 7946 0958", "en", "phone", "+44 20 7946 0958"),
    ("我的电话 13800138000", "zh", "phone", "13800138000"),
    ("카톡 abc1234 로 연락", "ko", "kakao", "카톡 abc1234"),
    ("follow @some_body now", "en", "handle", "@some_body"),
]


@pytest.mark.parametrize(("text", "language", "kind", "quote"), FOUND)
def test_a_contact_is_found_with_its_exact_characters(
    text: str, language: str, kind: str, quote: str
) -> None:
    found = [(c.kind, text[c.start : c.end]) for c in find_contacts(text, language)]
    assert (kind, quote) in found


@pytest.mark.parametrize(
    "text",
    [
        "the score was 3:2 in 2024, 90 minutes",
        "他在公司很有威信",
        "wait at the line for the bus",
        "version 1.2.3 of the app",
        "I paid 1,299.00 for it on 2024-05-01",
    ],
)
def test_ordinary_numbers_and_words_are_no_contacts(text: str) -> None:
    assert find_contacts(text, "en") == []


def test_a_national_id_needs_its_check_digit() -> None:
    # 11010519491231002X is the standard's own worked example.
    assert [c.kind for c in find_contacts("证件 11010519491231002X", "zh")] == ["national_id"]
    assert "national_id" not in {c.kind for c in find_contacts("证件 110105194912310021", "zh")}


def test_a_card_number_needs_its_check_digit() -> None:
    assert "card" in {c.kind for c in find_contacts("4111 1111 1111 1111")}
    assert "card" not in {c.kind for c in find_contacts("4111 1111 1111 1112")}


def test_a_contact_alone_is_an_observation_and_no_harm() -> None:
    (signal,) = signals_of("my site is example.org", "en")
    assert signal.category is None
    assert signal.calibration_version == ""


def test_a_contact_with_a_call_hints_at_luring_but_weakly() -> None:
    hints = [s for s in signals_of("add me on telegram: @deal_4u", "en") if s.category]
    assert [s.category for s in hints] == ["offplatform_luring"]
    assert hints[0].probability < 0.5
    assert isinstance(hints[0].evidence[0], TextSpan)


def test_another_persons_number_hints_at_doxxing() -> None:
    hints = [s for s in signals_of("her number is +44 20 7946 0958", "en") if s.category]
    assert [s.category for s in hints] == ["doxxing_privacy"]


def test_a_contact_at_the_end_of_a_very_long_text_is_found() -> None:
    text = "blah " * 10_000 + "mail me: a.b@example.com"
    (signal,) = [s for s in signals_of(text, "en") if s.name == "contact.email"]
    evidence = signal.evidence[0]
    assert isinstance(evidence, TextSpan)
    assert text[evidence.start : evidence.end] == "a.b@example.com"


@pytest.mark.parametrize("text", ["a@" * 50_000, "1 " * 50_000, "+1 (" * 20_000, "微信" * 30_000])
def test_hostile_text_has_few_contacts(text: str) -> None:
    assert len(signals_of(text)) <= 45


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aZ9@.:/+-_() 微信加vxQ\u200b\ud800", max_size=120))
def test_contacts_lie_inside_the_text_and_do_not_overlap(text: str) -> None:
    found = find_contacts(text, "zh")
    assert all(0 <= c.start < c.end <= len(text) for c in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


NUMBERS = [
    ("cpf 529.982.247-25", "pt", "529.982.247-25", "BR"),
    ("cpf: 52998224725", "pt", "52998224725", "BR"),
    ("DNI 12345678Z", "es", "12345678Z", "ES"),
    ("Steuer-ID 86095742719", "de", "86095742719", "DE"),
    ("NIR 2 55 08 14 168 025 38", "fr", "2 55 08 14 168 025 38", "FR"),
    ("880101-1234568", "ko", "880101-1234568", "KR"),
    ("aadhaar 2341 2341 2346", "hi", "2341 2341 2346", "IN"),
    ("kimlik no 10000000146", "tr", "10000000146", "TR"),
    ("PESEL 44051401359", "pl", "44051401359", "PL"),
    ("NRIC S1234567D", "en", "S1234567D", "SG"),
    ("身分證 A123456789", "zh", "A123456789", "TW"),
    ("マイナンバー 1234 5678 9018", "ja", "1234 5678 9018", "JP"),
]


@pytest.mark.parametrize(("text", "language", "quote", "country"), NUMBERS)
def test_national_ids_are_told_by_shape_and_check_digits(
    text: str, language: str, quote: str, country: str
) -> None:
    (found,) = [c for c in find_contacts(text, language) if c.kind == "national_id"]
    assert text[found.start : found.end] == quote
    assert country in found.note


@pytest.mark.parametrize(
    "text", ["cpf 529.982.247-26", "DNI 12345678A", "order 52998224725", "PESEL 44051401358"]
)
def test_a_wrong_check_digit_or_a_bare_number_is_no_national_id(text: str) -> None:
    assert "national_id" not in {c.kind for c in find_contacts(text)}


ADDRESSES = [
    ("it is 12 Maple Street, apt 4 you know", "12 Maple Street, apt 4"),
    ("in der Lindenstraße 12", "Lindenstraße 12"),
    ("au 14 rue des Lilas", "14 rue des Lilas"),
    ("ул. Лесная, д. 5, кв. 12", "ул. Лесная, д. 5, кв. 12"),
    ("阳光小区3栋402", "阳光小区3栋402"),
]


@pytest.mark.parametrize(("text", "quote"), ADDRESSES)
def test_a_street_address_is_found(text: str, quote: str) -> None:
    assert ("address", quote) in [(c.kind, text[c.start : c.end]) for c in find_contacts(text)]


@pytest.mark.parametrize("text", ["I ran 5 miles on the road", "학교로 3명이 갔다"])
def test_a_number_beside_a_road_is_no_address(text: str) -> None:
    assert "address" not in {c.kind for c in find_contacts(text)}


@pytest.mark.parametrize(
    "text", ["①③⑧⓪⓪⓪⓪⓪⓪⓪⓪", "一三八零零一三八零零零", "１３８００１３８０００"]
)
def test_a_phone_number_in_disguised_digits_is_found(text: str) -> None:
    assert [(c.kind, text[c.start : c.end]) for c in find_contacts(text, "zh")] == [("phone", text)]


LINKS = [
    ("https://pаypal.com/x", "lookalike"),
    ("http://paypal.com.check-me.xyz/a", "lookalike"),
    ("paypa1.com", "lookalike"),
    ("https://xn--pypal-4ve.com", "mixed_scripts"),
    ("https://bit.ly/3x", "shortener"),
    ("http://203.0.113.9/a", "ip_address"),
    ("https://google.com@example.top/x", "user_in_link"),
    ("https://xn--mnchen-3ya.de", "international"),
]


@pytest.mark.parametrize(("link", "trait"), LINKS)
def test_a_links_host_tells_what_it_is(link: str, trait: str) -> None:
    assert f"link.{trait}" in {s.name for s in signals_of(f"go to {link} now")}


@pytest.mark.parametrize(
    "link",
    [
        "amazon.co.uk",
        "https://docs.google.com",
        "apple-pie-recipes.com",
        "paypay.ne.jp",
        "https://google.github.io",
    ],
)
def test_an_honest_host_imitates_nobody(link: str) -> None:
    assert {s.name for s in signals_of(f"go to {link} now")} == {"contact.link"}


def test_an_imitating_link_hints_at_phishing_but_weakly() -> None:
    (hint,) = [s for s in signals_of("go to paypal-login.shop") if s.category]
    assert hint.category == "fraud_phishing"
    assert hint.probability < 0.5
    assert "paypal" in hint.note


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="xn-9a.:/@аß微[]%0", max_size=80))
def test_any_host_is_read_without_an_error(link: str) -> None:
    assert all(finding.note for finding in findings("https://" + link))
