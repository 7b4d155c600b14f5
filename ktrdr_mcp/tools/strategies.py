"""The tools that list, read, check and write strategy files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from ktrdr_engine.authoring.replies import SavedStrategy, StrategyCheck, StrategyPage, StrategyText
from ktrdr_mcp.addresses import STRATEGY
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.authoring_views import (
    YAML_BYTES,
    check_text,
    readable_check,
    saved_text,
    strategies_text,
    strategy_line,
    strategy_text,
)
from ktrdr_mcp.failures import bounded
from ktrdr_mcp.replies import Call, reply
from ktrdr_mcp.tools.reading import READ_ONLY, ListLimit, Offset, in_thread, next_page
from ktrdr_mcp.views import readable

if TYPE_CHECKING:
    from ktrdr_engine.authoring.shelves import Shelves

_SUMMARY_BYTES = 1_500

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

        page = readable(await in_thread(lambda: strategy_page(shelves(), limit, offset)), "strategies", strategy_line)
        more = next_page("list_strategies", offset + page.returned, page.total, limit=limit)
        first = [Call.of("get_strategy", name=row.name) for row in page.strategies[:1]]
        following = more or next(iter(first), Call.of("save_strategy"))
        return reply(strategies_text(page, more), page, following, (STRATEGY,))

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
        fitting = found.model_copy(update={"yaml": bounded(found.yaml, YAML_BYTES), "summary": _short(found.summary)})
        following = Call.of("start_backtest", strategy_config_path=_path(found.name))
        return reply(strategy_text(fitting), fitting, following, (STRATEGY.format(name=found.name),))

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
        written = saved.strategy_config_path.removeprefix("strategies/").removesuffix(".yaml")
        following = Call.of("validate_strategy", name=written)
        fitting = saved.model_copy(update={"summary": _short(saved.summary)})
        return reply(saved_text(saved, following), fitting, following, (STRATEGY.format(name=written),))

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
        fitting = readable_check(check.model_copy(update={"summary": _short(check.summary)}))
        following = _after_check(check, name)
        return reply(check_text(fitting, called), fitting, following, (STRATEGY.format(name=name),) if name else ())

    return StrictTool.declare(
        validate_strategy,
        title="Check a strategy",
        example='validate_strategy(yaml="name: my_idea\\ntraining_data: ...")',
        annotations=READ_ONLY,
    )


def _after_check(check: StrategyCheck, name: str | None) -> Call:
    """Return what to call next; a text that was given and not saved is not repeated."""
    if not check.valid:
        return Call.of("validate_strategy", name=name)
    if name is None:
        return Call.of("save_strategy")
    tool = "start_training" if check.trained and not check.models else "start_backtest"
    return Call.of(tool, strategy_config_path=_path(name))


def _path(name: str) -> str:
    return f"strategies/{name.removeprefix('strategies/').removesuffix('.yaml')}.yaml"


def _short(summary: str) -> str:
    return bounded(summary, _SUMMARY_BYTES)
