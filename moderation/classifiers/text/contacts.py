"""Contact tokens and personal data in text, told by rules: phones, e-mail, handles, links,
national ids, cards, addresses.

What is found is an observation, not a harm: its signals carry no category, except where a contact
stands together with a call to move elsewhere (a low `offplatform_luring`) or where someone else's
personal data is given away (a low `doxxing_privacy`), or a link imitates a well-known service (a
low `fraud_phishing`). The numbers are heuristics, not frequencies,
and stay below what any policy should act on alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moderation.classifiers.base import LocatedText, Prepared
from moderation.classifiers.text.addresses import address_spans
from moderation.classifiers.text.evidence import span
from moderation.classifiers.text.links import LinkTrait, findings
from moderation.classifiers.text.national_ids import find_national_ids
from moderation.classifiers.text.phone_numbers import phone_spans, plain_digits
from moderation.settings import Settings
from moderation.signals import Signal

#: Characters looked at per text; contacts hide anywhere, so both ends are looked at.
_HEAD, _TAIL = 10_000, 4_000
_MOST_TOKENS = 20

LURING, DOXXING, IMITATION = 0.35, 0.3, 0.35

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?[@＠]\s?(?:[\w-]{1,63}\.){1,4}[a-z]{2,24}(?![\w-])", re.I
)
_FULL_LINK = re.compile(r"https?://[^\s<>\"'，。！？、）】]{1,500}", re.IGNORECASE)
_LINK = re.compile(
    r"(?<![a-z0-9@.а-яё_-])(?:[a-z0-9à-ÿα-ωа-яёіѕ-]{1,63}\.){1,4}"
    r"(?:com|net|org|info|biz|xyz|top|vip|cc|me|io|ru|cn|co|site|online|shop|club|link|live|app"
    r"|icu|gg|ly|tv|fun|win|bet|asia|pro|work|uk|de|fr|es|it|nl|pl|br|in|id|jp|kr|vn|tr|th|sg|рф)"
    r"(?:/[^\s<>\"'，。！？、）】]{0,300})?(?![\w.@-])",
    re.I,
)
_HANDLE_BODY = r"[a-z0-9][a-z0-9_.\-]{3,31}"
#: Applications by the ways people write them; the words that a handle is announced with.
_APPS: dict[str, str] = {
    "wechat": r"微信号?|微❤|薇信|威信|维信|徽信|[vV][xX]|[wW][xX]|[vV]信|[vV]号|we\s?chat",
    "qq": r"[qQ]{2}群?|扣扣|蔻蔻|企鹅号?|[qQ]群",
    "telegram": r"telegram|电报|纸飞机|小飞机|tele?gram|телеграмм?|t\.me/",
    "whatsapp": r"whats\s?app|wa\.me/|zap(?:zap)?|wpp|ватсап",
    "line": r"\bline\s?(?:id)?\b|加赖|加瀨|加賴|賴",
    "kakao": r"kakao\s?(?:talk|id)?|카톡|카카오톡|오픈톡|카톡아이디",
    "zalo": r"\bzalo\b",
    "signal": r"\bsignal\b(?=\s*[:：@])",
    "snapchat": r"\bsnap(?:chat)?\b(?=\s*[:：@])",
    "instagram": r"\b(?:insta(?:gram)?|ig)\b(?=\s*[:：@])",
    "discord": r"\bdiscord\b(?=\s*[:：@#])|discord\.gg/",
}
_APP = re.compile(
    "|".join(f"(?P<{name}>{pattern})" for name, pattern in _APPS.items()), re.IGNORECASE
)
_AFTER_APP = re.compile(
    rf"[\s:：=＝+➕@]{{0,4}}(?:号|id|ID|是|is|加|号码)?[\s:：=＝+➕@]{{0,4}}(?P<handle>{_HANDLE_BODY})",
    re.IGNORECASE,
)
_AT_HANDLE = re.compile(r"(?<![\w@.])@(?P<handle>[a-z0-9_.]{4,32})(?![\w@])", re.IGNORECASE)

#: Ways to say "come over there": only with a contact do they hint at luring.
_CALL = re.compile(
    r"加我|加微|加[vVwW]|加群|进群|私聊|联系我|戳我|扫码|滴滴|➕|看主页|看头像|主页有|"
    r"\badd me\b|\btext me\b|\bcontact me\b|\bmessage me\b|\bhit me up\b|\bhmu\b|"
    r"\bjoin (?:my|our)\b|\bchat (?:me )?(?:on|at|over)\b|\bping me\b|escr[ií]beme|agr[eé]game|"
    r"cont[aá]ctame|me chama|chama no|ajoute[- ]moi|[eé]cris[- ]moi|schreib mir|"
    r"adde? mich|scrivimi|напиши|пиши(?:те)? (?:мне|в)|добавь|"
    r"تواصل معي|راسلني|ekle|yaz bana|連絡して|追加して|추가|연락|친추|kb mình|"
    r"inbox|hubungi|chat wa|แอด|ทักมา",
    re.IGNORECASE,
)
#: Words that give away that the data is another person's.
_ANOTHER = re.compile(
    r"他的?(?:住址|地址|电话|手机|身份证|真名|单位)|她的?(?:住址|地址|电话|手机|身份证|真名|单位)|"
    r"人肉|住在|家住|开盒|"
    r"\b(?:his|her|their) (?:home )?(?:address|number|phone|workplace|real name)|"
    r"\b(?:he|she|they) lives? (?:at|in)\b|vive en|su (?:dirección|número)|mora (?:na|no|em)|"
    r"habite (?:au|à)|wohnt (?:in|am)|seine (?:adresse|nummer)|живет (?:по|на)|его (?:адрес|номер)",
    re.IGNORECASE,
)

_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")

#: Personal data, and what of it is no way to reach anybody.
_PERSONAL = frozenset({"phone", "national_id", "email", "address"})
_PERSONAL_ONLY = frozenset({"national_id", "card", "address"})


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact token: ``kind`` is phone, email, link, handle, national_id, card, address or a name
    of `_APPS`."""

    kind: str
    start: int
    end: int
    note: str = ""  #: for the reviewer, in plain words


