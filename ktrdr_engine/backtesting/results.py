"""From what happened to what clients read: the numbers, the notes that explain them, and where they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from ktrdr_engine import __version__
from ktrdr_engine.backtesting.models import BacktestResults, cost_doubts
from ktrdr_engine.backtesting.nearest_rule import nearest_rule
from ktrdr_engine.backtesting.progress_bridge import SIDES
from ktrdr_engine.backtesting.standstill import standstill
from ktrdr_engine.bars.dates import format_stamp
from ktrdr_engine.bars.gaps import gap_note
from ktrdr_engine.bars.spikes import jump_note
from ktrdr_engine.metrics.performance import summarise
from ktrdr_engine.number_format import plain
from ktrdr_engine.provenance import Provenance, library_version
from ktrdr_engine.simulation.notes import explain

if TYPE_CHECKING:
    from ktrdr_engine.backtesting.job import BacktestJob
    from ktrdr_engine.inference.metadata import ModelMetadata
    from ktrdr_engine.simulation.decisions import Decisions
    from ktrdr_engine.simulation.models import SimulationRules
    from ktrdr_engine.simulation.simulator import Simulation

_LONG_WEEKEND = 5 * 86_400_000_000_000  # ns: a market closed for so long has not run out of data
_LIBRARIES = ("numba", "numpy", "TA-Lib", "torch")


def make_results(
    job: BacktestJob, decisions: Decisions, rules: SimulationRules, simulation: Simulation
) -> BacktestResults:
    """Return the numbers of a run, whole or cut short; `partial` says which."""
    series = job.window.series
    first, last = simulation.start, simulation.start + simulation.bars
    entry = decisions.first + 1  # what a bar decides is filled at the open of the next
    performance = summarise(
        series.timestamp,
        series.prices,
        simulation,
        timeframe=series.timeframe,
        market=series.market,
        first_entry=entry,
    )
    numbers = {field.name: getattr(performance, field.name) for field in fields(performance)}
    numbers["notes"] = (
        *cost_doubts(rules.commission, rules.slippage),
        *explain(simulation, decisions, rules),
        *nearest_rule(job, simulation),
        *standstill(series, decisions, simulation),
        *performance.notes,
        *_notes_on_job(job),
    )
    validated = _validated(job.model.metadata) if job.model else None
    return BacktestResults(
        **numbers,
        buy_and_hold_start=format_stamp(int(series.timestamp[entry])) if entry < last else None,
        warmup_bars=decisions.warmup,
        first_bar=format_stamp(int(series.timestamp[first])),
        last_bar=format_stamp(int(series.timestamp[last - 1])),
        market=series.market.name,
        market_inferred=series.market.inferred,
        model_relation=job.relation.kind,
        model_beats_majority=validated.beats_majority if validated else None,
        provenance=_provenance(job),
        partial=simulation.bars < job.bars,
        tables=make_tables(job, simulation),
    )


def make_tables(job: BacktestJob, simulation: Simulation) -> dict[str, dict[str, Any]]:
    """Return the equity curve and the trades as columns; stamps are datetime64[ns] UTC, units signed by side."""
    stamps = job.window.series.timestamp.view("datetime64[ns]")
    trades = simulation.trades
    bars = slice(simulation.start, simulation.start + simulation.bars)
    return {
        "equity": {"timestamp": stamps[bars], "equity": simulation.equity, "position": simulation.positions()},
        "trades": {
            "trade_type": [SIDES[0] if side > 0 else SIDES[1] for side in trades.side.tolist()],
            "entry_time": stamps[trades.entry_index],
            "exit_time": stamps[trades.exit_index],
            "entry_price": trades.entry_price,
            "exit_price": trades.exit_price,
            "quantity": trades.units,
            "gross_pnl": trades.gross_pnl,
            "commission": trades.commission,
            "slippage": trades.slippage_cost,
            "pnl": trades.net_pnl,
            "return": trades.return_,
            "bars_held": trades.bars_held,
            "mae": trades.mae,
            "mfe": trades.mfe,
            "exit_reason": trades.exit_words(),
        },
    }


def _notes_on_job(job: BacktestJob) -> Iterator[str]:
    """Say what a reader must know about data and model before believing the numbers."""
    series = job.window.series
    asked_first, asked_last = job.request.range_ns()
    tolerance = max(_LONG_WEEKEND, series.timeframe.nanoseconds)
    if asked_first < job.available[0] - tolerance:
        yield f"The data begin at {format_stamp(job.available[0])}, after start_date."
    if asked_last > job.available[1] + tolerance:
        yield f"The data end at {format_stamp(job.available[1])}, before end_date."
    used = (int(series.timestamp[job.window.start]), int(series.timestamp[-1]))
    name = f"{series.symbol} {series.timeframe}"
    missing = gap_note(job.gaps, name, *used, "what was held is valued")
    yield from filter(None, (missing, jump_note(job.spikes, name, *used)))
    if job.higher:
        yield f"Longer timeframes, seen from their close on: {', '.join(frame.origin for frame in job.higher)}."
    if job.model:
        yield from _notes_on_model(job, job.model.metadata)


def _notes_on_model(job: BacktestJob, metadata: ModelMetadata) -> Iterator[str]:
    yield from job.relation.notes
    if (validated := _validated(metadata)) and not validated.beats_majority:
        yield (
            "The model is no better than always giving the most frequent label of its validation part: accuracy "
            f"{plain(validated.accuracy)}, majority {plain(validated.majority)}."
        )
    if metadata.strategy_sha256 != job.strategy.sha256:
        yield "The strategy file has changed since the model was trained on it; their features still agree."


class _Validated(NamedTuple):
    """Accuracy of a model, and of always giving the most frequent label, on its validation part."""

    accuracy: float
    majority: float

    @property
    def beats_majority(self) -> bool:
        return self.accuracy > self.majority


def _validated(metadata: ModelMetadata) -> _Validated | None:
    """Return how a model did on its validation part; None where that is not known."""
    found = metadata.metrics.get("validation")
    if found is None or found.accuracy is None or found.majority_baseline is None:
        return None
    return _Validated(found.accuracy, found.majority_baseline)


def _data_sha256(job: BacktestJob) -> str:
    """Return the digest of the bars; with several timeframes, that of each one's name and digest, shortest first."""
    if not job.higher:
        return job.window.series.sha256()
    used = (job.window.series, *(frame.series for frame in job.higher))
    return hashlib.sha256("".join(f"{one.timeframe} {one.sha256()}\n" for one in used).encode()).hexdigest()


def _provenance(job: BacktestJob) -> Provenance:
    return Provenance(
        data_sha256=_data_sha256(job),
        strategy_sha256=job.strategy.sha256,
        model_sha256=job.model.sha256 if job.model else None,
        seed=job.model.metadata.seed if job.model else None,
        engine_version=__version__,
        library_versions={name: library_version(name) for name in _LIBRARIES},
    )
