"""Reviewers: creating them, signing them in, what they read and may do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlmodel import Session, col

from moderation.errors import UnknownRegion
from moderation.items import Surface, check_regions
from moderation.records import audit
from moderation.records.database import Database
from moderation.records.errors import NotFound, ReviewerRefused
from moderation.records.people_tables import Reviewer, Role
from moderation.taxonomy import category

#: Shortest password accepted (NIST SP 800-63B-4 asks for 15 where it is the only factor; 8 with
#: another one). Local accounts have no other factor, but a laptop try-out is common.
MIN_PASSWORD = 10

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_hasher = PasswordHasher()

# Verifying against this costs as much as against a real hash, so that the time a refusal takes
# does not tell whether the name exists.
_NOBODY = _hasher.hash("nobody has this password")


@lru_cache(maxsize=4096)
def primary_language(tag: str | None) -> str:
    """`zh-Hans` → `zh`; `und` when unknown."""
    first = (tag or "und").replace("_", "-").split("-")[0].lower()
    return first if _LANGUAGE.fullmatch(first) else "und"


def create_reviewer(
    database: Database,
    reviewer_id: str,
    *,
    password: str | None = None,
    display_name: str = "",
    languages: Iterable[str] = (),
    roles: Iterable[str] = (Role.REVIEWER,),
    seniority: int = 1,
    queues: Iterable[str] = (),
    surfaces: Iterable[str] = (),
    regions: Iterable[str] = (),
    by: str = "workbench",
) -> Reviewer:
    """Add a person. Without a password they cannot sign in locally.

    Args:
        queues, surfaces, regions: what they work on; empty means everything.

    Raises:
        ReviewerRefused: the name is taken or malformed, the password too short, a language, role,
            surface or region unknown.
    """
    if not _NAME.fullmatch(reviewer_id):
        raise ReviewerRefused(
            f"the name {reviewer_id!r} is not usable: small letters, digits and . _ @ - only"
        )
    reviewer = Reviewer(
        id=reviewer_id,
        display_name=display_name or reviewer_id,
        password_hash=_hash(password) if password is not None else "",
        languages=_languages(languages),
        roles=_roles(roles),
        queues=list(queues),
        surfaces=_surfaces(surfaces),
        regions=_regions(regions),
        seniority=seniority,
        joined_at=database.now(),
    )
    with database.write() as session:
        if session.get(Reviewer, reviewer_id) is not None:
            raise ReviewerRefused(f"there is a reviewer {reviewer_id} already; choose another name")
        session.add(reviewer)
        session.flush()
        _note(
            session, reviewer.joined_at, reviewer, "reviewer_created", by, {"roles": reviewer.roles}
        )
    return reviewer


def authenticate(database: Database, reviewer_id: str, password: str) -> Reviewer | None:
    """The reviewer, if name and password fit and the account is not disabled; else None.

    A refusal does not tell which of the three it was, nor by the time that it takes.
    """
    with database.read() as session:
        reviewer = session.get(Reviewer, reviewer_id)
    stored = reviewer.password_hash if reviewer and reviewer.password_hash else _NOBODY
    try:
        _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return None
    if reviewer is None or not reviewer.password_hash or reviewer.disabled_at is not None:
        return None
    return reviewer


def get_reviewer(database: Database, reviewer_id: str) -> Reviewer:
    """One reviewer.

    Raises:
        NotFound: nobody has that name.
    """
    with database.read() as session:
        return load_reviewer(session, reviewer_id)


def load_reviewer(session: Session, reviewer_id: str) -> Reviewer:
    """One reviewer, within a session that is open already.

    Raises:
        NotFound: nobody has that name.
    """
    reviewer = session.get(Reviewer, reviewer_id)
    if reviewer is None:
        raise NotFound(f"no reviewer {reviewer_id!r}; `moderation reviewers list` shows all")
    return reviewer


def list_reviewers(database: Database, *, disabled: bool = False) -> list[Reviewer]:
    """All reviewers by name; the disabled ones only if asked for."""
    with database.read() as session:
        query = select(Reviewer).order_by(col(Reviewer.id))
        if not disabled:
            query = query.where(col(Reviewer.disabled_at).is_(None))
        return list(session.execute(query).scalars().all())


def change_reviewer(
    database: Database,
    reviewer_id: str,
    *,
    password: str | None = None,
    display_name: str | None = None,
    languages: Iterable[str] | None = None,
    roles: Iterable[str] | None = None,
    queues: Iterable[str] | None = None,
    surfaces: Iterable[str] | None = None,
    regions: Iterable[str] | None = None,
    opt_outs: Iterable[str] | None = None,
    seniority: int | None = None,
    disabled: bool | None = None,
    by: str = "workbench",
) -> Reviewer:
    """Change what is given, keep the rest. Opt-outs are not written to the audit log: they are
    nobody's business.

    Raises:
        NotFound: nobody has that name.
        ReviewerRefused: as `create_reviewer`.
        UnknownCategory: an opt-out names no category.
    """
    now = database.now()
    wanted: dict[str, Any] = {
        "password_hash": None if password is None else _hash(password),
        "display_name": display_name,
        "languages": None if languages is None else _languages(languages),
        "roles": None if roles is None else _roles(roles),
        "queues": None if queues is None else list(queues),
        "surfaces": None if surfaces is None else _surfaces(surfaces),
        "regions": None if regions is None else _regions(regions),
        "opt_outs": None if opt_outs is None else sorted({category(n).id for n in opt_outs}),
        "seniority": seniority,
    }
    changes = {name: value for name, value in wanted.items() if value is not None}
    if disabled is not None:
        changes["disabled_at"] = now if disabled else None
    with database.write() as session:
        reviewer = load_reviewer(session, reviewer_id)
        for name, value in changes.items():
            setattr(reviewer, name, value)
        session.add(reviewer)
        session.flush()
        told = {k: v for k, v in changes.items() if k not in {"password_hash", "opt_outs"}}
        if "password_hash" in changes:
            told["credentials"] = "changed"
        if told:
            _note(session, now, reviewer, "reviewer_changed", by, told)
    return reviewer


def _note(
    session: Session, at: float, reviewer: Reviewer, action: str, by: str, detail: dict[str, Any]
) -> None:
    audit.append(
        session,
        at=at,
        actor=by,
        action=action,
        subject=f"reviewer:{reviewer.id}",
        detail=detail,
    )


def _hash(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise ReviewerRefused(
            f"the password is too short: give it at least {MIN_PASSWORD} characters"
        )
    if len(password) > 1000:
        raise ReviewerRefused("the password is longer than 1,000 characters")
    return _hasher.hash(password)


def _languages(given: Iterable[str]) -> list[str]:
    found = []
    for tag in given:
        language = primary_language(tag)
        if language == "und":
            raise ReviewerRefused(f"{tag!r} is no language code; write zh, en, es, ja, ko …")
        if language not in found:
            found.append(language)
    return found


def _roles(given: Iterable[str]) -> list[str]:
    try:
        return sorted({Role(role).value for role in given})
    except ValueError as error:
        raise ReviewerRefused(f"{error}; the roles are {', '.join(Role)}") from None


def _surfaces(given: Iterable[str]) -> list[str]:
    try:
        return sorted({Surface(surface).value for surface in given})
    except ValueError as error:
        raise ReviewerRefused(f"{error}; the surfaces are {', '.join(Surface)}") from None


def _regions(given: Iterable[str]) -> list[str]:
    wanted = list(given)
    try:
        return sorted(check_regions(wanted)) if wanted else []
    except UnknownRegion as error:
        raise ReviewerRefused(str(error)) from None
