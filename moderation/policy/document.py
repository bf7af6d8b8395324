"""Reads YAML without trusting it: plain data and the line of every field, or a clear refusal.

Built from parser events, so that nothing but mappings, lists, strings, numbers, booleans, null and
dates can ever come out. Anchors and aliases are refused (that is how a small file explodes), as are
tags, duplicate keys, several documents, deep nesting and large files.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from moderation.policy.problems import PackError, PackProblem

#: Largest pack file, in bytes. Ours have about 20 kB.
MAX_BYTES = 1_000_000

#: Deepest nesting of mappings and lists.
MAX_DEPTH = 24
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; simplify it"

Path = tuple[str | int, ...]

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is 25 times faster
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?\Z")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}\Z")
# YAML 1.2 core: only these words are special, so that `NO` stays Norway and `off` stays a word.
_WORDS: Mapping[str, Any] = {
    "null": None, "~": None, "": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a YAML file and the 1-based line on which each path begins."""

    file: str
    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a path, or of its nearest ancestor that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def rule_at(self, path: Path) -> str:
        """The id of the rule that a path lies in, or ""."""
        if len(path) >= 2 and path[0] in {"rules", "overrides", "process"}:
            try:
                entry = self.data[path[0]][path[1]]
                return str(entry.get("id") or entry.get("rule") or "")
            except (AttributeError, IndexError, KeyError, TypeError):
                return ""
        return ""

    def problem(
        self, path: Path, message: str, *, code: str = "", warning: bool = False
    ) -> PackProblem:
        """A complaint about a place of this file."""
        rule = self.rule_at(path)
        below = path[2:] if rule else path
        field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in below).lstrip(".")
        return PackProblem(self.file, self.line(path), rule, field, message, code, warning)


class _Refused(Exception):
    def __init__(self, line: int, message: str, path: Path = ()) -> None:
        self.line, self.message, self.path = line, message, path


def read_document(file: str, content: bytes) -> Document:
    """Parses one file.

    Raises:
        PackError: with the line; nothing of the file is used then.
    """
    lines: dict[Path, int] = {}
    try:
        if len(content) > MAX_BYTES:
            raise _Refused(0, f"larger than {MAX_BYTES:,} bytes; split the pack")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise _Refused(line, "not UTF-8; save the file as UTF-8") from None
        data = _Builder(text, lines).build()
    except _Refused as refusal:
        field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in refusal.path)
        problem = PackProblem(file, refusal.line, "", field.lstrip("."), refusal.message)
        raise PackError([problem]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(filter(None, (error.context, error.problem)))
        line = mark.line + 1 if mark else 0
        message = f"not valid YAML: {what}; check indentation, quotes and brackets here"
        if "nesting depth" in what:  # PyYAML from 6.0.4 on stops before the builder sees the levels
            message = _TOO_DEEP
        raise PackError([PackProblem(file, line, "", "", message)]) from None
    except yaml.YAMLError as error:
        message = f"not valid YAML: {error}".replace("\n", " ")
        raise PackError([PackProblem(file, 0, "", "", message)]) from None
    return Document(file, data, lines)


class _Builder:
    def __init__(self, text: str, lines: dict[Path, int]) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_PARSER))
        self._lines = lines

    def build(self) -> Any:
        next(self._events)  # the stream begins
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            raise _Refused(1, "the file is empty; a pack begins with 'schema: policy-pack/1'")
        data = self._value(next(self._events), (), 0)
        next(self._events)  # the document ends
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _Refused(after.start_mark.line + 1, "a second document; keep one pack per file")
        return data

    def _value(self, event: Any, path: Path, depth: int) -> Any:
        line = event.start_mark.line + 1
        self._lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(line, "anchors and aliases are not allowed; write it out", path)
        if event.tag is not None and event.tag != "!":
            raise _Refused(line, f"the tag {event.tag} is not allowed; remove it", path)
        if depth > MAX_DEPTH:
            raise _Refused(line, _TOO_DEEP)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event, line, path)

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                raise _Refused(line, "a key must be a plain word", path)
            key = event.value
            if key in found:
                before = self._lines[(*path, key)]
                message = f"the key {key!r} is already on line {before}; keep one of them"
                raise _Refused(line, message, (*path, key))
            self._lines[(*path, key)] = line
            found[key] = self._value(next(self._events), (*path, key), depth + 1)
        return found

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found)), depth + 1))
        return found

    @staticmethod
    def _scalar(event: Any, line: int, path: Path) -> Any:
        value: str = event.value
        if event.style is not None and event.style != "":  # quoted
            return value
        if value in _WORDS:
            return _WORDS[value]
        if len(value) <= 40:
            if _INTEGER.match(value):
                return int(value)
            if _FLOAT.match(value):
                return float(value)
            if _DATE.match(value):
                try:
                    return datetime.date(*map(int, value.split("-")))
                except ValueError as error:
                    raise _Refused(line, f"{value} is not a date: {error}", path) from None
        return value
