"""From the text of a strategy to a checked `StrategyConfig`, or to one error that lists every mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.document import read_document
from ktrdr_engine.strategy.places import Path
from ktrdr_engine.strategy.problems import Problem, from_pydantic, strategy_error
from ktrdr_engine.strategy.references import MOST_PROBLEMS, reference_problems
from ktrdr_engine.strategy.schema import StrategyConfig

_MOST_FEATURES = 2000


def parse_strategy(content: bytes, source: str) -> StrategyConfig:
    """Read and check the bytes of a strategy file.

    Args:
        content: The file's bytes.
        source: The file's name, for messages.

    Raises:
        StrategyError: The YAML cannot be read, or the strategy has mistakes: the message lists all of them with path,
            value, line and repair; `details["errors"]` holds the same as data.
    """
    document = read_document(content, source)
    return check_mapping(document.root, source, document.lines)


def check_mapping(root: Mapping[str, object], source: str, lines: Mapping[Path, int] | None = None) -> StrategyConfig:
    """Check a strategy that was read already, from YAML or from a model's metadata.

    Raises:
        StrategyError: As `parse_strategy`.
    """
    problems = reference_problems(root)
    try:
        config = StrategyConfig.model_validate(root)
    except ValidationError as error:
        problems += [from_pydantic(found) for found in error.errors(include_url=False)[:MOST_PROBLEMS]]
        raise strategy_error(problems, source, lines or {}) from None
    problems = problems or list(_whole(config))
    if problems:
        raise strategy_error(problems, source, lines or {})
    return config


def _whole(config: StrategyConfig) -> Iterator[Problem]:
    try:
        plan = config.feature_plan()
    except StrategyError as error:
        yield Problem(
            ("nn_inputs",) if config.model.is_trained else ("model", "rules"), None, error.message.rstrip("."), ""
        )
        return
    if len(plan.names) > _MOST_FEATURES:
        yield Problem(
            ("nn_inputs",), len(plan.names), f"more than {_MOST_FEATURES} features", "Use fewer inputs or lags."
        )
    required = config.training_data.history_required
    if 0 < required < plan.warmup:
        yield Problem(
            ("training_data", "history_required"),
            required,
            f"the inputs need {plan.warmup} bars before the first value",
            f"Write {plan.warmup} or more, or leave it out.",
        )
