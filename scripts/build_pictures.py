"""Draw the pictures of the documentation from what ships: python -m scripts.build_pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import anyio

from ktrdr_engine.backtesting.models import BacktestRequest
from ktrdr_engine.charts.drawing import draw, kinds_of
from ktrdr_engine.charts.gathering import gather
from ktrdr_engine.charts.theme import THEMES
from ktrdr_engine.composition import Application, open_application
from ktrdr_engine.settings import Settings
from ktrdr_engine.training.models import TrainingRequest

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "images"
_PATIENCE: Final = 25.0

# Long and short, with stops, on bars that the shipped model has not seen.
_BACKTEST: Final = {
    "symbol": "SPX",
    "timeframe": "1d",
    "strategy_config_path": "strategies/long_short_swing.yaml",
    "start_date": "2016-02-01",
    "end_date": "2018-12-31",
}
_TRAINING: Final = {
    "strategy_config_path": "strategies/long_short_swing.yaml",
    "start_date": "1999-01-04",
    "end_date": "2015-12-31",
}


async def main() -> None:
    """Run both and write a picture of each kind in both themes."""
    with tempfile.TemporaryDirectory() as home:
        async with open_application(Settings(ktrdr_home=Path(home), _env_file=None)) as application:
            backtest = await application.backtesting.run_backtest(BacktestRequest.parse(_BACKTEST))
            training = await application.training.run_training(TrainingRequest.parse(_TRAINING))
            for operation_id in (backtest, training):
                await _draw(application, operation_id)


async def _draw(application: Application, operation_id: str) -> None:
    operation = await application.operations.get_operation(operation_id, wait_seconds=_PATIENCE)
    while not operation.status.is_final:
        operation = await application.operations.get_operation(operation_id, wait_seconds=_PATIENCE)
    subject = await gather(application.operations, lambda: application.bars, operation_id)
    for kind in kinds_of(subject):
        for theme in THEMES:
            path = FOLDER / f"{kind}-{theme}.png"
            path.write_bytes(draw(subject, kind, theme).png)
            print(path)


if __name__ == "__main__":
    anyio.run(main)
