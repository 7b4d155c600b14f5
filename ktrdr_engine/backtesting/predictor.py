"""Who decides in a backtest: a trained network, or rules. The engine does not know which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ktrdr_engine.errors import InvalidRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ktrdr_engine.backtesting.models import BacktestRequest
    from ktrdr_engine.features.matrix import FeatureMatrix
    from ktrdr_engine.rules.rule_base import RuleBase
    from ktrdr_engine.strategy.schema import StrategyConfig


class Predictor(Protocol):
    """Turns features into probabilities."""

    def predict(self, matrix: FeatureMatrix, *, on_chunk: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Return the probabilities of BUY, HOLD and SELL.

        Args:
            matrix: The features of the strategy's plan.
            on_chunk: Called after each chunk with the number of rows done; what it raises ends the prediction.

        Returns:
            float32, shape (n_rows, 3); NaN in the rows where any feature is NaN.
        """


def rule_base(request: BacktestRequest, config: StrategyConfig) -> RuleBase:
    """Return the rules of a strategy that has them.

    Raises:
        InvalidRequest: The request names a model file.
    """
    from ktrdr_engine.rules.rule_base import RuleBase

    if request.model_path:
        raise InvalidRequest(
            f"model_path={request.model_path!r}: {request.strategy_config_path} decides by rules (fuzzy_rules), which "
            "need no model. Leave model_path out.",
            details={"field": "model_path", "value": request.model_path, "mended": {"model_path": None}},
        )
    return RuleBase(config.rules(), config.model.norm, config.feature_plan())
