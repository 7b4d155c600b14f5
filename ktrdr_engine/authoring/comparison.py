"""Finished operations side by side: their numbers, what was asked differently, and whether they may be compared.

Works on any kind: results, request and provenance are read as the mappings they are. Which of two numbers is better is
told by `metrics.definitions`, and by the words accuracy and loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ktrdr_engine.authoring.replies import ComparedNumber, Comparison
from ktrdr_engine.errors import InvalidRequest
from ktrdr_engine.metrics.definitions import DEFINITIONS
from ktrdr_engine.operations.models import Operation

_FEWEST, _MOST = 2, 10
_MANY = 3
_HASH: Final = "_sha256"
_DEEPEST: Final = 4
_NOT_NUMBERS: Final = ("provenance", "notes", "partial", "in_sample", "market", "market_inferred")
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


def compare(operations: Sequence[Operation]) -> Comparison:
    """Return the numbers of finished operations side by side.

    Raises:
        InvalidRequest: One of them has no results: it still runs, or it failed.
    """
    _require_results(operations)
    results = [operation.results or {} for operation in operations]
    return Comparison(
        operation_ids=tuple(operation.operation_id for operation in operations),
        numbers=tuple(_numbers(results)),
        differences=dict(_differences(operations)),
        same=dict(_same(results)),
        warnings=tuple(_warnings(operations)),
    )


def _require_results(operations: Sequence[Operation]) -> None:
    without = [operation for operation in operations if operation.results is None or not operation.status.is_final]
    if without:
        states = ", ".join(f"{operation.operation_id} is {operation.status}" for operation in without)
        raise InvalidRequest(
            f"Only operations with results can be compared: {states}. Wait for those that run "
            "(get_operation with wait_seconds=20), leave out those that failed.",
            details={"field": "operation_ids", "value": [operation.operation_id for operation in without]},
        )


def _numbers(results: Sequence[Mapping[str, Any]]) -> Iterator[ComparedNumber]:
    flat = [dict(_flat({name: value for name, value in one.items() if name not in _NOT_NUMBERS})) for one in results]
    for name in dict.fromkeys(name for one in flat for name in one):
        values = tuple(one.get(name) for one in flat)
        yield ComparedNumber(name=name, values=values, best=_best(name, values))


def _flat(mapping: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield the numbers in nested mappings, by dotted name; lists and texts are left out."""
    for name, value in mapping.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{before}{name}", value


def _best(name: str, values: Sequence[Any]) -> int | None:
    """Return the place of the best value; None where no direction is better, or all that are known are equal."""
    better = _better(name)
    known = [value for value in values if value is not None]
    if better is None or len(known) < _FEWEST or len(set(known)) == 1:
        return None
    return values.index(max(known) if better == "higher" else min(known))


def _better(name: str) -> str | None:
    if name in DEFINITIONS:
        return DEFINITIONS[name].better
    last = name.rpartition(".")[2]
    return next((better for word, better in _WORDS.items() if last.endswith(word)), None)


def _differences(operations: Sequence[Operation]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield what was asked, and made of, differently; hashes are `_same`'s matter."""
    requests = [{"operation_type": operation.operation_type.value, **operation.metadata} for operation in operations]
    yield from _differing(requests)
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
        yield name.removesuffix(_HASH), None not in values and len(set(map(str, values))) == 1


def _provenance(results: Mapping[str, Any]) -> Mapping[str, Any]:
    found = results.get("provenance")
    return found if isinstance(found, Mapping) else {}


def _warnings(operations: Sequence[Operation]) -> Iterator[str]:
    facts = [{**operation.metadata, **(operation.results or {})} for operation in operations]
    if len({operation.operation_type for operation in operations}) > 1:
        yield "These are different kinds of operation: hardly any number means the same."
    for what, names in (("market", _MARKET), ("range", _RANGE), ("costs or capital", _COSTS)):
        if differing := [name for name, _ in _differing([{n: one.get(n) for n in names} for one in facts])]:
            yield f"Not the same {what}: {', '.join(differing)}."
    yield from _warnings_of_sample(operations, facts)
    if partial := _those(operations, [bool(one.get("partial")) for one in facts]):
        yield f"Partial, up to where it was cancelled: {partial}."
    if len(operations) >= _MANY:
        yield (
            f"The best of {len(operations)} tries is partly luck: confirm it on bars that none of them, and no choice "
            "among them, has seen."
        )


def _warnings_of_sample(operations: Sequence[Operation], facts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen = [bool(one.get("in_sample")) for one in facts]
    if any(seen):
        yield (
            f"In sample (the model had seen part of these bars, the numbers flatter it): {_those(operations, seen)}."
            + ("" if all(seen) else " Do not put them against the others.")
        )


def _those(operations: Sequence[Operation], chosen: Sequence[bool]) -> str:
    return ", ".join(one.operation_id for one, is_chosen in zip(operations, chosen, strict=True) if is_chosen)
