"""What is wrong with a pack, and where: file, line, rule, field, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.errors import ModerationError


@dataclass(frozen=True, slots=True, order=True)
class PackProblem:
    """One complaint about one place of one pack file."""

    file: str
    line: int  #: 1-based; 0 when the whole file is meant
    rule: str  #: rule id, or "" outside of rules
    field: str  #: dotted path below the rule, or below the file
    message: str  #: what is wrong and what to do
    code: str = ""  #: `L1` … `L12` for safety constraints, "" for form
    warning: bool = False  #: warnings are shown and do not stop a pack

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place]
        if self.rule:
            parts.append(f"rule {self.rule}")
        if self.field:
            parts.append(f"field {self.field}")
        lead = ", ".join(parts)
        code = f"{self.code} " if self.code else ""
        return f"{lead}: {code}{self.message}"


class PackError(ModerationError):
    """The policy packs cannot be used; every problem is listed with file, line, rule and field."""

    def __init__(self, problems: Sequence[PackProblem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
