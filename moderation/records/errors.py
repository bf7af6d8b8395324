"""What can go wrong with the records."""

from __future__ import annotations

from moderation.errors import ModerationError


class DatabaseUnavailable(ModerationError):
    """The database cannot be opened, read or written."""


class WritersCollided(DatabaseUnavailable):
    """Two writers waited for each other; one was stopped and nothing of it stored: try again."""


class DatabaseTooNew(ModerationError):
    """The database was written by a newer version of the workbench."""


class NotFound(ModerationError):
    """No record with that id."""


class AuditBroken(ModerationError):
    """The audit log was edited, or entries were dropped or reordered."""


class ReviewerRefused(ModerationError):
    """A reviewer's name, password, language or role is not acceptable."""


class PolicyRefused(ModerationError):
    """A policy version cannot be moved to that state by that person."""


class ContentHeld(ModerationError):
    """Content under a legal hold cannot be deleted."""
