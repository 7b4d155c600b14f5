"""The numbers of the declared indicators.

Which indicators there are, their ranges and warm-ups: `registry`. The formulas: `formulas` (TA-Lib's) and `composed`.
Each is causal and starts at the series' first bar: row i depends on rows 0..i only, and a longer series gives the
same bits for them.
"""

from __future__ import annotations

import numpy as np

from ktrdr_engine.bars.series import BarSeries
from ktrdr_engine.errors import StrategyError
from ktrdr_engine.features.composed import COMPOSED_FORMULAS
from ktrdr_engine.features.formulas import FORMULAS, Column, talib
from ktrdr_engine.features.plan import IndicatorPlan
from ktrdr_engine.features.supertrend import follow

_FORMULAS = {**FORMULAS, **COMPOSED_FORMULAS}


def compute(plan: IndicatorPlan, series: BarSeries) -> dict[str, Column]:
    """Compute one indicator over the whole series.

    Returns:
        Output name to an array of shape (n_bars,), in the unit its declaration says and never beyond the bounds
        declared for it; NaN in exactly the first `plan.warmup` rows.

    Raises:
        StrategyError: No such type, or a parameter it cannot have.
    """
    spec = plan.spec
    parameters = dict(plan.parameters)
    if problems := spec.problems(parameters):
        raise StrategyError(f"Indicator {plan.id!r}: " + " ".join(f"{p.problem}. {p.repair}" for p in problems))
    if not len(series):
        # OBV and AD of TA-Lib 0.8.0 write beyond an empty column, which ends the process.
        return {output: np.empty(0) for output in spec.outputs}
    values = spec.complete(parameters)
    columns = dict(zip(spec.outputs, _FORMULAS[plan.type](series, values), strict=True))
    # Rounding carries a whole just beyond itself (100.00000000000004), where no fuzzy set expects it.
    for output, bounds in spec.bounds.items():
        np.clip(columns[output], *bounds.of(values), out=columns[output])
    return columns


def warm_up() -> None:
    """Load TA-Lib and the one compiled recursion, so that the first indicator does not wait for them.

    Raises:
        DependencyError: That TA-Lib gives wrong numbers.
    """
    _ = talib(), follow.compiled
