"""Deleting strategies, models and datasets, and bringing them back: nothing is lost by a mistake.

What is deleted goes to the trash of the home. What is shipped with ktrdr belongs to the installation: it is never
deleted; a file of the user's that is found in its place can be, and the shipped one is found again. Operations are
unaffected: a run has read all it needs before its handle is given out.
"""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ktrdr_engine.authoring.replies import LibraryReply, TrashRow
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.catalog import Catalog, shipped_root
from ktrdr_engine.datasets.file import DatasetFile, own_files
from ktrdr_engine.errors import DataError, InputError, InvalidRequest, ModelError, StrategyError, did_you_mean, nearest
from ktrdr_engine.strategy.saving import StrategyFolder
from ktrdr_engine.trash import FOLDERS, Kind, Trash, TrashEntry

_SUFFIXES: Final[dict[Kind, tuple[str, ...]]] = {
    "strategy": (".yaml", ".yml"),
    "model": (".pt",),
    "dataset": (".parquet", ".csv"),
}
_ERRORS: Final[dict[Kind, type[InputError]]] = {"strategy": StrategyError, "model": ModelError, "dataset": DataError}
_DATASET: Final = re.compile(rf"(?:data/)?(.+?)[ _]({'|'.join(Timeframe)})(?:\.parquet|\.csv)?", re.DOTALL)


class _Named(NamedTuple):
    """What a name means: as the trash lists it, the user's files, and the shipped one."""

    kind: Kind
    name: str
    own: list[Path]
    shipped: Path | None


