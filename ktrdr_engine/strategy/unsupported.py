"""Parts of KTRDR strategy files that are known and refused by name, each with what to do instead."""

from __future__ import annotations

from typing import Final

FIELDS: Final[dict[str, str]] = {
    "scope": "Leave it out: a backtest may run a model on any symbol",
    "deployment": "Leave it out: symbol and timeframe are given with each backtest",
    "hypothesis": "Put it into description",
    "risk_management": "Use execution: stop_loss, take_profit, trailing_stop, position_fraction",
    "backtesting": "Capital, commission and slippage are given with each backtest",
    "training_data.date_range": "Leave it out: the range is given with the training or the backtest",
    "model.training": "Move its fields to the top-level training section",
    "model.architecture.output_activation": "Leave it out: the network ends in logits, softmax is applied once",
    "model.architecture.cell_type": "Write type: lstm or type: gru",
    "model.architecture.sequence_length": "Write features: {lookback_periods: 19} for a sequence of 20 bars",
    "model.architecture.bidirectional": "Leave it out: the sequence is read from the oldest bar to the newest",
    "model.features.include_price_context": "Leave it out: add a raw_indicator to nn_inputs instead",
    "model.features.scale_features": "Leave it out: fuzzy degrees need no scale, raw inputs have normalization",
    "decisions.cost_model": "Leave it out: commission and slippage are given with each backtest",
    "training.method": "Leave it out: training is supervised",
    "training.loss": "Leave it out: the loss is cross entropy",
    "training.huber_delta": "Leave it out: the loss is cross entropy",
    "training.optimizer": "Leave it out: the optimizer is Adam",
    "training.early_stopping.enabled": "Leave it out; to switch it off write early_stopping: null",
    "training.labels.zigzag_threshold": "Write threshold",
    "training.labels.label_lookahead": "Write lookahead",
    "training.labels.horizon": "Write lookahead",
    "training.labels.max_holding_bars": "Write lookahead",
    "training.labels.profit_target_atr": "Write threshold, a fraction of the price, for both barriers",
    "training.labels.stop_loss_atr": "Write threshold, a fraction of the price, for both barriers",
    "training.labels.atr_period": "Write threshold, a fraction of the price, for both barriers",
}

VALUES: Final[dict[tuple[str, str], str]] = {
    ("decisions.output_format", "regression"): "Use classification",
}

REPAINTING: Final = (
    "zigzag repaints: its turning points are only known bars later, so as an input it would see the future"
)
