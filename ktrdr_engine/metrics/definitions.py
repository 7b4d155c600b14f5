"""What each number of a run means, in words: documentation, tooltips and comparisons read this table.

Not the formulas themselves (`ratios`, `performance`); a test holds the names here and there together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["fraction", "money", "count", "days", "ratio", "days a year"]
Better = Literal["higher", "lower", None]


@dataclass(frozen=True, slots=True)
class Definition:
    """One number.

    Attributes:
        name: Its key in results.
        unit: A fraction is shown in percent: 0.02 is 2 %. Money is in account currency.
        formula: How it is computed.
        source: Who defined it, where that is not plain arithmetic.
        undefined: When it is null.
        better: Whether more or less of it is wanted; None where neither is.
    """

    name: str
    unit: Unit
    formula: str
    source: str = ""
    undefined: str = ""
    better: Better = None


_DAILY: Final = "the equity fell to zero or below on some day, or there are fewer than two daily returns"
_CLOSED: Final = "no trade was closed"
_NO_ENTRY: Final = "there is no bar in the range at whose open the strategy could have bought"

_DECLARED: Final = (
    Definition("total_return", "fraction", "final_value / initial_capital - 1", better="higher"),
    Definition(
        "annual_return",
        "fraction",
        "(final_value / initial_capital) ^ (A / days) - 1, A the annualization, days those of the equity curve",
        undefined="the equity ended at zero or below, or the range is too short to scale",
        better="higher",
    ),
    Definition(
        "annual_volatility",
        "fraction",
        "sample standard deviation (ddof 1) of the daily returns, times the root of A",
        undefined=_DAILY,
        better="lower",
    ),
    Definition(
        "sharpe_ratio",
        "ratio",
        "mean / standard deviation (ddof 1) of the daily returns, times the root of A; risk-free rate 0",
        "Sharpe, The Sharpe Ratio (1994)",
        f"{_DAILY}, or the daily returns do not vary",
        "higher",
    ),
    Definition(
        "sortino_ratio",
        "ratio",
        "mean of the daily returns times A, over sqrt(mean(min(r, 0)^2)) times the root of A; target 0",
        "Sortino and Price, Performance Measurement in a Downside Risk Framework (1994)",
        f"{_DAILY}, or no daily return is negative",
        "higher",
    ),
    Definition(
        "calmar_ratio",
        "ratio",
        "annual_return / max_drawdown",
        "Young, Calmar Ratio: A Smoother Tool (1991)",
        "there was no drawdown, or annual_return is undefined",
        "higher",
    ),
    Definition(
        "max_drawdown",
        "fraction",
        "largest 1 - equity / peak over every bar, the initial capital the first peak; positive, at most 1",
        better="lower",
    ),
    Definition(
        "max_drawdown_duration_days",
        "days",
        "longest time the equity stayed below an earlier peak, in calendar days",
        better="lower",
    ),
    Definition("total_trades", "count", "closed round trips; what is open at the end is closed at the last close"),
    Definition("win_rate", "fraction", "trades with a net gain / all trades", undefined=_CLOSED, better="higher"),
    Definition("avg_win", "money", "mean net gain of the trades that gained", undefined="no trade gained"),
    Definition("avg_loss", "money", "mean net loss of the trades that lost, negative", undefined="no trade lost"),
    Definition(
        "profit_factor",
        "ratio",
        "sum of net gains / sum of net losses, both positive",
        undefined="no trade lost",
        better="higher",
    ),
    Definition("expectancy", "money", "mean net gain of all trades", undefined=_CLOSED, better="higher"),
    Definition("exposure", "fraction", "bars in which a position was held / all bars"),
    Definition(
        "turnover",
        "ratio",
        "traded notional over all fills / mean equity",
        undefined="the mean equity is not above 0",
    ),
    Definition("total_commission", "money", "commission rate times notional, summed over all fills", better="lower"),
    Definition("total_slippage", "money", "units times the distance from the open paid, summed over all fills"),
    Definition("final_value", "money", "equity after the last bar, the last position closed", better="higher"),
    Definition("initial_capital", "money", "what the run started with"),
    Definition(
        "buy_and_hold_return",
        "fraction",
        "last close / open of the first bar at which the strategy could have bought (`buy_and_hold_start`: the one "
        "after the first with all features known) - 1, without costs",
        undefined=_NO_ENTRY,
    ),
    Definition(
        "buy_and_hold_sharpe_ratio",
        "ratio",
        "sharpe_ratio of buying and holding, by the same days; the money lies idle until `buy_and_hold_start`",
        undefined=f"{_NO_ENTRY}, {_DAILY}, or the daily returns do not vary",
    ),
    Definition(
        "buy_and_hold_max_drawdown",
        "fraction",
        "max_drawdown of buying and holding, at every close",
        undefined=_NO_ENTRY,
    ),
    Definition("bars", "count", "bars of the range"),
    Definition("warmup_bars", "count", "bars of the range without a decision, because a feature was not known yet"),
    Definition(
        "annualization",
        "days a year",
        "A: 252 daily returns a year, 365 where the market is crypto, 52 for weekly bars",
    ),
)

DEFINITIONS: Final[dict[str, Definition]] = {one.name: one for one in _DECLARED}
"""Every number of a backtest by its name, in the order of the results."""
