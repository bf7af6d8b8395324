"""Street addresses, told by the words and numbers that they are written with.

Only ways of writing with a house number beside a word for *street* or *building* count; a town or
a shop's name alone is no address. An address is an observation; whose it is, others must say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST = 20
#: Characters on either side of a number in which the rest of its address stands.
_AROUND = 80
#: Characters of a text that are searched at most.
_READ = 6_000
_NUMBER = re.compile(r"\d{1,5}")

_NAME = r"[^\W\d_]{2,30}"
#: Words that a street is not named by: "5 miles on the road".
_NO_NAME = (
    r"(?!(?:on|in|of|to|at|an?d?|the|for|from|by|with|miles?|km|people|years?|minutes?|hours?"
    r"|days?|times?|more|other|is|are|was)\b)"
)
_EN = (
    r"\b\d{1,5}[a-z]?\s(?:(?:north|south|east|west|[nsew])\.?\s)?"
    rf"(?:{_NO_NAME}{_NAME}\s){{1,3}}"
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|terrace|crescent"
    r"|close|square)\b\.?(?:,?\s(?:apt|apartment|unit|flat|#)\.?\s?\w{1,5})?"
)
_DE = rf"\b{_NAME}(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|ufer)\s\d{{1,4}}\s?[a-z]?\b"
_FR = (
    r"\b\d{1,4}(?:\s?(?:bis|ter))?,?\s(?:rue|avenue|boulevard|allée|impasse|chemin|place|quai)\s"
    rf"(?:(?:de|du|des|la|le|les|l['’]|d['’])\s?){{0,2}}{_NAME}"
)
_ROMANCE = (
    r"\b(?:calle|c/|avenida|avda\.?|av\.|carrera|cra\.?|rua|travessa|alameda|via|viale|corso"
    rf"|piazza|jalan|jl\.?|đường)\s(?:(?:de|da|do|dos|del|la|las|los|d['’])\s){{0,2}}(?:{_NAME}\s?)"
    r"{1,3},?\s?(?:n[º°o]\.?\s?|nr\.?\s?|no\.?\s?|#\s?)?\d{1,5}\b"
)
_RU = (
    r"(?:\bул\.?|\bулица|\bпр-т|\bпроспект|\bпер\.?)\s[^\W\d_]{2,30}(?:\s[^\W\d_]{2,30})?,?\s"
    r"(?:д\.?|дом)?\s?\d{1,4}(?:,?\s(?:кв\.?|корп\.?)\s?\d{1,4})?"
)
_TR = (
    rf"\b{_NAME}\s(?:sokak|sokağı|sok\.|cadde|caddesi|cad\.|mahallesi|mah\.)"
    r"[^\d\n]{0,20}\d{1,4}"
)
_HAN = (
    r"[\u4e00-\u9fff]{1,12}(?:路|街|道|巷|弄|胡同|大道)\d{1,5}(?:号|號|弄)"
    r"(?:[\u4e00-\u9fff]{0,10}\d{1,4}(?:号|號|栋|棟|幢|楼|樓|单元|單元|室|层)){0,4}"
    r"|[\u4e00-\u9fff]{2,12}(?:小区|小區|花园|花園|公寓|苑|新村)"
    r"\d{1,4}(?:号|號|栋|棟|幢|座|单元)(?:[\u4e00-\u9fff]{0,6}\d{1,5}(?:号|號|单元|單元|室|房|楼)?){0,3}"
)
_JA = (
    r"[\u4e00-\u9fff\u3040-\u30ff]{1,10}\d{1,3}丁目\d{1,3}(?:番地?|[-−]\d{1,3})?"
    r"(?:\d{1,3}号|[-−]\d{1,3})?"
)
_KO = (
    r"[가-힣]{1,10}(?:로|길)\s?\d{1,4}(?:-\d{1,4})?(?:번길\s?\d{1,4})?(?:\s?\d{1,4}(?:동|호)){0,2}"
)

_ADDRESS = re.compile("|".join((_EN, _DE, _FR, _ROMANCE, _RU, _TR, _HAN, _JA, _KO)), re.IGNORECASE)
#: Korean "…로 3" is also "to 3": it needs a building, a town or a hyphenated number.
_KO_ONLY = re.compile(r"[가-힣]")
_KO_SURE = re.compile(r"번길|\d동|\d호|\d-\d")


def address_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of street addresses in a text of plain digits, in order."""
    found, looked = 0, 0
    for number in _NUMBER.finditer(text):
        if number.start() < looked:
            continue
        start = max(looked, number.start() - _AROUND)
        looked = min(len(text), number.end() + _AROUND)
        for match in _ADDRESS.finditer(text, start, looked):
            if _KO_ONLY.match(match[0]) and not _KO_SURE.search(match[0]):
                continue
            yield match.span()
            found += 1
        if found >= _MOST or looked > _READ:
            return
