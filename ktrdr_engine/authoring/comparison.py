"""Finished operations side by side: their numbers, what was asked differently, and whether they may be compared.

Works on any kind: results, request and provenance are read as the mappings they are. Which of two numbers is better is
told by `metrics.definitions`, and by the words accuracy and loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ktrdr_engine.authoring.replies import ComparedNumber, Comparison
from ktrdr_engine.backtesting.models import ModelRelation, relation_of
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.operations.models import Operation, OperationType

if TYPE_CHECKING:
    from ktrdr_engine.operations.service import OperationsService

_FEWEST, _MOST = 2, 10
_MANY = 3
_FEW_TRADES: Final = 30
_NEARLY_ALWAYS: Final = 0.95
_HASH: Final = "_sha256"
_DEEPEST: Final = 4
_NOT_NUMBERS: Final = ("provenance", "notes", "partial", "market", "market_inferred", "model_beats_majority")
_MARKET: Final = ("symbol", "symbols", "timeframe", "timeframes")
_RANGE: Final = ("first_bar", "last_bar", "start_date", "end_date")
_COSTS: Final = ("initial_capital", "commission", "slippage")
_WORDS: Final = {"accuracy": "higher", "f1": "higher", "loss": "lower"}


def check_ids(operation_ids: Sequence[str]) -> None:
    """Refuse what is no comparison.

    Raises:
        InvalidRequest: Fewer than two ids or more than ten, or one of them twice.
    """
    if not _FEWEST <= len(operation_ids) <= _MOST:
        raise InvalidRequest(
            f"{len(operation_ids)} operations cannot be compared: give {_FEWEST} to {_MOST} ids.",
            details={"field": "operation_ids", "value": len(operation_ids)},
        )
    twice = [id for id in operation_ids if operation_ids.count(id) > 1]
    if twice:
        raise InvalidRequest(f"{twice[0]!r} is listed twice: give each id once.", details={"field": "operation_ids"})


async def stored_backtests(service: OperationsService, operations: Sequence[Operation]) -> dict[str, int]:
    """Return how many finished backtests are stored of each market that the operations were run on."""
    return {
        " ".join(market.values()): await service.count_finished(OperationType.BACKTESTING, market)
        for market in _markets_of(operations)
    }


def _markets_of(operations: Sequence[Operation]) -> list[dict[str, str]]:
    """Return the symbol and timeframe of each market that backtests among the operations were run on, each once."""
    found = [
        {name: one.metadata[name] for name in ("symbol", "timeframe")}
        for one in operations
        if one.operation_type is OperationType.BACKTESTING and {"symbol", "timeframe"} <= set(one.metadata)
    ]
    return [market for place, market in enumerate(found) if market not in found[:place]]


def compare(operations: Sequence[Operation], stored: Mapping[str, int] | None = None) -> Comparison:
    """Return the numbers of finished operations side by side.

    Args:
        operations: Finished ones.
        stored: Per market such as "EURUSD 1h", how many finished backtests the store knows.

    Raises:
        InvalidRequest: One of them has no results: it still runs, or it failed.
    """
    _require_results(operations)
    results = [operation.results or {} for operation in operations]
    doubts = [doubts_of(one) for one in operations]
    return Comparison(
        operation_ids=tuple(operation.operation_id for operation in operations),
        numbers=tuple(_numbers(results, [not found for found in doubts])),
        differences=dict(_differences(operations)),
        same=dict(_same(results)),
        model_relations=tuple(map(relation_of, results)),
        warnings=tuple(_warnings(operations, doubts, stored or {})),
    )


class Doubt(StrEnum):
    """Why the numbers of one operation cannot be the best ones, whatever they are."""

    IN_SAMPLE = "In sample (the model had seen part of these bars, the numbers flatter it)"
    TRAINED_AFTER = "Trained after these bars (nobody could have had the model then)"
    FEW_TRADES = f"Fewer than {_FEW_TRADES} trades"
    ALWAYS_IN = f"In the market {_NEARLY_ALWAYS * 100:g} % of the time or more, nearly buy and hold"
    UNLEARNT = "Unlearnt (the model is no better than always giving its most frequent validation label)"


_OF_THE_PAST: Final = (Doubt.IN_SAMPLE, Doubt.TRAINED_AFTER)


def doubts_of(operation: Operation) -> list[Doubt]:
    """Return why the results of an operation say little by themselves."""
    results = operation.results or {}
    trades, exposure, relation = results.get("total_trades"), results.get("exposure"), relation_of(results)
    found = {
        Doubt.IN_SAMPLE: relation is ModelRelation.IN_SAMPLE,
        Doubt.TRAINED_AFTER: relation is ModelRelation.TRAINED_AFTER,
        Doubt.FEW_TRADES: isinstance(trades, int) and trades < _FEW_TRADES,
        Doubt.ALWAYS_IN: isinstance(exposure, int | float) and exposure >= _NEARLY_ALWAYS,
        Doubt.UNLEARNT: results.get("model_beats_majority") is False or _is_unlearnt_training(results),
    }
    return [doubt for doubt, applies in found.items() if applies]


def _is_unlearnt_training(results: Mapping[str, Any]) -> bool:
    split = results.get("validation")
    if not isinstance(split, Mapping):
        return False
    accuracy, majority = split.get("accuracy"), split.get("majority_baseline")
    return isinstance(accuracy, int | float) and isinstance(majority, int | float) and accuracy <= majority


def _require_results(operations: Sequence[Operation]) -> None:
    without = [operation for operation in operations if operation.results is None or not operation.status.is_final]
    if without:
        states = ", ".join(f"{operation.operation_id} is {operation.status}" for operation in without)
        raise InvalidRequest(
            f"Only operations with results can be compared: {states}. Wait for those that run "
            "(get_operation with wait_seconds=20), leave out those that failed.",
            details={"field": "operation_ids", "value": [operation.operation_id for operation in without]},
        )


def _numbers(results: Sequence[Mapping[str, Any]], can_be_best: Sequence[bool]) -> Iterator[ComparedNumber]:
    flat = [dict(_flat({name: value for name, value in one.items() if name not in _NOT_NUMBERS})) for one in results]
    for name in dict.fromkeys(name for one in flat for name in one):
        values = tuple(one.get(name) for one in flat)
        yield ComparedNumber(name=name, values=values, best=best_of(name, values, can_be_best))


def _flat(mapping: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield the numbers in nested mappings, by dotted name; lists and texts are left out."""
    for name, value in mapping.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{before}{name}", value


