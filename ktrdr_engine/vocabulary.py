"""Words of other backtesters, and of KTRDR, that mean something here under another name, or nothing yet.

An argument or a key that is not known is looked up here before near names are offered: who writes `position_size`
means sizing, not the field that happens to be spelt alike. Sentences say what is so and what to do instead.
`strategy.unsupported` has the keys of KTRDR strategy files by their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ktrdr_engine.errors import did_you_mean, nearest


class Concept(NamedTuple):
    """What one idea is called elsewhere, and what is true of it here."""

    words: str
    answer: str


CONCEPTS: Final = (
    Concept(
        "symbols tickers pairs instruments assets universe basket portfolio pair_whitelist watchlist max_positions"
        " max_open_trades max_open_positions weights allocation allocations rebalance rebalancing rank_by group_by"
        " cash_sharing",
        "A portfolio is not supported: one backtest trades one symbol. Start one for each symbol",
    ),
    Concept(
        "order order_type order_types orders entry entry_type entry_order entry_price limit limit_price limit_order"
        " limit_entry limit_offset stop_entry stop_limit stop_order exectype time_in_force tif valid unfilledtimeout"
        " resting_orders expiry bracket oco",
        "Limit and stop entries are not supported: every entry is a market order, filled at the open of the next bar",
    ),
    Concept(
        "trade_on_close coc cheat_on_close cheat_on_open coo fill_price fill_on execution_price execution_delay"
        " same_bar",
        "Other times of filling are not supported: what is decided at a close is filled at the next open",
    ),
    Concept(
        "time_stop time_exit max_bars max_bars_held max_bars_in_trade max_hold max_hold_bars max_holding"
        " max_holding_bars max_holding_period holding_period hold_bars hold_period exit_after exit_after_bars"
        " max_duration max_trade_duration bars_held td_stop dt_stop",
        "Time stops are not supported: a position ends by an opposite signal, stop_loss, take_profit or trailing_stop",
    ),
    Concept(
        "size sizer sizing position_size position_sizing size_type order_size trade_size stake stake_amount quantity"
        " qty units shares lots lot_size contracts risk risk_per_trade risk_pct risk_fraction kelly kelly_fraction"
        " volatility_target vol_target target_volatility percents fixed_size cash_per_trade max_position_size",
        "Sizing rules are not supported: an entry uses the strategy's execution.position_fraction of the equity",
    ),
    Concept(
        "pyramiding scale_in scale_out max_entries accumulate add_to_position position_adjustment_enable"
        " max_entry_position_adjustment dca averaging_down partial_exit partial_take_profit exclusive_orders hedging",
        "Adding to a position and closing a part of it are not supported: one position, opened and closed whole",
    ),
    Concept(
        "leverage max_leverage margin maintenance_margin margin_rate borrow_rate borrow_fee short_fee interest"
        " interest_rate financing_rate funding_rate swap",
        "Leverage, margin and fees for borrowing are not supported: positions are paid from the cash there is",
    ),
    Concept(
        "direction trade_direction side short_only shortonly long_only longonly allow_short allow_shorting can_short"
        " enable_short enable_shorting short shorting long_short",
        "Short-only is not supported; the strategy's decisions.allow_short_from_flat chooses: true trades both sides,"
        " false buys only",
    ),
    Concept(
        "atr_stop stop_atr stop_loss_atr sl_atr atr_multiplier atr_multiple trailing_atr chandelier chandelier_exit",
        "Stops in ATR are not supported: stop_loss, take_profit and trailing_stop are fractions of the price",
    ),
    Concept("stop stoploss sl sl_stop stop_pct", "Write the strategy's execution.stop_loss, a fraction: 0.02 is 2 %"),
    Concept(
        "tp tp_stop target profit_target minimal_roi roi take_profit_pct",
        "Write the strategy's execution.take_profit, one fraction: 0.04 is 4 %",
    ),
    Concept(
        "trail trailing tsl tsl_stop sl_trail trailing_stop_loss trailing_stop_positive trailpercent",
        "Write the strategy's execution.trailing_stop, a fraction: 0.03 is 3 %",
    ),
    Concept(
        "max_drawdown max_daily_loss daily_loss_limit max_loss max_consecutive_losses circuit_breaker drawdown_stop"
        " stop_trading",
        "Limits on the losses of the account are not supported: stops belong to a position",
    ),
    Concept(
        "cooldown cooldown_bars cooldown_period cooldown_lookback protections min_bars_between_trades",
        "Write the strategy's decisions.filters.min_signal_separation, in bars since the last fill",
    ),
    Concept(
        "session sessions trading_hours market_hours session_filter time_filter hours weekdays day_of_week",
        "Hours and days of trading are not supported: every bar is decided on",
    ),
    Concept(
        "spread half_spread bid_ask bid_ask_spread",
        "A spread is not supported as such: give half of it as slippage with each backtest, a fraction of the price",
    ),
    Concept(
        "commission_per_share commission_per_unit commission_per_order per_share per_unit per_order min_commission"
        " minimum_commission fixed_commission fixed_fees comminfo",
        "A fee by share or order is not supported: commission is a fraction of each fill",
    ),
    Concept("risk_free_rate risk_free rf", "A risk-free rate is not supported: Sharpe and Sortino ratios take it as 0"),
    Concept("tz timezone time_zone", "Dates are UTC; one with a time may carry its offset: 2024-01-02T09:30-05:00"),
    Concept("currency base_currency account_currency", "Currencies are not supported: money is in that of the prices"),
    Concept(
        "benchmark benchmark_symbol",
        "A benchmark of your own is not supported: results set buying and holding the same symbol beside the run",
    ),
    Concept(
        "optimize optimization optimise optimisation param_grid parameters_grid grid_search hyperopt n_trials sweep"
        " walk_forward walkforward cross_validation k_fold n_splits monte_carlo bootstrap",
        "Searches over parameters and resampling are not supported: save and run each variant, and count the tries",
    ),
    Concept(
        "entry_rules exit_rules entry_rule exit_rule entry_conditions exit_conditions entry_signal exit_signal entries"
        " exits buy_when sell_when buy_signal sell_signal long_entry long_exit short_entry short_exit conditions"
        " signals populate_entry_trend populate_exit_trend populate_indicators code formula expression callback",
        "Signals in code are not supported: rules over fuzzy sets decide"
        " (model: {type: fuzzy_rules, rules: [{if: SET is MEMBERSHIP, then: BUY}]}), or a network",
    ),
    Concept(
        "scheduler lr_scheduler weight_decay l1 l2 regularization class_weight class_weights sample_weights device gpu"
        " num_workers optimizer_type loss_function gradient_clip",
        "That is fixed here: Adam at a constant rate, classes weighted by how rare they are, on the CPU",
    ),
    Concept(
        "validation_split test_split test_size val_size validation_size train_size train_test_split",
        "Write the strategy's training.data_split: {train: 0.7, validation: 0.15, test: 0.15}",
    ),
    Concept(
        "live paper paper_trading dry_run broker api_key account",
        "Trading is not supported: ktrdr only tests strategies on past prices",
    ),
)
"""Looked up whole; none of the words is the name of a field or an argument of ours where it is refused."""

_CALLED_HERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("ticker", "instrument", "asset", "pair", "coin", "security", "contract"), "symbol"),
        **dict.fromkeys(("interval", "tf", "freq", "frequency", "resolution", "granularity", "bar_size"), "timeframe"),
        **dict.fromkeys(
            ("strategy", "strategy_path", "strategy_file", "strategy_name", "strategy_config", "config", "config_path"),
            "strategy_config_path",
        ),
        **dict.fromkeys(("model", "model_file"), "model_path"),
        **dict.fromkeys(("start", "begin", "from", "from_date", "fromdate", "date_from", "since"), "start_date"),
        **dict.fromkeys(("end", "to", "to_date", "todate", "date_to", "until"), "end_date"),
        **dict.fromkeys(
            ("cash", "capital", "initial_cash", "init_cash", "starting_cash", "starting_capital", "balance", "equity"),
            "initial_capital",
        ),
        **dict.fromkeys(("fee", "fees", "commission_rate", "commission_pct"), "commission"),
        **dict.fromkeys(("id", "op_id", "operation", "job_id", "run_id", "task_id"), "operation_id"),
        **dict.fromkeys(("ids", "operations", "op_ids", "run_ids"), "operation_ids"),
        **dict.fromkeys(("timeout", "wait", "timeout_seconds", "wait_s"), "wait_seconds"),
        **dict.fromkeys(("refresh", "force"), "force_refresh"),
        **dict.fromkeys(("count", "n", "top", "page_size", "max_rows", "max_results"), "limit"),
        **dict.fromkeys(("skip", "page"), "offset"),
        **dict.fromkeys(("type", "kind"), "operation_type"),
        **dict.fromkeys(("file", "filename", "file_path", "filepath", "csv", "csv_path"), "path"),
        **dict.fromkeys(("provider", "data_source", "exchange", "vendor"), "source"),
        **dict.fromkeys(("overwrite", "replace", "mode"), "on_conflict"),
        **dict.fromkeys(("text", "content", "yaml_text", "yaml_content"), "yaml"),
        **dict.fromkeys(("sha256", "hash", "previous_sha256"), "expected_sha256"),
        **dict.fromkeys(("random_seed", "random_state"), "seed"),
    }
)
"""Other names of our arguments."""

_INDICATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("bollinger", "bollinger_bands", "bollingerbands", "bb", "bband"), "bbands"),
        **dict.fromkeys(("bbw", "bb_width", "bandwidth"), "bollingerbandwidth"),
        **dict.fromkeys(("stoch", "slow_stochastic", "kd"), "stochastic"),
        **dict.fromkeys(("willr", "williams", "williams_r", "williams_percent_r"), "williamsr"),
        **dict.fromkeys(("sar", "psar", "parabolic_sar"), "parabolicsar"),
        **dict.fromkeys(("mom",), "momentum"),
        **dict.fromkeys(("ad", "adl", "accumulation_distribution"), "adline"),
        **dict.fromkeys(("kc", "keltner", "keltner_channels"), "keltnerchannels"),
        **dict.fromkeys(("dc", "donchian", "donchian_channels"), "donchianchannels"),
        **dict.fromkeys(("squeeze", "ttm_squeeze"), "squeezeintensity"),
        **dict.fromkeys(("fisher", "fisher_transform"), "fishertransform"),
        **dict.fromkeys(("relative_volume", "rvol", "volume_ratio"), "volumeratio"),
        **dict.fromkeys(("dmi", "di", "plus_di", "minus_di"), "adx"),
        **dict.fromkeys(("natr", "true_range", "tr"), "atr"),
        **dict.fromkeys(("rate_of_change",), "roc"),
    }
)
"""Other names of indicators, and of what is an output of one."""

_OTHER_INDICATORS: Final = frozenset(
    (
        "hma", "dema", "tema", "kama", "vwma", "zlema", "alma", "trima", "t3", "mama", "frama", "jma", "rma", "smma",
        "stochrsi", "stoch_rsi", "ppo", "apo", "trix", "tsi", "kst", "dpo", "vortex", "chop", "choppiness", "uo",
        "ultimate_oscillator", "cmo", "crsi", "connors_rsi", "elder_ray", "pivot", "pivot_points", "fibonacci",
        "heikin_ashi", "renko", "linreg", "linear_regression", "stddev", "std", "zscore", "z_score", "volatility",
        "garch", "beta", "correlation", "nvi", "pvi", "force_index", "eom", "vwap_bands", "volume_profile",
    )
)  # fmt: skip
"""Indicators there are not; they must not be taken for others that are spelt alike."""

_SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("yfinance", "yahoo_finance", "yf", "yahoo!"), "yahoo"),
        **dict.fromkeys(("csv", "parquet", "local", "import", "upload", "disk"), "file"),
        **{
            name: f"ccxt:{name}"
            for name in (
                "binance", "binanceus", "kraken", "coinbase", "bybit", "okx", "kucoin", "bitstamp", "bitfinex", "gate",
                "htx", "gemini", "bitget", "mexc", "bitmex", "deribit", "hyperliquid",
            )
        },
    }
)  # fmt: skip
_OTHER_SOURCES: Final = frozenset(
    (
        "alpaca", "polygon", "massive", "alpha_vantage", "alphavantage", "stooq", "quandl", "nasdaq", "tiingo", "eodhd",
        "iex", "finnhub", "twelvedata", "ib", "ibkr", "interactive_brokers", "oanda", "mt4", "mt5", "metatrader",
        "dukascopy", "bloomberg", "refinitiv", "fmp", "databento", "tradingview",
    )
)  # fmt: skip

_CHOICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("remove", "rm", "del", "erase", "drop", "discard", "trash"), "delete"),
        **dict.fromkeys(("undo", "undelete", "recover", "revert", "bring_back"), "restore"),
        **dict.fromkeys(("ls", "show", "entries"), "list"),
    }
)
"""Words for what to do that mean another one; `remove` is spelt more like `restore` than like `delete`."""

_TOOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("backtest", "run_backtest", "create_backtest", "trigger_backtest"), "start_backtest"),
        **dict.fromkeys(("train", "train_model", "run_training", "fit", "trigger_training"), "start_training"),
        **dict.fromkeys(
            ("import_data", "download_data", "fetch_data", "trigger_data_loading", "get_data", "get_market_data"),
            "load_data",
        ),
        **dict.fromkeys(
            ("get_status", "status", "get_results", "get_result", "get_backtest", "wait", "get_operation_status"),
            "get_operation",
        ),
        **dict.fromkeys(("get_trades", "get_bars", "get_equity", "get_operation_metrics"), "get_metrics"),
        **dict.fromkeys(("stop", "abort", "cancel_operation", "cancel_backtest", "kill"), "cancel"),
        **dict.fromkeys(("get_available_symbols", "list_symbols", "list_data", "get_symbols"), "list_datasets"),
        **dict.fromkeys(("create_strategy", "write_strategy", "update_strategy"), "save_strategy"),
        **dict.fromkeys(("check_strategy", "lint_strategy"), "validate_strategy"),
        **dict.fromkeys(("get_indicators", "list_indicators", "get_available_indicators"), "describe_indicators"),
        **dict.fromkeys(("compare", "compare_backtests"), "compare_operations"),
        **dict.fromkeys(("plot", "chart", "draw", "plot_equity"), "plot_operation"),
        **dict.fromkeys(
            ("delete", "remove", "restore", "undo", "trash", "delete_strategy", "delete_model", "delete_data"),
            "manage_library",
        ),
    }
)  # fmt: skip

STRATEGY_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        path.rpartition(".")[2]: path
        for path in (
            "indicators", "fuzzy_sets", "nn_inputs", "model.rules", "model.architecture.hidden_layers",
            "model.architecture.activation", "model.architecture.dropout", "model.architecture.hidden_size",
            "model.architecture.num_layers", "model.features.lookback_periods", "decisions.confidence_threshold",
            "decisions.allow_short_from_flat", "decisions.filters.min_signal_separation",
            "execution.position_fraction", "execution.fractional_units", "execution.stop_loss",
            "execution.take_profit", "execution.trailing_stop", "training.labels.threshold",
            "training.labels.lookahead", "training.epochs", "training.learning_rate", "training.batch_size",
            "training.data_split", "training.early_stopping", "training.early_stopping.patience",
            "training_data.history_required",
        )
    }
    | {
        "lr": "training.learning_rate", "n_epochs": "training.epochs", "max_epochs": "training.epochs",
        "threshold": "training.labels.threshold", "layers": "model.architecture.hidden_layers",
        "hidden_units": "model.architecture.hidden_layers", "lookback": "model.features.lookback_periods",
        "sequence_length": "model.features.lookback_periods", "window_size": "model.features.lookback_periods",
        "warmup": "training_data.history_required", "warmup_bars": "training_data.history_required",
        "warmup_period": "training_data.history_required", "startup_candle_count": "training_data.history_required",
    }
)  # fmt: skip
"""What belongs to a strategy file, by the names that are given with requests."""

WITH_EACH_RUN: Final = frozenset(
    (
        "start_date", "end_date", "start", "end", "from", "to", "fromdate", "todate", "date_range", "timerange",
        "commission", "commission_rate", "fee", "fees", "slippage", "cash", "capital", "initial_capital",
        "initial_cash", "init_cash", "starting_capital",
    )
)  # fmt: skip
"""What is given with each backtest or training, by the names that are written into strategies."""

_ANSWERS: Final[Mapping[str, str]] = MappingProxyType(
    {re.sub("[^a-z0-9]", "", word): concept.answer for concept in CONCEPTS for word in concept.words.split()}
)


def concept(word: str) -> str | None:
    """Return what is true of the idea that `word` names elsewhere, as a sentence without its full stop."""
    return _ANSWERS.get(_folded(word))


def called_here(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` is another name of, or a misspelling that fits no other."""
    names = list(known)
    by_folded = {_folded(name): name for name in names}
    meant = by_folded.get(_folded(word)) or _CALLED_HERE.get(_spelt(word))
    if meant in names:
        return meant
    hits = nearest(word, names) if concept(word) is None and _spelt(word) not in STRATEGY_FIELDS else []
    return hits[0] if len(hits) == 1 else None


