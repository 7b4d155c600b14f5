"""Train the shipped models from the shipped strategies and prices, and write their figures into models/README.md.

`python scripts/train_models.py` trains all of them; files that are already there must come out with the same weights,
or it stops. `--replace` puts new ones in their place, `--check` only compares and writes nothing. `--amend` trains
nothing: it writes into the files which bars their training reads, and leaves their weights as they are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import torch

from ktrdr_engine.backtesting.engine import BacktestingEngine
from ktrdr_engine.backtesting.job import prepare
from ktrdr_engine.backtesting.models import BacktestRequest, BacktestResults
from ktrdr_engine.bars.store import BarStore
from ktrdr_engine.inference.bundle import ModelBundle, load_bundle, save_bundle
from ktrdr_engine.inference.library import ModelLibrary
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.strategy.library import Strategy, StrategyLibrary
from ktrdr_engine.training.markets import load_series
from ktrdr_engine.training.trainer import gather, train

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = ROOT / "models" / "README.md"
BEGIN: Final = "<!-- written by scripts/train_models.py -->"
END: Final = "<!-- end of what scripts/train_models.py writes -->"
PARTS: Final = {"train": "in sample (train)", "validation": "validation", "test": "out of sample (test)"}

MODELS: Final = {
    "rsi_mean_reversion": "rsi_mlp_v1.0.0.pt",
    "trend_following": "trend_mlp_v1.0.0.pt",
    "long_short_swing": "swing_mlp_v1.0.0.pt",
    "pullback_in_context": "context_gru_v1.0.0.pt",
}


class Project(NamedTuple):
    """What ships, and nothing of the user's own."""

    strategies: StrategyLibrary
    models: ModelLibrary
    bars: BarStore

    @classmethod
    def open(cls) -> Project:
        """Return the libraries over this repository."""
        return cls(StrategyLibrary((ROOT,)), ModelLibrary((ROOT,)), BarStore((ROOT,)))


def retrain(project: Project, strategy: Strategy) -> ModelBundle:
    """Train one strategy on the symbols it names."""
    data = strategy.config.training_data
    model = train(strategy, load_series(project.bars, data.symbols.names, data.timeframes.names))
    # By way of a file, so that what is compared is what would be shipped.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        save_bundle(model, path)
        return load_bundle(path)


def difference(old: ModelBundle, new: ModelBundle) -> str | None:
    """Say how two models differ in anything but their time of creation and library versions, or None."""
    unchanging = {"created_at": "", "versions": {}}
    if old.metadata.model_copy(update=unchanging) != new.metadata.model_copy(update=unchanging):
        changed = [
            name
            for name in type(old.metadata).model_fields
            if name not in unchanging and getattr(old.metadata, name) != getattr(new.metadata, name)
        ]
        return f"other {', '.join(changed)}"
    weights, again = old.network.state_dict(), new.network.state_dict()
    worst = max(float((weights[name] - again[name]).abs().max()) for name in weights)
    same = all(torch.equal(weights[name], again[name]) for name in weights)
    return None if same else f"weights differ by up to {worst:.3g}"


def build(project: Project, strategy_name: str, *, check: bool, replace: bool) -> bool:
    """Train one model, compare it with the file, write the file where that is wanted; False if they disagree."""
    path = ROOT / "models" / MODELS[strategy_name]
    new = retrain(project, project.strategies.load(strategy_name))
    found = difference(load_bundle(path), new) if path.exists() else "no such file yet"
    print(f"{path.name}: {found or 'same weights'}")
    if found is None:
        return True
    if check or (path.exists() and not replace):
        return False
    path.unlink(missing_ok=True)
    save_bundle(new, path)
    return True