class Library:
    """The strategies, models and datasets of a home that can be deleted and restored.

    Args:
        home: The user's folder.
        shipped: Holds the files that belong to the installation.
    """

    def __init__(self, home: Path, shipped: Path | None = None) -> None:
        self._home = home
        self._shipped = shipped or shipped_root()
        self._trash = Trash(home)

    def delete(self, kind: Kind, name: str) -> LibraryReply:
        """Move a user's file to the trash.

        Raises:
            InvalidRequest: Only a shipped one has that name.
            InputError: Of the kind: no such file; names near it are offered, or how to restore it.
            DatasetBusy: A load writes it.
            StorageError: The home cannot be written.
        """
        with self._writing(kind, name):
            found = self._named(kind, name)
            if not found.own:
                raise self._not_there(found, name)
            # Of a strategy in two files, x.yaml and x.yml, one can be named.
            files = [path for path in found.own if kind == "strategy" and path.name == Path(name).name] or found.own
            entry = self._trash.put(kind, found.name, files, why="deleted")
        after = " The shipped one of that name is found again." if found.shipped else ""
        return _reply(
            f"Deleted {kind} {found.name}; it is in the trash.{after}",
            [entry] if entry else [],
            _call("restore", kind, found.name),
        )

    def restore(self, kind: Kind, name: str, entry: str | None = None) -> LibraryReply:
        """Bring back the latest entry of that name, or the one with this id; what is in place goes to the trash.

        Where the trash has nothing, a shipped file that one of the user's hides is brought back.

        Raises:
            InvalidRequest: Neither has anything of that name.
            DatasetBusy, StorageError: As `delete`.
        """
        with self._writing(kind, name):
            found = self._named(kind, name)
            wanted = self._wanted(found, entry)
            if wanted is None or self._is_shipped(wanted):
                what = f"the shipped {kind} {found.name}"
                replaced = self._trash.put(kind, found.name, found.own, why=f"replaced when {what} was restored")
            else:
                what = f"{kind} {found.name} of {wanted.when} ({wanted.why})"
                replaced = self._trash.restore(wanted, replacing=found.own)
        after = " What was in place is in the trash." if replaced else ""
        undo = _call("restore", kind, found.name) if replaced else _call("list")
        return _reply(f"Restored {what}.{after}", [replaced] if replaced else [], undo)

    def entries(self, kind: Kind | None = None, name: str | None = None, limit: int = 14) -> LibraryReply:
        """Return what is in the trash, the latest first."""
        listed = self._named(kind, name).name if kind and name else name
        found = self._trash.entries(kind, listed)
        count = f"{len(found)} entr{'y' if len(found) == 1 else 'ies'} in the trash"
        way_on = _call("restore", found[0].kind, found[0].name) if found else {}
        return _reply(count, found[:limit], way_on, total=len(found))

    def empty(self) -> int:
        """Forget everything in the trash for good and return how many entries that were.

        Raises:
            StorageError: The home cannot be written.
        """
        return self._trash.empty()

    def _named(self, kind: Kind, name: str) -> _Named:
        if kind == "dataset":
            return self._dataset(name)
        own, shipped = (
            Catalog(FOLDERS[kind], _SUFFIXES[kind], (root,), _ERRORS[kind]) for root in (self._home, self._shipped)
        )
        bare = own.bare(name)
        names = [f"{bare}{suffix}" for suffix in _SUFFIXES[kind]]
        # Not Path.is_file, to which a name that no file can have is an error.
        files = [path for name in names if os.path.isfile(path := self._home / FOLDERS[kind] / name)]
        is_shipped = not set(names).isdisjoint(shipped.names())
        return _Named(kind, bare, files, shipped.find(bare) if is_shipped else None)

    def _dataset(self, name: str) -> _Named:
        symbol, timeframe = _dataset_of(name)
        own, shipped = BarStore((self._home,)), BarStore((self._shipped,))
        symbol = own.name_of(symbol, timeframe)
        files = own_files(own.path(symbol, timeframe)) if (symbol, timeframe) in own.datasets() else []
        is_shipped = (symbol, timeframe) in shipped.datasets()
        return _Named(
            "dataset", f"{symbol}_{timeframe}", files, shipped.path(symbol, timeframe) if is_shipped else None
        )

    @contextmanager
    def _writing(self, kind: Kind, name: str) -> Iterator[None]:
        """Hold the right to write, where another writer could be at work."""
        if kind == "dataset":
            symbol, timeframe = _dataset_of(name)
            kept = BarStore((self._home,)).name_of(symbol, timeframe)
            with DatasetFile(self._home, kept, timeframe).locked():
                yield
        elif kind == "strategy":
            with StrategyFolder(self._home).locked():
                yield
        else:
            yield

    def _wanted(self, found: _Named, id: str | None) -> TrashEntry | None:
        entries = self._trash.entries(found.kind, found.name)
        if id is not None:
            matching = [entry for entry in entries if entry.id == id.zfill(6)]
            if not matching:
                known = [entry.id for entry in entries]
                raise InvalidRequest(
                    f"entry={id!r}: the trash has no such entry of {found.kind} {found.name}."
                    f"{did_you_mean(id, known) if known else ''} manage_library(action='list') shows all.",
                    details={"field": "entry", "value": id, "known": known},
                )
            return matching[0]
        if entries:
            return entries[0]
        if found.shipped and found.own:
            return None
        known = sorted({entry.name for entry in self._trash.entries(found.kind)})
        there = " The shipped one is in place." if found.shipped else ""
        raise InvalidRequest(
            f"name={found.name!r}: there is no such {found.kind} in the trash.{there}{did_you_mean(found.name, known)}",
            # Only what is alike: a repair never names another thing than was meant.
            details={"field": "name", "value": found.name, "known": nearest(found.name, known)},
        )

    def _is_shipped(self, entry: TrashEntry) -> bool:
        """Return whether an entry is the shipped file as it still is."""
        kept = self._trash.paths(entry)[0]
        shipped = self._shipped / FOLDERS[entry.kind] / kept.name
        return shipped.is_file() and filecmp.cmp(kept, shipped, shallow=False)

    def _not_there(self, found: _Named, name: str) -> InputError:
        if found.shipped:
            return InvalidRequest(
                f"{found.kind} {found.name} is shipped with ktrdr: it belongs to the installation and is never "
                "deleted. Leave it; a file of yours under that name is found in its place.",
                details={"field": "name", "value": name},
            )
        if self._trash.entries(found.kind, found.name):
            return _ERRORS[found.kind](
                f"{found.kind} {found.name} is in the trash already: restore it to have it back.",
                details={"field": "name", "value": name},
            )
        known = self.names(found.kind)
        return _ERRORS[found.kind](
            f"You have no {found.kind} {found.name!r}.{did_you_mean(found.name, known)}",
            details={"field": "name", "value": name, "known": nearest(found.name, known)},
        )

    def names(self, kind: Kind) -> list[str]:
        """Return the names of the user's files of a kind."""
        if kind == "dataset":
            return [f"{symbol}_{timeframe}" for symbol, timeframe in BarStore((self._home,)).datasets()]
        catalog = Catalog(FOLDERS[kind], _SUFFIXES[kind], (self._home,), _ERRORS[kind])
        return [catalog.bare(name) for name in catalog.names()]


def _dataset_of(name: str) -> tuple[str, str]:
    found = _DATASET.fullmatch(name)
    if found is None:
        raise DataError(
            f"name={name[:80]!r} is no dataset: write symbol and timeframe, such as EURUSD_1h or BTC/USDT_1d.",
            details={"field": "name", "value": name[:80]},
        )
    return found[1], found[2]


def _reply(
    message: str, entries: list[TrashEntry], way_on: dict[str, str], *, total: int | None = None
) -> LibraryReply:
    rows = tuple(TrashRow(id=one.id, kind=one.kind, name=one.name, when=one.when, why=one.why) for one in entries)
    return LibraryReply(
        message=message, entries=rows, total=len(rows) if total is None else total, returned=len(rows), next=way_on
    )


def _call(action: str, kind: str | None = None, name: str | None = None) -> dict[str, str]:
    arguments = {"action": action, "kind": kind, "name": name}
    return {key: value for key, value in arguments.items() if value is not None}