def strategy_field(word: str) -> str | None:
    """Return where the strategy has what `word` names, as a sentence without its full stop."""
    path = STRATEGY_FIELDS.get(_spelt(word))
    return f"It belongs to the strategy: set {path} there, and save it" if path else None


def unknown_argument(word: str, known: Iterable[str]) -> str:
    """Return what to do about an argument that is none of `known`, as a sentence or more."""
    names = list(known)
    if meant := called_here(word, names):
        return f"Did you mean {meant!r}?"
    if answer := concept(word):
        return f"{answer}."
    if answer := strategy_field(word):
        return f"{answer}."
    return did_you_mean(word, names).strip() or "There are none: leave it out."


def meant_indicator(word: str) -> str | None:
    """Return the indicator that `word` is another name of."""
    return _INDICATORS.get(_spelt(word.replace(" ", "_")))


def unknown_indicator(word: str, known: Iterable[str]) -> str:
    """Return what to do about an indicator that is none of `known`, as a sentence."""
    names = list(known)
    if meant := meant_indicator(word):
        return f"Did you mean {meant!r}?"
    if _spelt(word.replace(" ", "_")) in _OTHER_INDICATORS:
        return f"It is not supported. Known: {', '.join(sorted(names))}."
    return did_you_mean(word, names).strip()


