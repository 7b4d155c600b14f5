"""What a shell offers after TAB: ids of operations, names of strategies and models. A failure offers nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from typing import Final, get_args

from typer import Context

from ktrdr_engine.errors import KtrdrError
from ktrdr_engine.trash import Kind

_SEARCHED_OPERATIONS: Final = 100


def operation_ids(incomplete: str) -> list[str]:
    """Return the ids of the newest operations that begin so."""
    return _beginning_with(incomplete, _operation_ids)


def strategy_paths(incomplete: str) -> list[str]:
    """Return the strategies that begin so, as commands take them."""
    return _beginning_with(incomplete, lambda: _paths("strategies", (".yaml", ".yml")))


def model_paths(incomplete: str) -> list[str]:
    """Return the models that begin so, as commands take them."""
    return _beginning_with(incomplete, lambda: _paths("models", (".pt",)))


def kinds(incomplete: str) -> list[str]:
    """Return the kinds of files that begin so."""
    return _beginning_with(incomplete, lambda: list(get_args(Kind)))


def own_names(context: Context, incomplete: str) -> list[str]:
    """Return the names of the user's own files, of the kind typed before, that begin so."""
    return _beginning_with(incomplete, lambda: _own_names(context.params.get("kind")))


def _beginning_with(incomplete: str, known: Callable[[], list[str]]) -> list[str]:
    # A line about a broken .env would end up in what is being typed.
    with suppress(KtrdrError, OSError), redirect_stderr(io.StringIO()):
        return [name for name in known() if name.startswith(incomplete)]
    return []


def _operation_ids() -> list[str]:
    import anyio

    from ktrdr_engine.composition import open_application
    from ktrdr_engine.settings import load_settings

    async def listed() -> list[str]:
        async with open_application(load_settings()) as application:
            page = await application.operations.list_operations(limit=_SEARCHED_OPERATIONS)
        return [row.operation_id for row in page.operations]

    return anyio.run(listed)


def _paths(kind: str, suffixes: tuple[str, ...]) -> list[str]:
    from ktrdr_engine.catalog import Catalog, shipped_root
    from ktrdr_engine.errors import InputError
    from ktrdr_engine.settings import load_settings

    files = Catalog(kind, suffixes, (load_settings().ktrdr_home, shipped_root()), InputError)
    return [f"{kind}/{name}" for name in files.names()]


def _own_names(kind: object) -> list[str]:
    from ktrdr_engine.authoring.library import Library
    from ktrdr_engine.settings import load_settings

    library = Library(load_settings().ktrdr_home)
    return [name for known in get_args(Kind) if known == kind for name in library.names(known)]
