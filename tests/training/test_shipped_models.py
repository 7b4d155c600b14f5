"""The models that ship belong to the strategies that ship, and really trade."""

from __future__ import annotations

import numpy as np
import pytest

from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.catalog import shipped_root
from ktrdr_engine.features.matrix import build_features
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.strategy.library import StrategyLibrary
from ktrdr_engine.strategy.loader import check_mapping
from ktrdr_engine.training.markets import load_series

ROOTS = (shipped_root(),)
MODELS = {
    "rsi_mean_reversion": "rsi_mlp_v1.0.0.pt",
    "trend_following": "trend_mlp_v1.0.0.pt",
    "long_short_swing": "swing_mlp_v1.0.0.pt",
    "pullback_in_context": "context_gru_v1.0.0.pt",
}


def test_every_shipped_model_is_listed_here() -> None:
    assert ModelLibrary(ROOTS).names() == sorted(MODELS.values())


@pytest.mark.parametrize("strategy_name", MODELS)
def test_a_shipped_model_was_trained_from_the_shipped_strategy(strategy_name: str) -> None:
    library = ModelLibrary(ROOTS)
    model, strategy = library.load(MODELS[strategy_name]), StrategyLibrary(ROOTS).load(strategy_name)
    assert library.newest_for(strategy_name) == MODELS[strategy_name]
    assert model.metadata.strategy_sha256 == strategy.sha256, "run scripts/train_models.py --replace"
    assert check_mapping(model.metadata.strategy, "model") == strategy.config
    assert model.metadata.seed == strategy.config.training.seed
    model.require(strategy.config.feature_plan())


@pytest.mark.parametrize("strategy_name", MODELS)
def test_a_shipped_model_decides_to_buy_and_to_sell_in_and_out_of_sample(strategy_name: str) -> None:
    model, strategy = ModelLibrary(ROOTS).load(MODELS[strategy_name]), StrategyLibrary(ROOTS).load(strategy_name)
    series, *higher = load_series(BarStore(ROOTS), model.metadata.symbols[:1], model.metadata.timeframes)
    probabilities = model.predict(build_features(strategy.config.feature_plan(), series, higher))
    confident = probabilities.max(axis=1) >= strategy.config.decisions.confidence_threshold
    cut = round(len(series) * 0.85)
    for part in (slice(0, cut), slice(cut, None)):
        answers = np.bincount(probabilities[part].argmax(axis=1)[confident[part]], minlength=3)
        counts = dict(zip(CLASSES, answers.tolist(), strict=True))
        assert counts["BUY"] > 0, counts
        assert counts["SELL"] > 0, counts


@pytest.mark.parametrize("file", MODELS.values())
def test_a_shipped_model_is_small(file: str) -> None:
    assert (shipped_root() / "models" / file).stat().st_size < 100_000
