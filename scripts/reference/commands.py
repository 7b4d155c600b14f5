"""The `ktrdr` command line, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import typer

from ktrdr_engine.cli.app import app
from scripts.reference.words import heading, paragraph, table

if TYPE_CHECKING:
    import click


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from heading("Command line")
    yield from paragraph(
        """`--json` prints JSON and nothing else on stdout. Exit codes: 0 done, 1 the operation failed, 2 bad usage or
        input, 130 cancelled by Ctrl-C. `ktrdr --install-completion` lets the shell complete commands and names."""
    )
    # typer carries a click of its own, of the same shape.
    yield from _command("ktrdr", cast("click.Command", typer.main.get_command(app)))


def _command(path: str, command: click.Command) -> Iterator[str]:
    if path != "ktrdr":
        yield from ("", f"## {path}", "", " ".join((command.help or "").split()))
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield from table(("option", "default", "meaning"), rows)
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _command(f"{path} {name}", inner)


def _row(parameter: click.Parameter) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    name = ", ".join(parameter.opts) if is_option else (parameter.metavar or str(parameter.name).upper())
    default = "required" if parameter.required else _default(parameter.default)
    return f"`{name}`", default, getattr(parameter, "help", None) or ""


def _default(value: object) -> str:
    return f"`{value}`" if isinstance(value, (str, int, float)) and not isinstance(value, bool) else "none"
