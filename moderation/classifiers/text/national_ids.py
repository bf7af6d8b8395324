"""Numbers that states give to people, told by their shape and check digits.

A check digit alone lets one number in ten or eleven through, and people post many numbers. So a
number counts where its way of writing is unmistakable (``123.456.789-09``), where its check is
strong, or where a word for it stands shortly before. Formulas are those of the issuing bodies, as
named with each shape. A shape without check digits (US, GB, ID) needs its word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

#: Characters before a number in which its word may stand.
_NEAR = 24
#: Numbers tried per shape and text.
_MOST_TRIED = 200


@dataclass(frozen=True, slots=True)
class _Shape:
    country: str
    pattern: re.Pattern[str]
    checks: Callable[[str], bool]  #: of digits and capitals only
    plain: bool  #: whether it counts without its word
    word: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class NationalId:
    """A number of a person: ``country`` is ISO 3166-1 alpha-2."""

    country: str
    start: int
    end: int


def find_national_ids(text: str) -> Iterator[NationalId]:
    """Numbers whose shape and check digits fit, in the order of the shapes; they may overlap."""
    for shape in _SHAPES:
        for tried, match in enumerate(shape.pattern.finditer(text)):
            if tried == _MOST_TRIED:
                break
            number = re.sub(r"[\W_]", "", match[0]).upper()
            if not number.isascii() or not shape.checks(number):
                continue
            before = text[max(0, match.start() - _NEAR) : match.start()]
            if shape.plain or shape.word.search(before) or _is_formatted(match[0]):
                yield NationalId(shape.country, match.start(), match.end())


def _is_formatted(number: str) -> bool:
    """Whether signs stand in it that only this kind of number has there."""
    return "." in number and ("-" in number or "/" in number)


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _varied(number: str) -> bool:
    return len(set(number)) > 2


def _born(year: int, month: int, day: int) -> bool:
    try:
        return date(1900, 1, 1) <= date(year, month, day) <= date.today()  # noqa: DTZ011
    except ValueError:
        return False


def _china(n: str) -> bool:
    """GB 11643-1999: ISO 7064 MOD 11-2 over 17 digits."""
    total = _weighted(n, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return "10X98765432"[total % 11] == n[17] and _born(int(n[6:10]), int(n[10:12]), int(n[12:14]))


def _hong_kong(n: str) -> bool:
    letters = n[:-7].rjust(2)
    values = [36 if c == " " else ord(c) - 55 for c in letters] + [int(d) for d in n[-7:-1]]
    total = sum(v * w for v, w in zip(values, range(9, 1, -1), strict=True))
    return "0A987654321"[total % 11] == n[-1]


def _taiwan(n: str) -> bool:
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(n[0]) + 10
    return (code // 10 + code % 10 * 9 + _weighted(n[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def _singapore(n: str) -> bool:
    total = _weighted(n[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if n[0] in "TG" else 0)
    table = "JZIHGFEDCBA" if n[0] in "ST" else "XWUTRQPNMLK"
    return table[total % 11] == n[8]


def _korea(n: str) -> bool:
    """Resident registration number; numbers given since October 2020 have no check digit."""
    century = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900}.get(n[6], 2000)
    if not _born(century + int(n[:2]), int(n[2:4]), int(n[4:6])):
        return False
    return (11 - _weighted(n, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(n[12])


def _japan(n: str) -> bool:
    """My Number: weights of the ministry's ordinance of 2014."""
    rest = _weighted(n, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return _varied(n) and (0 if rest <= 1 else 11 - rest) == int(n[11])


def _brazil(n: str) -> bool:
    """CPF: two digits, each modulo 11."""

    def digit(length: int) -> int:
        return _weighted(n, range(length + 1, 1, -1)) * 10 % 11 % 10

    return _varied(n) and digit(9) == int(n[9]) and digit(10) == int(n[10])


def _argentina(n: str) -> bool:
    return (11 - _weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(n[10])


def _chile(n: str) -> bool:
    total = _weighted(n[-2::-1], (2, 3, 4, 5, 6, 7, 2, 3, 4))
    return "0K987654321"[total % 11] == n[-1]


def _mexico(n: str) -> bool:
    """CURP: base 37 alphabet with Ñ; the last digit modulo 10."""
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * (18 - i) for i, c in enumerate(n[:17]))
    return (10 - total % 10) % 10 == int(n[17])


def _germany(n: str) -> bool:
    """Steuer-Identifikationsnummer: ISO 7064 MOD 11,10; one digit occurs twice or thrice."""
    counts = sorted(n[:10].count(d) for d in set(n[:10]))
    if n[0] == "0" or counts[-1] not in {2, 3} or len(counts) not in {8, 9}:
        return False
    product = 10
    for d in n[:10]:
        total = (int(d) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(n[10])


def _france(n: str) -> bool:
    """NIR: 13 characters and 97 minus their rest modulo 97; Corsica 2A and 2B count 19 and 18."""
    body = int(n[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - body % 97 == int(n[13:])


def _spain(n: str) -> bool:
    """DNI and NIE: letter by the rest modulo 23."""
    first = {"X": "0", "Y": "1", "Z": "2"}.get(n[0], n[0])
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(first + n[1:-1]) % 23] == n[-1]


_IT_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
           24, 23)  # fmt: skip


def _italy(n: str) -> bool:
    """Codice fiscale: the decree of 23 December 1976."""
    values = [int(c) if c.isdigit() else ord(c) - 65 for c in n[:15]]
    total = sum(_IT_ODD[v] if i % 2 == 0 else v for i, v in enumerate(values))
    return chr(65 + total % 26) == n[15]


def _poland(n: str) -> bool:
    """PESEL; the century is in the month."""
    century = (1900, 2000, 2100, 2200, 1800)[int(n[2]) // 2]
    if not _born(century + int(n[:2]), int(n[2:4]) % 20, int(n[4:6])):
        return False
    return (10 - _weighted(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(n[10])


def _netherlands(n: str) -> bool:
    return _varied(n) and _weighted(n, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _sweden(n: str) -> bool:
    n = n[-10:]
    values = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(n)]
    return 1 <= int(n[2:4]) <= 12 and sum(v // 10 + v % 10 for v in values) % 10 == 0


def _turkey(n: str) -> bool:
    d = [int(c) for c in n]
    first = (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[0] != 0 and first == d[9] and sum(d[:10]) % 10 == d[10]


def _russia(n: str) -> bool:
    """SNILS: modulo 101."""
    rest = _weighted(n, range(9, 0, -1)) % 101
    return (0 if rest == 100 else rest) == int(n[9:])


_D5 = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321",
       "6598710432", "7659821043", "8765932104", "9876543210")  # fmt: skip
_P8 = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901",
       "2793806415", "7046913258")  # fmt: skip


def _india(n: str) -> bool:
    """Aadhaar: Verhoeff 1969."""
    check = 0
    for i, d in enumerate(reversed(n)):
        check = int(_D5[check][int(_P8[i % 8][int(d)])])
    return _varied(n) and check == 0


def _thailand(n: str) -> bool:
    return _varied(n) and (11 - _weighted(n, range(13, 1, -1)) % 11) % 10 == int(n[12])


def _indonesia(n: str) -> bool:
    """NIK: a date of birth in the middle, for women plus 40 on the day; no check digit."""
    return 1 <= int(n[6:8]) % 40 <= 31 and 1 <= int(n[8:10]) <= 12


def _united_states(n: str) -> bool:
    """Never issued: areas 000, 666 and 900 on, group 00, serial 0000."""
    return n[:3] not in {"000", "666"} and n[0] != "9" and n[3:5] != "00" and n[5:] != "0000"


def _britain(n: str) -> bool:
    return n[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _shape(
    country: str, pattern: str, checks: Callable[[str], bool], word: str, *, plain: bool = False
) -> _Shape:
    bounded = rf"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])"
    return _Shape(
        country,
        re.compile(bounded, re.IGNORECASE | re.ASCII),
        checks,
        plain,
        re.compile(word, re.IGNORECASE),
    )


_SHAPES = (
    _shape("CN", r"\d{6}(?:19|20)\d{2}[01]\d[0-3]\d\d{3}[\dX]", _china, "身份证", plain=True),
    _shape("FR", r"[12][ .]?\d{2}[ .]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .]?(?:\d{2}|2[AB])[ .]?\d{3}"
           r"[ .]?\d{3}[ .]?\d{2}", _france, r"s[eé]cu|\bnir\b|insee", plain=True),
    _shape("IT", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _italy, "fiscale", plain=True),
    _shape("MX", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", _mexico, "curp", plain=True),
    _shape("KR", r"\d{2}[01]\d[0-3]\d-[0-9]\d{6}", _korea, "주민", plain=True),
    _shape("BR", r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", _brazil, r"\bcpf\b"),
    _shape("CL", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dK]", _chile, r"\b(?:rut|run)\b"),
    _shape("AR", r"(?:20|23|24|27)-?\d{8}-?\d", _argentina, r"\bcui[lt]\b"),
    _shape("ES", r"[XYZ\d]\d{7}-?[A-Z]", _spain, r"\b(?:dni|nie|nif)\b"),
    _shape("DE", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", _germany, r"steuer|\bidnr|tax id|\btin\b"),
    _shape("PL", r"\d{11}", _poland, "pesel"),
    _shape("NL", r"\d{9}", _netherlands, r"\bbsn\b|burgerservice"),
    _shape("SE", r"(?:19|20)?\d{6}[-+]\d{4}", _sweden, "personn"),
    _shape("TR", r"\d{11}", _turkey, r"kimlik|\btckn\b|\bt\.?c\.? ?no"),
    _shape("RU", r"\d{3}-?\d{3}-?\d{3}[ -]?\d{2}", _russia, "снилс"),
    _shape("IN", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", _india, "aadha?ar|आधार"),
    _shape("JP", r"\d{4}[ -]?\d{4}[ -]?\d{4}", _japan, "マイナンバー|個人番号|my number"),
    _shape("TH", r"\d-?\d{4}-?\d{5}-?\d{2}-?\d", _thailand, "บัตร|ประชาชน"),
    _shape("TW", r"[A-Z][1289]\d{8}", _taiwan, "身[分份]證|統一編號"),
    _shape("HK", r"[A-Z]{1,2}\d{6}\(?[\dA]\)?", _hong_kong, r"身份證|\bhkid\b"),
    _shape("SG", r"[STFG]\d{7}[A-Z]", _singapore, r"\b(?:nric|fin)\b|\bic\b"),
    _shape("ID", r"\d{16}", _indonesia, r"\b(?:nik|ktp)\b"),
    _shape("US", r"\d{3}-\d{2}-\d{4}", _united_states, r"\bssn\b|social security"),
    _shape("GB", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", _britain,
           r"national insurance|\bnino?\b|\bni (?:no|number)"),
)  # fmt: skip