def best_of(name: str, values: Sequence[Any], can_be_best: Sequence[bool]) -> int | None:
    """Return the place of the best value among those of runs that can be judged.

    None where no direction is better, fewer than two are left, or all that are left are equal.
    """
    better = _better(name)
    known = {
        place: value
        for place, (value, counts) in enumerate(zip(values, can_be_best, strict=True))
        if value is not None and counts
    }
    if better is None or len(known) < _FEWEST or len(set(known.values())) == 1:
        return None
    return (max if better == "higher" else min)(known, key=lambda place: known[place])


def _better(name: str) -> str | None:
    if name in DEFINITIONS:
        return DEFINITIONS[name].better
    last = name.rpartition(".")[2]
    return next((better for word, better in _WORDS.items() if last.endswith(word)), None)


def _differences(operations: Sequence[Operation]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what was asked, and made of, differently; hashes are `_same`'s matter."""
    requests = [{"operation_type": operation.operation_type.value, **operation.metadata} for operation in operations]
    yield from ((name, values) for name, values in _differing(requests) if name != "model_relation")
    origins = [_provenance(operation.results or {}) for operation in operations]
    hashes = {name for origin in origins for name in origin if name.endswith(_HASH)}
    yield from _differing([{n: v for n, v in origin.items() if n not in hashes} for origin in origins])


def _differing(mappings: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name in dict.fromkeys(name for mapping in mappings for name in mapping):
        values = tuple(mapping.get(name) for mapping in mappings)
        if any(value != values[0] for value in values):
            yield name, values


def _same(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, bool]]:
    origins = [_provenance(one) for one in results]
    for name in dict.fromkeys(name for origin in origins for name in origin if name.endswith(_HASH)):
        values = [origin.get(name) for origin in origins]
        # Rules have no model: two runs without one differ in nothing.
        yield name.removesuffix(_HASH), len(set(map(str, values))) == 1


def _provenance(results: Mapping[str, Any]) -> Mapping[str, Any]:
    found = results.get("provenance")
    return found if isinstance(found, Mapping) else {}


def _warnings(
    operations: Sequence[Operation], doubts: Sequence[Sequence[Doubt]], stored: Mapping[str, int]
) -> Iterator[str]:
    facts = [{**operation.metadata, **(operation.results or {})} for operation in operations]
    if len({operation.operation_type for operation in operations}) > 1:
        yield "These are different kinds of operation: hardly any number means the same."
    for what, names in (("market", _MARKET), ("range", _RANGE), ("costs or capital", _COSTS)):
        if differing := [name for name, _ in _differing([{n: one.get(n) for n in names} for one in facts])]:
            yield f"Not the same {what}: {', '.join(differing)}."
    yield from _warnings_of_doubts(operations, doubts)
    if others := _those(operations, [relation_of(one) is ModelRelation.OTHER_SYMBOL for one in facts]):
        yield f"The model was trained on another symbol: {others}."
    if partial := _those(operations, [bool(one.get("partial")) for one in facts]):
        yield f"Partial, up to where it was cancelled: {partial}."
    yield from _warnings_of_tries(len(operations), stored)


def _warnings_of_doubts(operations: Sequence[Operation], doubts: Sequence[Sequence[Doubt]]) -> Iterator[str]:
    for doubt in Doubt:
        concerned = [doubt in found for found in doubts]
        if any(concerned):
            apart = doubt in _OF_THE_PAST and not all(concerned)
            yield f"{doubt}: {_those(operations, concerned)}." + (" Do not put them against the others." * apart)
    if any(doubts):
        yield "Of these none is marked best."


def _warnings_of_tries(compared: int, stored: Mapping[str, int]) -> Iterator[str]:
    """Count what was tried on the same bars, not only what is compared: the more tries, the more luck in the best."""
    counted = [f"{count:,} backtests of {market} are stored" for market, count in stored.items() if count >= _MANY]
    if counted:
        yield (
            f"{', '.join(counted)}: the best of so many tries is partly luck. Confirm it on bars that none of them, "
            "and no choice among them, has seen."
        )
    elif compared >= _MANY:
        yield (
            f"The best of {compared} tries is partly luck: confirm it on bars that none of them, and no choice among "
            "them, has seen."
        )


def _those(operations: Sequence[Operation], chosen: Sequence[bool]) -> str:
    return ", ".join(one.operation_id for one, is_chosen in zip(operations, chosen, strict=True) if is_chosen)
