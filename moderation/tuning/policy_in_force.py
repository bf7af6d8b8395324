"""Which pack set is meant, and which is in force.

A version that was approved and made live in the database is in force; without one, the folder of
packs is. So one command (or click) that moves the live version moves what every process does, with
its next look.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from moderation.policy import PackSet, load_packs
from moderation.policy.lint import safety_problems
from moderation.policy.problems import PackError
from moderation.records import Database, live_policy, policy_files


class PolicyInForce:
    """The pack set to act on now; compiled again only when the version or the day changes.

    A live version that no longer compiles (it always did when it was approved) leaves the last
    good set in force and says why in `error`.

    Args:
        database: where versions are approved and made live.
        folder: the packs that are in force while the database has no live version.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._packs: PackSet | None = None
        self._version: str | None = None
        self.error: PackError | None = None

    def current(self) -> PackSet:
        """The set in force.

        Raises:
            PackError: nothing was ever in force, and the folder is broken.
        """
        today = datetime.datetime.now(datetime.UTC).date()
        live = live_policy(self._database)
        version = live.hash if live is not None else None
        packs = self._packs
        if packs is not None and version == self._version and packs.today == today:
            return packs
        try:
            if version is None:
                packs = load_packs(self._folder, today=today)
            else:
                packs = checked(policy_files(self._database, version), today=today)
            self.error = None
        except PackError as error:
            if packs is None:
                raise
            self.error = error
        self._packs, self._version = packs, version
        return packs


def resolve_packs(reference: str, folder: Path, database: Database | None) -> PackSet:
    """The pack set that a person names: a folder, `live`, or the (beginning of the) hash of a
    version in the database.

    Raises:
        NotFound: no such version.
        PackError: the packs are broken, or the reference names nothing.
    """
    if Path(reference).is_dir():
        return load_packs(Path(reference))
    if database is None or (reference == "live" and live_policy(database) is None):
        return load_packs(folder if reference == "live" else Path(reference))
    if reference == "live":
        live = live_policy(database)
        assert live is not None
        reference = live.hash
    return checked(policy_files(database, _with_prefix(reference)))


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