def amend(project: Project, strategy_name: str) -> None:
    """Write into a model file which bars were read, as a training of today would; its weights stay."""
    path = ROOT / "models" / MODELS[strategy_name]
    old, strategy = load_bundle(path), project.strategies.load(strategy_name)
    data = strategy.config.training_data
    read = gather(strategy, load_series(project.bars, data.symbols.names, data.timeframes.names)).read_bars
    if old.metadata.read_bars == read:
        print(f"{path.name}: nothing to amend")
        return
    path.unlink()
    save_bundle(ModelBundle.of(old.metadata.model_copy(update={"read_bars": read}), old.network), path)
    print(f"{path.name}: amended")


def figures(project: Project) -> str:
    """Return the generated part of the README."""
    return "\n".join([BEGIN, "", *classification(project), "", *trading(project), "", END])


def classification(project: Project) -> Iterator[str]:
    """Yield a table of how each model classifies each part of its prices."""
    yield "| model | part | bars | rows | cross entropy | accuracy | majority | recall BUY / HOLD / SELL |"
    yield "|---|---|---|---|---|---|---|---|"
    for file in MODELS.values():
        for part, metrics in project.models.load(file).metadata.metrics.items():
            assert metrics.range is not None  # training refuses a part without rows
            recalls = " / ".join(percent(metrics.recall[name]) for name in CLASSES)
            days = f"{metrics.range.start[:10]} to {metrics.range.end[:10]}"
            yield (
                f"| `{file}` | {PARTS[part]} | {days} | {metrics.rows} | {metrics.loss:.3f} "
                f"| {percent(metrics.accuracy)} | {percent(metrics.majority_baseline)} | {recalls} |"
            )


def trading(project: Project) -> Iterator[str]:
    """Yield a table of the backtests of each model on each of its symbols."""
    yield "| model | symbol | part | return | no costs | buy and hold | Sharpe | max drawdown | trades | exposure |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for strategy_name, file in MODELS.items():
        metadata = project.models.load(file).metadata
        for symbol in metadata.symbols:
            for part in ("train", "test"):
                run = backtest(project, strategy_name, symbol, part)
                free = backtest(project, strategy_name, symbol, part, commission=0.0, slippage=0.0)
                sharpe = "-" if run.sharpe_ratio is None else f"{run.sharpe_ratio:.2f}"
                yield (
                    f"| `{file}` | {symbol} | {PARTS[part]} | {percent(run.total_return)} "
                    f"| {percent(free.total_return)} | {percent(run.buy_and_hold_return)} | {sharpe} "
                    f"| {percent(run.max_drawdown)} | {run.total_trades} | {percent(run.exposure)} |"
                )


def backtest(project: Project, strategy_name: str, symbol: str, part: str, **costs: float) -> BacktestResults:
    """Run a shipped strategy over the bars of one part, with the default capital."""
    metadata = project.models.load(MODELS[strategy_name]).metadata
    bars = metadata.metrics[part].range
    assert bars is not None  # training refuses a part without rows
    request = BacktestRequest(
        symbol=symbol,
        timeframe=metadata.timeframes[0],
        strategy_config_path=f"{strategy_name}.yaml",
        model_path=MODELS[strategy_name],
        start_date=bars.start,
        end_date=bars.end,
        **costs,
    )
    return BacktestingEngine(prepare(request, project.strategies, project.models, project.bars)).run()


def percent(share: float | None) -> str:
    """Return a fraction as people read it."""
    return "-" if share is None else f"{100 * share:.1f} %"


def main() -> int:
    """Train, compare, write; the exit code is 1 when a model and its file disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    parser.add_argument("--replace", action="store_true", help="replace models that come out differently")
    parser.add_argument("--amend", action="store_true", help="write which bars were read, keep the weights")
    options = parser.parse_args()
    project = Project.open()
    if options.amend:
        for name in MODELS:
            amend(project, name)
        return 0
    agreed = [build(project, name, check=options.check, replace=options.replace) for name in MODELS]
    if options.check or not all(agreed):
        return 0 if all(agreed) else 1
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(before + figures(project) + rest.partition(END)[2], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