def nearest_choice(word: str, choices: Iterable[str]) -> str | None:
    """Return the one of some choices that is meant by another name of it, or is spelt alike; None: there is none."""
    names = list(choices)
    meant = _CHOICES.get(_spelt(word))
    return meant if meant in names else next(iter(nearest(word, names, limit=1)), None)


def meant_source(word: str) -> str | None:
    """Return the source of prices that is meant by another name of it, or by that of an exchange."""
    return _SOURCES.get(_spelt(word.replace(" ", "_")))


def unknown_source(word: str, known: Iterable[str]) -> str:
    """Return what to do about a source of prices that is none of `known`, as a sentence; `""` if nothing is to say."""
    if meant := meant_source(word):
        return f"Did you mean {meant!r}?"
    if _spelt(word.replace(" ", "_")) in _OTHER_SOURCES:
        return "It is not supported: save its prices as a file and load that, with source='file' and path."
    names = list(known)
    return did_you_mean(word, names).strip() if nearest(word, names) else ""


def unknown_tool(word: str, known: Iterable[str]) -> str:
    """Return what to do about a tool that is none of `known`, as a sentence."""
    names = list(known)
    meant = _TOOLS.get(_spelt(word))
    return f"Did you mean {meant!r}?" if meant in names else did_you_mean(word[:60], names).strip()


def _folded(word: str) -> str:
    return re.sub("[^a-z0-9]", "", word[:60].casefold())


def _spelt(word: str) -> str:
    """Return the word as the tables spell it: `startDate` and `start-date` as `start_date`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word[:60].strip("-")).casefold().replace("-", "_")
