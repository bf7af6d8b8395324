"""What a link's host tells by itself, without visiting it.

A shortener hides where a link leads; a host may imitate a well-known service by look
(``pаypal.com`` with a Cyrillic а), by one letter (``paypa1.com``, ``paypaal.com``), or by wearing
its name (``paypal-login.example``). International names are ordinary (``münchen.de``): only
mixed scripts within one label are noted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from ruamel.yaml import YAML

from moderation.classifiers.text.language import script_of
from moderation.classifiers.text.normalise import latin_lookalikes

#: Longest host name of the domain name system.
_LONGEST_HOST = 253
#: Names shorter than this are one letter away from too many honest ones.
_SHORTEST_NEAR = 6
#: Labels below a country's own ending under which names are given out: `co.uk`, `com.br`.
_SECOND_LEVEL = frozenset("co com net org gov edu ac or ne go gob gouv nic mil web".split())
_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]{0,20}://)?(?P<before>[^/?#]*)", re.IGNORECASE)
_DIGITS_AS_LETTERS = str.maketrans("013578", "oiestb")


class LinkTrait(StrEnum):
    """What was noticed about a host."""

    SHORTENER = "shortener"
    LOOKALIKE = "lookalike"
    MIXED_SCRIPTS = "mixed_scripts"
    INTERNATIONAL = "international"
    ADDRESS = "ip_address"
    USER_IN_LINK = "user_in_link"


@dataclass(frozen=True, slots=True)
class LinkFinding:
    """One trait of a link, in words for the reviewer."""

    trait: LinkTrait
    note: str


@dataclass(frozen=True, slots=True)
class _Hosts:
    shorteners: frozenset[str]
    services: Mapping[str, frozenset[str]]
    bait: frozenset[str]
    honest: frozenset[str]


def host_of(link: str) -> str:
    """The host as a person reads it, in lower case, ``xn--`` labels decoded; empty if none."""
    found = _HOST.match(link[:2000])
    before = found["before"] if found else ""
    host = before.rpartition("@")[2].partition(":")[0].strip(".")[:_LONGEST_HOST]
    return ".".join(map(_decoded, host.lower().split(".")))


def findings(link: str) -> list[LinkFinding]:
    """All traits of one link; none for an ordinary one. Needs no network."""
    host = host_of(link)
    if not host:
        return []
    found: list[LinkFinding] = []
    match = _HOST.match(link[:2000])
    if match and "@" in match["before"]:
        note = f"what stands before the @ is not where the link leads; it leads to {host}"
        found.append(LinkFinding(LinkTrait.USER_IN_LINK, note))
    if _is_address(host):
        return [*found, LinkFinding(LinkTrait.ADDRESS, f"a bare network address, {host}")]
    domain = registrable(host)
    if {host.removeprefix("www."), domain} & _hosts().shorteners:
        note = f"{domain} is a link shortener: where it leads cannot be seen"
        return [*found, LinkFinding(LinkTrait.SHORTENER, note)]
    if not host.isascii():
        mixed = any(_mixed(label) for label in host.split("."))
        trait = LinkTrait.MIXED_SCRIPTS if mixed else LinkTrait.INTERNATIONAL
        kind = "letters of several scripts in one name" if mixed else "an international name"
        found.append(LinkFinding(trait, f"{kind}: {host} is {_encoded(host)}"))
    service = imitated(host)
    if service:
        note = f"{host} resembles {service}, but is none of its domains"
        found.append(LinkFinding(LinkTrait.LOOKALIKE, note))
    return found


def imitated(host: str) -> str:
    """The well-known service that a host imitates; empty if none.

    The bare name under another ending may be honest (another country's shop), and so may the name
    beside other words, unless they are bait: ``login``, ``verify``, ``bonus``.
    """
    domain = registrable(host)
    label = domain.partition(".")[0]
    hosts = _hosts()
    if label in hosts.honest or any({domain, host} & own for own in hosts.services.values()):
        return ""
    plain = _skeleton(label)
    words = set(re.split(r"[^a-z0-9]+", plain))
    for service, own in hosts.services.items():
        looks = label != service and (
            plain == service or (len(service) >= _SHORTEST_NEAR and _one_apart(plain, service))
        )
        bait = {word.removeprefix(service) for word in words} | words
        worn = any(word.startswith(service) for word in words) and bait & hosts.bait
        in_front = any(f".{name}." in f".{host}" for name in own)
        if looks or worn or in_front:
            return service
    return ""


def registrable(host: str) -> str:
    """The part of a host that somebody has registered: ``a.b.co.uk`` → ``b.co.uk``.

    By rule of thumb: two labels, or three where the second is one that countries give names
    under.
    """
    labels = host.split(".")
    three = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if three else labels[-2:])


@cache
def _hosts() -> _Hosts:
    path = Path(__file__).with_name("links.yaml")
    content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    services = {str(name): frozenset(map(str, own)) for name, own in content["services"].items()}
    lists = (frozenset(map(str, content[name])) for name in ("bait", "honest"))
    return _Hosts(frozenset(map(str, content["shorteners"])), services, *lists)


def _decoded(label: str) -> str:
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        return unicodedata.normalize("NFC", label[4:].encode("ascii").decode("punycode"))
    except (UnicodeError, ValueError, OverflowError):
        return label


def _encoded(host: str) -> str:
    labels = []
    for label in host.split("."):
        try:
            coded = label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
        except UnicodeError:
            coded = "?"
        labels.append(coded)
    return ".".join(labels)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _mixed(label: str) -> bool:
    scripts = {script_of(c) for c in label} - {""}
    return len(scripts) > 1 and not scripts <= {"Hani", "Kana", "Hang", "Latn"}


def _skeleton(label: str) -> str:
    plain = unicodedata.normalize("NFKD", latin_lookalikes(label)).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    letters = plain.replace("rn", "m").replace("vv", "w") if plain.isascii() else plain
    # Digits within a name are read as letters; a name of digits (1688) is itself.
    return letters.translate(_DIGITS_AS_LETTERS) if re.search(r"[a-z]", letters) else letters


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter added, dropped, changed or swapped makes them equal."""
    if one == other or abs(len(one) - len(other)) > 1:
        return one == other
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None:
        return True
    rest_one, rest_other = one[at:], other[at:]
    return (
        rest_one[1:] == rest_other[1:]
        or rest_one[1:] == rest_other
        or rest_one == rest_other[1:]
        or (rest_one[:2] == rest_other[1::-1] and rest_one[2:] == rest_other[2:])
    )