def find_contacts(text: str, language: str = "und") -> list[Contact]:
    """Contact tokens of a text in order, without overlaps, `_MOST_TOKENS` at most.

    Phone numbers are looked for in the national formats usual for the language.
    """
    found: list[Contact] = []
    taken: list[tuple[int, int]] = []
    for contact in _candidates(text, language):
        if all(contact.end <= start or contact.start >= end for start, end in taken):
            taken.append((contact.start, contact.end))
            found.append(contact)
            if len(found) == _MOST_TOKENS:
                break
    return sorted(found, key=lambda contact: contact.start)


def _candidates(text: str, language: str) -> Iterator[Contact]:
    digits = plain_digits(text)
    for match in _FULL_LINK.finditer(text):
        yield Contact("link", match.start(), match.end())
    for match in _EMAIL.finditer(text):
        yield Contact("email", match.start(), match.end())
    yield from _handles(text)
    for match in _LINK.finditer(text):
        yield Contact("link", match.start(), match.end())
    for number in find_national_ids(digits):
        note = f"shape and check digits of a national id of {number.country}"
        yield Contact("national_id", number.start, number.end, note)
    for start, end in phone_spans(digits, language):
        yield Contact("phone", start, end)
    for match in _CARD.finditer(digits):
        if _luhn_checks(match.group()):
            yield Contact("card", match.start(), match.end())
    for start, end in address_spans(digits):
        yield Contact("address", start, end)


def _handles(text: str) -> Iterator[Contact]:
    for app in _APP.finditer(text):
        kind = app.lastgroup or "handle"
        handle = _AFTER_APP.match(text, app.end())
        if handle and (any(c.isdigit() or c == "_" for c in handle["handle"]) or kind == "wechat"):
            yield Contact(kind, app.start(), handle.end())
    for match in _AT_HANDLE.finditer(text):
        yield Contact("handle", match.start(), match.end())


def _luhn_checks(number: str) -> bool:
    digits = [int(c) for c in reversed(number) if c.isdigit()]
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)]
    return len(digits) >= 13 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


class ContactTokens:
    """Contacts and personal data as signals, with the exact characters as evidence."""

    name = "contacts"
    version = "2"
    categories = frozenset({"offplatform_luring", "doxxing_privacy", "fraud_phishing"})

    @classmethod
    def from_settings(cls, settings: Settings) -> ContactTokens:
        """There is nothing to configure."""
        del settings
        return cls()

    def classify(self, batch: Sequence[Prepared]) -> list[list[Signal]]:
        """See `Classifier.classify`."""
        return [
            [signal for text in entry.texts for signal in self._of_text(text)] for entry in batch
        ]

    def _of_text(self, located: LocatedText) -> Iterator[Signal]:
        text = located.text
        contacts = find_contacts(text[:_HEAD], located.language)
        if len(text) > _HEAD + _TAIL:
            offset = len(text) - _TAIL
            contacts += [
                Contact(c.kind, c.start + offset, c.end + offset, c.note)
                for c in find_contacts(text[offset:], located.language)
            ]
        for contact in contacts:
            name = f"contact.{contact.kind}"
            yield self._signal(located, contact, name, None, 1.0, contact.note)
            if contact.kind == "link":
                yield from self._of_link(located, contact)
        outside = [c for c in contacts if c.kind not in _PERSONAL_ONLY]
        if outside and _CALL.search(text, 0, _HEAD):
            note = "a contact stands together with a call to get in touch elsewhere"
            yield self._signal(
                located, outside[0], "contact.hand_over", "offplatform_luring", LURING, note
            )
        personal = [c for c in contacts if c.kind in _PERSONAL]
        if personal and _ANOTHER.search(text, 0, _HEAD):
            note = "personal data stands together with words about another person"
            yield self._signal(
                located, personal[0], "contact.of_another", "doxxing_privacy", DOXXING, note
            )

    def _of_link(self, located: LocatedText, contact: Contact) -> Iterator[Signal]:
        for finding in findings(located.text[contact.start : contact.end]):
            imitates = finding.trait is LinkTrait.LOOKALIKE
            yield self._signal(
                located,
                contact,
                f"link.{finding.trait}",
                "fraud_phishing" if imitates else None,
                IMITATION if imitates else 1.0,
                finding.note,
            )

    def _signal(
        self,
        located: LocatedText,
        contact: Contact,
        name: str,
        category: str | None,
        probability: float,
        note: str,
    ) -> Signal:
        found = span(located.text, contact.start, contact.end)
        return Signal(
            name=name,
            category=category,
            probability=probability,
            part=located.part,
            evidence=(found,) if located.box is None else (found, located.box),
            model=self.name,
            model_version=self.version,
            note=note,
        )
