"""What `ktrdr library` does: the trash listed, filled, restored from and emptied."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

import typer

from ktrdr_engine.cli.asking import ask
from ktrdr_engine.cli.fitting import print_fitted
from ktrdr_engine.cli.running import print_json
from ktrdr_engine.cli.visible import visible
from ktrdr_engine.errors import InvalidRequest, did_you_mean
from ktrdr_engine.trash import Kind

if TYPE_CHECKING:
    from ktrdr_engine.authoring.replies import LibraryReply
    from ktrdr_engine.settings import Settings

_ALL = 1_000_000
_COLUMNS = ("entry", "kind", "name", "when", "why")


def show_trash(settings: Settings, kind: str | None, *, as_json: bool) -> None:
    """Print what can be restored."""
    wanted = None if kind is None else _kind(kind)
    found = ask(settings, lambda application: application.library.entries(wanted, limit=_ALL))
    if as_json:
        print_json([row.model_dump(mode="json") for row in found.entries])
        return
    rows = ((row.id, row.kind, row.name, row.when, row.why) for row in found.entries)
    print_fitted(found.message, _COLUMNS, rows, spare=("why", "when"))


def delete_file(settings: Settings, kind: str, name: str, *, as_json: bool) -> None:
    """Move a file to the trash and print how to bring it back."""
    wanted = _kind(kind)
    done = ask(settings, lambda application: application.library.delete(wanted, name))
    _show(done, f"ktrdr library restore {wanted} {done.entries[0].name} brings it back.", as_json=as_json)


def restore_file(settings: Settings, kind: str, name: str, entry: str | None, *, as_json: bool) -> None:
    """Bring a file back and print what became of the one in place."""
    wanted = _kind(kind)
    done = ask(settings, lambda application: application.library.restore(wanted, name, entry))
    way_on = f"ktrdr library restore {wanted} {done.entries[0].name} undoes this." if done.entries else ""
    _show(done, way_on, as_json=as_json)


def empty_trash(settings: Settings, *, yes: bool, as_json: bool) -> None:
    """Forget everything in the trash, once whoever asked has said so."""
    count = ask(settings, lambda application: application.library.entries(limit=0)).total
    if count and not yes:
        typer.confirm(f"Forget {count} entries, and the earlier texts of strategies, for good?", abort=True, err=True)
    count = ask(settings, lambda application: application.library.empty())
    if as_json:
        print_json({"removed": count})
        return
    typer.echo(f"Removed {count} entries.")


def _kind(word: str) -> Kind:
    if word not in get_args(Kind):
        raise InvalidRequest(
            f"kind {word!r} is not known.{did_you_mean(word, get_args(Kind))}", details={"field": "kind", "value": word}
        )
    return cast(Kind, word)


def _show(done: LibraryReply, way_on: str, *, as_json: bool) -> None:
    if as_json:
        print_json(done.model_dump(mode="json", exclude={"next"}))
        return
    typer.echo(visible(done.message))
    if way_on:
        typer.echo(f"Next: {visible(way_on)}")
