"""The tools that list, read, check and write strategy files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from ktrdr_engine.authoring.replies import SavedStrategy, StrategyCheck, StrategyPage, StrategyText
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.authoring_views import check_text, saved_text, strategies_text, strategy_text
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.fitting import fitting_rows
from ktrdr_mcp.tools.reading import READ_ONLY, ListLimit, Offset, in_thread
from ktrdr_mcp.views import reply

if TYPE_CHECKING:
    from ktrdr_engine.authoring.shelves import Shelves

_YAML_BYTES = 8_000

Name = Annotated[str, Field(min_length=1, max_length=120, description="As list_strategies shows it")]
Yaml = Annotated[str, Field(min_length=1, max_length=262_144, description="The whole text of a strategy file")]
YamlToCheck = Annotated[
    str | None, Field(min_length=1, max_length=262_144, description="The whole text of a strategy file; or give name")
]
NameToCheck = Annotated[
    str | None, Field(min_length=1, max_length=120, description="A saved strategy, instead of yaml")
]
Sha256 = Annotated[
    str | None,
    Field(min_length=64, max_length=64, description="Of your file that shall be replaced; omit for a new file"),
]
Version = Annotated[
    str | None, Field(min_length=6, max_length=64, description="First letters of the sha256 of an earlier text")
]


def strategy_tools(shelves: Callable[[], Shelves]) -> list[StrictTool]:
    """Return the tools over the libraries that `shelves` returns; it is called in a thread."""
    return [_list_strategies(shelves), _get_strategy(shelves), _save_strategy(shelves), _validate_strategy(shelves)]


def _list_strategies(shelves: Callable[[], Shelves]) -> StrictTool:
    async def list_strategies(limit: ListLimit = 20, offset: Offset = 0) -> Annotated[CallToolResult, StrategyPage]:
        """Lists the `strategies` there are, yours and the shipped ones, each with its `newest_model` or its `problem`.

        Use it to see what can be backtested or taken as a pattern.
        Call `get_strategy` next to read one.
        """
        from ktrdr_engine.authoring.strategies import strategy_page

        page = fitting_rows(await in_thread(lambda: strategy_page(shelves(), limit, offset)), "strategies")
        return reply(strategies_text(page, offset), page)

    return StrictTool.declare(
        list_strategies, title="List strategies", example="list_strategies(limit=20)", annotations=READ_ONLY
    )


def _get_strategy(shelves: Callable[[], Shelves]) -> StrictTool:
    async def get_strategy(name: Name, version: Version = None) -> Annotated[CallToolResult, StrategyText]:
        """Returns a strategy: its `yaml`, its `sha256` and a `summary` in plain words.

        Use it before you change one or write one like it, or with `version` for a text that was replaced.
        Call `validate_strategy` next with your own text.
        """
        from ktrdr_engine.authoring.strategies import get_strategy as read

        found = await in_thread(lambda: read(shelves(), name, version))
        fitting = found.model_copy(update={"yaml": bounded(found.yaml, _YAML_BYTES), "summary": _short(found.summary)})
        return reply(strategy_text(found), fitting)

    return StrictTool.declare(
        get_strategy,
        title="Read a strategy",
        example='get_strategy(name="rsi_mean_reversion")',
        annotations=READ_ONLY,
    )


def _save_strategy(shelves: Callable[[], Shelves]) -> StrictTool:
    async def save_strategy(
        name: Name, yaml: Yaml, expected_sha256: Sha256 = None
    ) -> Annotated[CallToolResult, SavedStrategy]:
        """Checks the text of a strategy and, only if it is valid, writes it as your file and returns its `sha256`.

        Use it to keep a new or changed strategy; replacing a file takes the `expected_sha256` that is there, and keeps
        the old text.
        Call `start_training` next, or `start_backtest` where rules decide or a model fits.
        """
        from ktrdr_engine.authoring.strategies import save_strategy as save

        saved = await in_thread(lambda: save(shelves(), name, yaml, expected_sha256))
        return reply(saved_text(saved), saved.model_copy(update={"summary": _short(saved.summary)}))

    return StrictTool.declare(
        save_strategy,
        title="Save a strategy",
        example='save_strategy(name="my_idea", yaml="name: my_idea\\ntraining_data: ...")',
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        ),
    )


def _validate_strategy(shelves: Callable[[], Shelves]) -> StrictTool:
    async def validate_strategy(
        yaml: YamlToCheck = None, name: NameToCheck = None
    ) -> Annotated[CallToolResult, StrategyCheck]:
        """Returns every mistake of a strategy in `errors`, with repairs, or its `features` and the `models` that fit.

        Use it on a text (`yaml`) before saving, or on a saved file (`name`); it writes nothing.
        Call `save_strategy` next once `valid` is true.
        """
        from ktrdr_engine.authoring.checking import check_strategy

        check = await in_thread(lambda: check_strategy(shelves(), text=yaml, name=name))
        called = f"name={name!r}" if name else "yaml=..."
        fitting = fitting_rows(check.model_copy(update={"summary": _short(check.summary)}), "errors")
        return reply(check_text(check, called), fitting)

    return StrictTool.declare(
        validate_strategy,
        title="Check a strategy",
        example='validate_strategy(yaml="name: my_idea\\ntraining_data: ...")',
        annotations=READ_ONLY,
    )


def _short(summary: str) -> str:
    return bounded(summary, 3_500)
