"""From the text of a strategy to a checked `StrategyConfig`, or to one error that lists every mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from ktrdr_engine.errors import StrategyError
from ktrdr_engine.strategy.document import Document, read_document
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
    return _checked(read_document(content, source), source)


def check_mapping(root: Mapping[str, object], source: str) -> StrategyConfig:
    """Check a strategy that was read already, from YAML or from a model's metadata.

    Raises:
        StrategyError: As `parse_strategy`.
    """
    return _checked(Document(root, {}, {}), source)


def _checked(document: Document, source: str) -> StrategyConfig:
    problems = reference_problems(document.root)
    try:
        config = StrategyConfig.model_validate(document.root)
    except ValidationError as error:
        found = error.errors(include_url=False)[:MOST_PROBLEMS]
        problems += [from_pydantic(one, document) for one in found]
        raise strategy_error(problems, source, document) from None
    problems = problems or list(_whole(config))
    if problems:
        raise strategy_error(problems, source, document)
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
