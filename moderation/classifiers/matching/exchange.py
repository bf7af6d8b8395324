"""Banks from and for other platforms, by Meta's `threatexchange` package (extra `threatexchange`).

The package knows the exchanges (NCMEC, StopNCII, Tech Against Terrorism, ThreatExchange, signal
files); credentials and collaborations are configured as it documents. Here its answers become
entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moderation.classifiers.matching.bank_files import BadLine, hash_from_hex
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import BankError, NewEntry
from moderation.classifiers.matching.fingerprints import HashKind

#: The package's names of signal types → our kinds. Its digests are called "video" but are of files.
_KINDS = {"pdq": HashKind.PDQ, "video_md5": HashKind.MD5, "video_sha256": HashKind.SHA256}


def _signal_types() -> list[Any]:
    try:
        from threatexchange.signal_type.md5 import VideoMD5Signal
        from threatexchange.signal_type.pdq.signal import PdqSignal
        from threatexchange.signal_type.sha256 import VideoSHA256Signal
    except ImportError:
        raise BankError(
            "exchanging signals needs the package threatexchange; "
            "install moderation-workbench[threatexchange]"
        ) from None
    return [PdqSignal, VideoMD5Signal, VideoSHA256Signal]


def entries_of_exchange(api: Any, *, source: str) -> Iterator[NewEntry | BadLine]:
    """Everything that an exchange offers now, as entries.

    Signals that all opinions call harmless are left out; tags become the entry's note.

    Args:
        api: a `threatexchange.exchanges.signal_exchange_api.SignalExchangeAPI`, authenticated.
        source: provenance of the entries.

    Raises:
        BankError: the package is not installed.
    """
    types = _signal_types()
    from threatexchange.exchanges.fetch_state import AggregateSignalOpinionCategory

    fetched: dict[Any, Any] = {}
    for delta in api.fetch_iter(types, None):
        api.naive_fetch_merge(fetched, delta.updates)
    collaboration = getattr(api, "collab", None)
    for signal_type, signals in api.naive_convert_to_signal_type(
        types, collaboration, fetched
    ).items():
        for value, details in signals.items():
            opinion = details.get_as_aggregate_opinion()
            if opinion.category is AggregateSignalOpinionCategory.NEGATIVE_CLASS:
                continue
            try:
                signal_type.validate_signal_str(value)
                kind, raw = hash_from_hex(_KINDS[signal_type.get_name()].value, value)
            except (BankError, ValueError, AssertionError) as error:
                yield BadLine(f"{source}, signal {value[:80]!r}", str(error))
                continue
            yield NewEntry(
                {kind: (raw,)},
                source=source,
                note=", ".join(sorted(map(str, opinion.tags))),
            )


def read_signal_file(path: Path, *, source: str = "") -> Iterator[NewEntry | BadLine]:
    """The entries of a signal file: lines of a signal type, a space and the hash.

    Raises:
        BankError: the package is not installed, or the file cannot be read.
    """
    _signal_types()
    from threatexchange.exchanges.impl.file_api import (
        FileCollaborationConfig,
        LocalFileSignalExchangeAPI,
    )

    if not path.is_file():
        raise BankError(f"{path} is not a readable file")
    known = {signal_type.get_name() for signal_type in _signal_types()}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        name = line.split(" ", 1)[0].strip()
        if name and name not in known:
            yield BadLine(f"{path}, line {number}", f"unknown signal type {name!r}")
    collaboration = FileCollaborationConfig(name=path.name, filename=str(path.resolve()))
    api = LocalFileSignalExchangeAPI(collaboration)
    yield from entries_of_exchange(api, source=source or path.name)


def write_signal_file(store: BankStore, bank: str, path: Path) -> int:
    """Write a bank's hashes as a signal file; the number of lines. dHash has no type there.

    Raises:
        BankError: there is no such bank, or the file cannot be written.
    """
    names = {kind: name for name, kind in _KINDS.items()}
    lines = [
        f"{names[kind]} {value.hex()}\n" for _, kind, value in store.export(bank) if kind in names
    ]
    try:
        path.write_text("".join(lines), "utf-8")
    except OSError as error:
        raise BankError(f"{path} cannot be written: {error}") from error
    return len(lines)
