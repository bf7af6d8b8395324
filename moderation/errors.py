"""The errors that the workbench raises. Each class's docstring says what kind of trouble it is;
each message says what was wrong, where (file, line, field, item) and what to do next."""

from __future__ import annotations


class ModerationError(Exception):
    """Something that the caller can mend; the message says how."""


class InvalidItem(ModerationError):
    """A submitted item does not fit the schema of `moderation.items.Item`."""

    def __init__(self, message: str, *, field: str = "", item_id: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.item_id = item_id


class ModelUnavailable(ModerationError):
    """A model cannot be loaded: its file is missing, truncated or of another version."""


class UnknownCategory(ModerationError):
    """A name that is not one of the categories of `moderation.taxonomy`."""


class UnknownRegion(ModerationError):
    """A viewer region that is not an ISO 3166-1 alpha-2 code."""
