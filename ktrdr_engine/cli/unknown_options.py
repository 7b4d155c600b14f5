"""Options there are not, answered by what is true of the idea behind them rather than by options spelt alike."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from ktrdr_engine.vocabulary import concept, strategy_field


class StartCommand(TyperCommand):
    """A command that starts work, of whose options other backtesters have many more."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options; `ctx` is a click context, whose class lies elsewhere in other versions of typer.

        Raises:
            BadParameter: One is known elsewhere, and is not supported or belongs to the strategy.
        """
        known = {option for parameter in self.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name in (argument.partition("=")[0] for argument in args if argument.startswith("--")):
            answer = None if name in known else concept(name) or strategy_field(name)
            if answer:
                raise typer.BadParameter(f"No such option: {name}. {answer}.", ctx=ctx)
        return super().parse_args(ctx, args)
