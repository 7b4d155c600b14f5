"""What the parts of a strategy say of each other, and of the registry of indicators.

Works on the mapping as it was read, so that these mistakes are found together with those of `schema`: whatever has
the wrong shape is passed over here, `schema` reports it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

from ktrdr_engine.bars.timeframe import Timeframe
from ktrdr_engine.errors import did_you_mean
from ktrdr_engine.features.registry import INDICATORS
from ktrdr_engine.number_format import plain
from ktrdr_engine.strategy.places import Path
from ktrdr_engine.strategy.planning import split_reference
from ktrdr_engine.strategy.problems import Problem
from ktrdr_engine.strategy.rule_problems import rule_problems
from ktrdr_engine.strategy.schema import ARCHITECTURES, WORD
from ktrdr_engine.strategy.sections import Root, section, timeframe_names
from ktrdr_engine.strategy.unsupported import REPAINTING
from ktrdr_engine.vocabulary import unknown_indicator

MOST_PROBLEMS: Final = 200
"""More are not looked for: a file of garbage should not keep the search for near names busy."""


def reference_problems(root: Root) -> list[Problem]:
    """Return every mistake that needs more than one place, or the registry, to be seen."""
    return list(islice((problem for check in _CHECKS for problem in check(root)), MOST_PROBLEMS))


def _symbols(root: Root) -> Iterator[Problem]:
    symbols = section(root, "training_data", "symbols")
    path: Path = ("training_data", "symbols")
    wanted, unwanted = {"single": ("symbol", "list"), "multi_symbol": ("list", "symbol")}.get(
        str(symbols.get("mode")), ("", "")
    )
    if wanted and symbols.get(wanted) in (None, "", []):
        example = "symbol: EURUSD" if wanted == "symbol" else "list: [AAPL, MSFT]"
        yield Problem((*path, wanted), None, f"mode {symbols['mode']} needs {wanted}", f"Add `{example}`.")
    if unwanted and symbols.get(unwanted):
        other = "multi_symbol" if unwanted == "list" else "single"
        yield Problem(
            (*path, unwanted),
            symbols[unwanted],
            f"mode {symbols['mode']} takes no {unwanted}",
            f"Leave it out, or set mode: {other}.",
        )
    listed = symbols.get("list")
    yield from _repeated(listed if isinstance(listed, list) else [], (*path, "list"))


def _timeframes(root: Root) -> Iterator[Problem]:
    timeframes = section(root, "training_data", "timeframes")
    path: Path = ("training_data", "timeframes")
    mode = str(timeframes.get("mode"))
    wanted, unwanted = _TIMEFRAME_KEYS.get(mode, ({}, ()))
    for key, example in wanted.items():
        if not timeframes.get(key):
            yield Problem((*path, key), None, f"mode {mode} needs {key}", f"Add `{key}: {example}`.")
    for key in unwanted:
        if timeframes.get(key):
            other = "multi_timeframe" if mode == "single" else "single"
            repair = f"Leave it out, or set mode: {other}."
            yield Problem((*path, key), timeframes[key], f"mode {mode} takes no {key}", repair)
    if mode == "multi_timeframe" and isinstance(listed := timeframes.get("list"), list):
        yield from _repeated(listed, (*path, "list"))
        yield from _base_timeframe(listed, timeframes.get("base_timeframe"), (*path, "base_timeframe"))


_TIMEFRAME_KEYS: Final[dict[str, tuple[dict[str, str], tuple[str, ...]]]] = {
    "single": ({"timeframe": "1h"}, ("list", "base_timeframe")),
    "multi_timeframe": ({"list": "[1h, 4h]", "base_timeframe": "1h"}, ("timeframe",)),
}


def _base_timeframe(listed: list[object], base: object, path: Path) -> Iterator[Problem]:
    known = [timeframe.value for timeframe in Timeframe if timeframe in listed]
    if base not in list(Timeframe) or not known:
        return
    if base not in known:
        yield Problem(path, base, "it is not in the list of timeframes", f"Add it there, or write {known[0]}.")
    elif base != known[0]:
        yield Problem(
            path, base, f"decisions fall on the shortest timeframe, {known[0]}",
            f"Write {known[0]}, or take the shorter ones out of the list.",
        )  # fmt: skip


def _repeated(values: list[object], path: Path) -> Iterator[Problem]:
    for index, value in enumerate(values):
        # Numbers are no names: 1 and 000001 are alike only once they are read.
        if isinstance(value, str | Mapping) and value in values[:index]:
            yield Problem((*path, index), value, "it is listed a second time", "Keep one of them.")


def _indicators(root: Root) -> Iterator[Problem]:
    for id, written in section(root, "indicators").items():
        if isinstance(written, Mapping) and isinstance(written.get("type"), str):
            yield from _indicator(("indicators", id), dict(written))


def _indicator(path: Path, written: dict[str, object]) -> Iterator[Problem]:
    type = str(written.pop("type"))
    if type == "zigzag":
        yield Problem((*path, "type"), type, REPAINTING, "Use it in training.labels: {source: zigzag}.")
    elif type not in INDICATORS:
        yield Problem((*path, "type"), type, "there is no such indicator", unknown_indicator(type, INDICATORS))
    else:
        for problem in INDICATORS[type].problems(written):
            place = (*path, problem.parameter) if problem.parameter else path
            yield Problem(place, problem.value, problem.problem, problem.repair)


def _fuzzy_sets(root: Root) -> Iterator[Problem]:
    for name, written in section(root, "fuzzy_sets").items():
        if not isinstance(written, Mapping):
            continue
        path: Path = ("fuzzy_sets", name)
        yield from _reference(root, (*path, "indicator"), written.get("indicator"))
        memberships = [key for key in written if key != "indicator"]
        if not memberships:
            yield Problem(path, None, "it has no membership function", "Add one, like `oversold: [0, 20, 35]`.")
        for key in memberships:
            if not re.fullmatch(WORD, key):
                yield Problem(
                    (*path, key), None, "the name has characters that names may not have",
                    "Use letters, digits and _, beginning with a letter.",
                )  # fmt: skip


def _reference(root: Root, path: Path, reference: object) -> Iterator[Problem]:
    if not isinstance(reference, str):
        return
    indicators = section(root, "indicators")
    id, output = split_reference(reference)
    if id not in indicators:
        known = did_you_mean(id, indicators).strip()
        yield Problem(path, reference, f"there is no indicator {id!r}", known or "Declare it under indicators.")
        return
    spec = INDICATORS.get(str(section(indicators, id).get("type")))
    if spec and (problem := spec.output_problem(output)):
        hint = did_you_mean(output, spec.outputs) if output else f" Write {id}.{spec.outputs[0]}."
        yield Problem(path, reference, problem.problem, f"{problem.repair}{hint}")


def _nn_inputs(root: Root) -> Iterator[Problem]:
    listed = root.get("nn_inputs")
    inputs = [item if isinstance(item, Mapping) else {} for item in listed] if isinstance(listed, list) else []
    for index, item in enumerate(inputs):
        if item:
            yield from _nn_input(root, ("nn_inputs", index), item)
    yield from _repeated([item or None for item in inputs], ("nn_inputs",))


def _nn_input(root: Root, path: Path, item: Mapping[str, object]) -> Iterator[Problem]:
    fuzzy_set, raw, normalization = (item.get(key) for key in ("fuzzy_set", "raw_indicator", "normalization"))
    sets = section(root, "fuzzy_sets")
    if (fuzzy_set is None) == (raw is None):
        yield Problem(path, dict(item), "name either a fuzzy_set or a raw_indicator", "Keep exactly one of the two.")
    if isinstance(fuzzy_set, str) and fuzzy_set not in sets:
        known = did_you_mean(fuzzy_set, sets).strip()
        yield Problem((*path, "fuzzy_set"), fuzzy_set, "there is no such fuzzy set", known or "Declare it first.")
    if fuzzy_set is not None and normalization is not None:
        yield Problem((*path, "normalization"), normalization, "fuzzy degrees are not normalised", "Leave it out.")
    yield from _reference(root, (*path, "raw_indicator"), raw)
    yield from _input_timeframes(root, (*path, "timeframes"), item.get("timeframes", "all"))


def _input_timeframes(root: Root, path: Path, written: object) -> Iterator[Problem]:
    known = timeframe_names(root)
    names = [written] if isinstance(written, str) else written
    if not isinstance(names, list) or not known or names == ["all"]:
        return
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        problem = f"the strategy works on {', '.join(known)} bars only"
        yield Problem(path, written, problem, f"Write all, or some of [{', '.join(known)}].")
    yield from _repeated(names, path)


def _architecture(root: Root) -> Iterator[Problem]:
    type = section(root, "model").get("type")
    if not isinstance(type, str) or type not in ARCHITECTURES:
        return
    path: Path = ("model", "architecture")
    own = ARCHITECTURES[type]
    for key, value in section(root, *map(str, path)).items():
        if key not in own and any(key in fields for fields in ARCHITECTURES.values()):
            yield Problem((*path, key), value, f"{type} networks have no {key}", f"Theirs: {', '.join(own)}.")
    lags = section(root, "model", "features").get("lookback_periods", 0)
    if type != "mlp" and lags == 0:
        yield Problem(
            ("model", "features", "lookback_periods"), lags, f"{type} networks read a sequence of bars",
            "Write features: {lookback_periods: 20}, or type: mlp.",
        )  # fmt: skip


def _data_split(root: Root) -> Iterator[Problem]:
    written = section(root, "training", "data_split")
    shares = {"train": 0.7, "validation": 0.15, "test": 0.15} | dict(written)
    numbers = [share for share in shares.values() if isinstance(share, int | float)]
    if len(numbers) == 3 and all(0 < share < 1 for share in numbers) and not math.isclose(sum(numbers), 1):
        yield Problem(
            ("training", "data_split"),
            dict(written),
            f"train, validation and test sum to {plain(sum(numbers))}, not 1",
            "For example {train: 0.7, validation: 0.15, test: 0.15}.",
        )


_CHECKS: Final[tuple[Callable[[Root], Iterator[Problem]], ...]] = (
    _symbols,
    _timeframes,
    _indicators,
    _fuzzy_sets,
    _nn_inputs,
    _architecture,
    _data_split,
    rule_problems,
)
