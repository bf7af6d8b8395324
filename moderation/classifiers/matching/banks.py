"""Banks of known images: what a bank and an entry are.

As in Meta's Hasher-Matcher-Actioner a bank has a category, an enabled ratio (to try a new list on
a share of the traffic) and notes; an entry has a provenance and may expire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation.classifiers.matching.fingerprints import HashKind
from moderation.errors import ModerationError
from moderation.taxonomy import category as known_category

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class BankError(ModerationError):
    """A bank cannot do what was asked: unknown name, bad hash, unreadable file."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A list of known images with one meaning."""

    name: str
    category: str  #: a category id: what a match means
    enabled_ratio: float = 1.0  #: share of images that are compared at all
    never_render: bool = False  #: matches are never shown to anybody, reviewers included
    notes: str = ""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            BankError: the name is unsuitable, or the ratio is not within 0 and 1.
            UnknownCategory: the category is none of the taxonomy.
        """
        if not _NAME.fullmatch(self.name):
            raise BankError(
                f"bank name {self.name!r}: use up to 64 of a-z, 0-9, '-' and '_', "
                "beginning with a letter or digit"
            )
        known_category(self.category)
        if not 0 <= self.enabled_ratio <= 1:
            raise BankError(f"the enabled ratio is between 0 and 1, not {self.enabled_ratio}")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A picture to be put into a bank."""

    hashes: Mapping[HashKind, Sequence[bytes]]
    source: str = ""  #: provenance: the list, partner, case or person it came from
    reference: str = ""  #: its name there, or the file's name
    note: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture in a bank."""

    id: int
    bank: str
    source: str
    reference: str
    note: str
    added_at: datetime
    expires_at: datetime | None
