from __future__ import annotations

import pytest

from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.training.models import TrainingRequest

GOOD = {
    "strategy_config_path": "strategies/rsi_mean_reversion.yaml",
    "start_date": "2017-01-02",
    "end_date": "2017-12-29",
}


def test_what_is_left_out_is_the_strategys() -> None:
    request = TrainingRequest.parse(GOOD)
    assert (request.symbols, request.timeframes, request.model_name, request.seed) == (None, None, None, None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"symbols": []}, "symbols=[]"),
        ({"symbols": "EURUSD"}, "symbols='EURUSD'"),
        ({"symbols": ["../etc"]}, "symbols.0='../etc'"),
        ({"symbol": "EURUSD"}, "Did you mean 'symbols'?"),
        ({"timeframes": ["a very long word"]}, "timeframes.0="),
        ({"model_name": "../up"}, "such as rsi_2017; _v1.0.0.pt is added to it"),
        ({"model_name": "models/mine.pt"}, "model_name='models/mine.pt'"),
        ({"model_name": ""}, "model_name=''"),
        ({"model_name": ".hidden"}, "model_name='.hidden'"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"seed": True}, "not true or false"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"epochs": 3}, "unknown argument 'epochs'"),
        ({"start_date": None}, "start_date=null"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(change: dict[str, object], expected: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TrainingRequest.parse(GOOD | change)
    assert expected in str(caught.value)
    assert caught.value.message.startswith("The training request is not valid: ")
