"""Which pack set is meant, and which is in force.

A version that was approved and made live in the database is in force; without one, the folder of
packs is. So one command (or click) that moves the live version moves what every process does, with
its next look.
"""

from __future__ import annotations

import datetime
import logging
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from moderation.errors import ModerationError
from moderation.policy import PackSet, load_packs
from moderation.policy.lint import safety_problems
from moderation.policy.problems import PackError
from moderation.policy.rollout import LivePacks, Rollout
from moderation.records import (
    Database,
    PolicyRollout,
    PolicyVersion,
    apply_schedule,
    current_rollout,
    draft_policy,
    live_policy,
    policy_files,
)

_log = logging.getLogger(__name__)

#: In whose name the packs of a folder are kept in the database.
FOLDER = "folder"


class PolicyInForce:
    """What to act on now: the live version (or the folder), and a version on trial beside it.

    `refresh` looks into the database and compiles what has changed; `current` only hands out what
    the last look found, so that no request ever waits for a database or a compiler.

    What no longer compiles (it always did when it was approved) leaves the last good set in force
    and says why in `problem`.

    Args:
        database: where versions are approved, scheduled, made live and tried.
        folder: the packs that are in force while the database has no live version.
        today: the day packs are judged for; the present day (UTC) if not given.
        keep: keep the files of the folder in the database when they are in force, so that the
            hash in each verdict can be resolved to them again.

    Raises:
        PackError: nothing can be put into force: the folder is broken.
        DatabaseUnavailable: the database cannot be read.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        today: datetime.date | None = None,
        keep: bool = False,
    ) -> None:
        self._database = database
        self._folder = folder
        self._today = today
        self._keep = keep
        self._kept = ""
        self._live_packs: LivePacks | None = None
        self._compiled: dict[str, PackSet] = {}
        self._rollout: Rollout | None = None
        self.problem = ""  #: why something newer is not in force
        self._look()

    def current(self) -> Rollout:
        """What was in force at the last look."""
        assert self._rollout is not None
        return self._rollout

    def refresh(self) -> Rollout:
        """Look again. Trouble leaves everything as it was and is told in `problem`."""
        try:
            self._look()
        except (ModerationError, SQLAlchemyError, OSError) as error:
            if str(error) != self.problem:
                _log.error("the policy stays as it was: %s", error)
            self.problem = str(error)
        return self.current()

    def _look(self) -> None:
        self.problem = ""
        apply_schedule(self._database)
        today = self._today or datetime.datetime.now(datetime.UTC).date()
        live, trial = live_policy(self._database), current_rollout(self._database)
        packs = self._live(live, today)
        candidate = self._candidate(trial, today)
        wanted = {version.hash for version in (live,) if version is not None}
        wanted |= {trial.policy_hash for trial in (trial,) if trial is not None}
        self._compiled = {name: kept for name, kept in self._compiled.items() if name in wanted}
        found = Rollout(packs)
        if trial is not None and candidate is not None:
            found = Rollout(packs, candidate, trial.percent, trial.id or 0)
        if self._rollout is None or not _same(found, self._rollout):
            self._rollout = found

    def _live(self, live: PolicyVersion | None, today: datetime.date) -> PackSet:
        if live is None:
            return self._of_folder(today)
        try:
            return self._of_version(live.hash, today)
        except PackError as error:
            if self._rollout is None:
                raise
            self._complain(error)
            return self._rollout.live

    def _candidate(self, trial: PolicyRollout | None, today: datetime.date) -> PackSet | None:
        if trial is None:
            return None
        try:
            return self._of_version(trial.policy_hash, today)
        except PackError as error:
            self._complain(error)
            return None

    def _of_version(self, version: str, today: datetime.date) -> PackSet:
        packs = self._compiled.get(version)
        if packs is None or packs.today != today:
            packs = checked(policy_files(self._database, version), today=today)
            self._compiled[version] = packs
        return packs

    def _of_folder(self, today: datetime.date) -> PackSet:
        if self._live_packs is None:
            self._live_packs = LivePacks(self._folder, today=today)
        packs = self._live_packs.current(today=today)
        if self._live_packs.error is not None:
            self._complain(self._live_packs.error)
        if self._keep and packs.content_hash != self._kept:
            draft_policy(
                self._database,
                packs.content_hash,
                packs.files,
                by=FOLDER,
                note="in force unproposed",
            )
            self._kept = packs.content_hash
        return packs

    def _complain(self, error: PackError) -> None:
        self.problem = self.problem or str(error)


def _same(one: Rollout, other: Rollout) -> bool:
    return (
        one.live is other.live
        and one.candidate is other.candidate
        and (one.canary_percent, one.number) == (other.canary_percent, other.number)
    )


def resolve_packs(
    reference: str,
    folder: Path,
    database: Database | None,
    *,
    today: datetime.date | None = None,
) -> PackSet:
    """The pack set that a person names: a folder, `live`, or the (beginning of the) hash of a
    version in the database; judged for a day.

    Raises:
        NotFound: no such version.
        PackError: the packs are broken, or the reference names nothing.
    """
    if Path(reference).is_dir():
        return load_packs(Path(reference), today=today)
    live = live_policy(database) if database is not None and reference == "live" else None
    if database is None or (reference == "live" and live is None):
        return load_packs(folder if reference == "live" else Path(reference), today=today)
    name = live.hash if live is not None else _with_prefix(reference)
    return checked(policy_files(database, name), today=today)


def checked(files: dict[str, bytes], *, today: datetime.date | None = None) -> PackSet:
    """A pack set from files that keeps all safety constraints.

    Raises:
        PackError: it does not.
    """
    packs = PackSet.from_files(files, today=today)
    unsafe = [problem for problem in safety_problems(packs) if not problem.warning]
    if unsafe:
        raise PackError(unsafe)
    return packs


def _with_prefix(reference: str) -> str:
    return reference if reference.startswith("sha256:") else f"sha256:{reference}"
