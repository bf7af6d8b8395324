"""The tables of how writers disguise words, read from ``disguises.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML


@dataclass(frozen=True, slots=True)
class Disguises:
    """Plain form → disguised form, except `slang`, which is as written → as meant."""

    parts: Mapping[str, str]  #: character → its parts, side by side
    shapes: Mapping[str, str]  #: character → characters that look like it
    signs: Mapping[str, str]  #: word → emoji that stands for it
    slang: Mapping[str, str]  #: as written → as meant
    sounds: tuple[str, ...]  #: words often written by other characters of the same sound


@cache
def disguises() -> Disguises:
    """The tables, read once."""
    path = Path(__file__).with_name("disguises.yaml")
    tables = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    sounds = tuple(str(word) for word in tables.pop("sounds"))
    read = {name: {str(k): str(v) for k, v in table.items()} for name, table in tables.items()}
    return Disguises(**read, sounds=sounds)
