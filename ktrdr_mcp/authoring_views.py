"""Strategies, models, indicators and comparisons as a few lines a model can read and act on.

Every text ends with what to call next. Sizes as in `views`; the text of a strategy alone may be longer than 2 KB, since
it is what was asked for and some hosts show nothing but text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ktrdr_engine.authoring.replies import (
    ComparedNumber,
    Comparison,
    IndicatorPage,
    Mistake,
    ModelPage,
    ModelRow,
    SavedStrategy,
    StrategyCheck,
    StrategyPage,
    StrategyRow,
    StrategyText,
)
from ktrdr_mcp.failures import bounded, wire_bytes
from ktrdr_mcp.replies import Call
from ktrdr_mcp.views import text_of, word

YAML_BYTES = 7_000
_MISTAKES_BYTES = 1_700
_MISTAKE_BYTES = 600
_COMPARISON_BYTES = 7_000  # ten runs whole: of a number cut off nobody would know
_CELL = 60
_SHOWN = 8
_TOLD_FIRST = ("total_return", "sharpe_ratio", "max_drawdown", "total_trades", "win_rate", "buy_and_hold_return")


def strategies_text(page: StrategyPage, following: Call | None) -> str:
    """Return a page of strategies, one a line; `following` reads the next one, if there is one."""
    lines = [f"{page.returned} of {page.total} strategies", *map(strategy_line, page.strategies)]
    more = f"{following} shows more; " if following else ""
    return text_of(lines, f"{more}get_strategy(name=...) shows one; save_strategy writes your own.")


def strategy_line(row: StrategyRow) -> str:
    """Return a strategy in one line."""
    if row.problem:
        return f"{row.name} ({row.source}): CANNOT BE USED: {bounded(row.problem, 100)}"
    model = f", model {row.newest_model}" if row.newest_model else ""
    return f"{row.name} ({row.source}, {row.timeframes} {row.model_type}{model}): {bounded(row.description, 80)}"


def strategy_text(found: StrategyText) -> str:
    """Return a strategy as it is written, and in plain words."""
    path = f"strategies/{found.name}.yaml"
    earlier = f"Earlier versions: {', '.join(one[:12] for one in found.versions)}\n" if found.versions else ""
    return (
        f"{found.name} ({found.source}), sha256={found.sha256}, {found.features} features\n{found.yaml}\n"
        f"In plain words: {found.summary}\n{earlier}"
        f"Next: save_strategy(name={found.name!r}, yaml=..., expected_sha256=...) to change a file of yours; "
        f"start_backtest(strategy_config_path={path!r}, ...) to try it."
    )


def saved_text(saved: SavedStrategy, following: Call) -> str:
    """Return what was written and what it replaced, and what to call next."""
    lines = [f"Saved {saved.strategy_config_path}, sha256={saved.sha256}."]
    if saved.previous_sha256 == saved.sha256:
        lines = [f"{saved.strategy_config_path} is already exactly that, sha256={saved.sha256}."]
    elif saved.previous_sha256:
        lines.append(f"The text it replaced is kept as version {saved.previous_sha256[:12]}.")
    if saved.shadows_shipped:
        lines.append("A shipped strategy has the same name: from now on this one is found instead.")
    return text_of([*lines, saved.summary], f"{following} says which models and prices fit it.")


def check_text(check: StrategyCheck, called: str) -> str:
    """Return every mistake with its repair, or what the strategy resolves to."""
    return _valid_text(check, called) if check.valid else _invalid_text(check, called)


def readable_check(check: StrategyCheck) -> StrategyCheck:
    """Return the check with as many of its mistakes as its text has room for, at least one."""
    room = _MISTAKES_BYTES
    shown: list[Mistake] = []
    for one in check.errors:
        if (room := room - wire_bytes(_mistake_line(one))) < 0 and shown:
            break
        shown.append(one)
    return check.model_copy(update={"errors": tuple(shown)})


def _mistake_line(one: Mistake) -> str:
    return bounded(f"- {one.sentence}", _MISTAKE_BYTES)


def _invalid_text(check: StrategyCheck, called: str) -> str:
    lines = [f"NOT VALID: {check.mistakes} mistake{'s' * (check.mistakes != 1)}.", *map(_mistake_line, check.errors)]
    if hidden := check.mistakes - len(check.errors):
        lines.append(f"- and {hidden} more, told once these are repaired")
    body = "\n".join(lines)
    return f"{body}\nNext: repair {'it' if check.mistakes == 1 else 'them'}, then validate_strategy({called}) again."


def _valid_text(check: StrategyCheck, called: str) -> str:
    shown = ", ".join(check.features[:_SHOWN])
    more = ", ..." if len(check.features) > _SHOWN else ""
    facts = [
        f"VALID. {check.n_features} features, warm-up {check.warmup_bars} bars: {shown}{more}",
        f"Models that fit: {', '.join(check.models[:_SHOWN]) or 'none'}" if check.trained else "It needs no training.",
        f"Prices of its symbols: {', '.join(check.datasets[:_SHOWN]) or 'none, load_data brings some'}",
        *check.summary.splitlines(),
    ]
    unsaved = "" if called.startswith("name=") else "save_strategy(name=..., yaml=...), then "
    if check.models or not check.trained:
        return text_of(facts, f"{unsaved}start_backtest(strategy_config_path='strategies/<name>.yaml', ...).")
    return text_of(facts, f"{unsaved}start_training(strategy_config_path='strategies/<name>.yaml', ...).")


def models_text(page: ModelPage, following: Call | None) -> str:
    """Return a page of models, one a line; `following` reads the next one, if there is one."""
    lines = [f"{page.returned} of {page.total} models", *map(model_line, page.models)]
    more = f"{following} shows more; " if following else ""
    return text_of(
        lines,
        f"{more}start_backtest(model_path='models/...', ...) on bars after those read; start_training for more.",
    )


def model_line(row: ModelRow) -> str:
    """Return a model in one line."""
    if row.problem:
        return f"{row.name} ({row.source}): CANNOT BE USED: {bounded(row.problem, 100)}"
    ranges = f"train {row.trained_from[:10]}..{row.trained_to[:10]}"
    ranges += "".join(f", {part} {days}" for part, days in (("validation", row.validation), ("test", row.test)) if days)
    read = f", read to {row.read_to[:10]}" if row.read_to else ""
    accuracy = f"test accuracy {word(row.test_accuracy)} (majority {word(row.majority_accuracy)})"
    state = bounded(row.strategy_state, _CELL)
    cut = ", training cancelled" if row.partial else ""
    symbols = f"{bounded(row.symbols, _CELL)} {row.timeframes}"
    return (
        f"{row.name} ({row.source}{cut}): for {row.strategy}, {symbols}: {ranges}{read}; {accuracy}, strategy {state}"
    )


def indicators_text(page: IndicatorPage) -> str:
    """Return all indicators by type and outputs, or one in full."""
    one = [*page.indicators, *page.memberships]
    if len(one) == 1:
        return text_of(_described(one[0]), "put the example into your strategy, then validate_strategy(yaml=...).")
    lines = [
        "Indicators: " + ", ".join(_outline(spec["type"], spec["outputs"]) for spec in page.indicators),
        "Membership functions: " + ", ".join(f"{spec['type']}{spec['parameters']}" for spec in page.memberships),
    ]
    return text_of(lines, "describe_indicators(name=...) shows parameters, ranges and an example of one.")


def _outline(type: str, outputs: list[str]) -> str:
    return type if len(outputs) == 1 else f"{type}({', '.join(outputs)})"


def _described(spec: dict[str, Any]) -> Iterator[str]:
    yield f"{spec['type']}: {spec.get('title', spec.get('rule'))}. {spec['description']}"
    if "reads" in spec:
        gives = (f"{name} ({spec['bounds'][name]})" if name in spec["bounds"] else name for name in spec["outputs"])
        yield f"reads {', '.join(spec['reads'])}; gives {', '.join(gives)}; warm-up {spec['warmup_bars']}"
        yield from (
            f"- {p['name']}: {p['allowed']}, default {p['default']}. {p['description']}" for p in spec["parameters"]
        )
        yield from (f"rule: {rule}" for rule in spec["rules"])
    yield f"example: {spec['example']}"


def comparison_text(found: Comparison) -> str:
    """Return the warnings, then the numbers side by side, the best of each marked, then what differed."""
    places = {id: f"[{place}]" for place, id in enumerate(found.operation_ids)}
    lines = [f"warning: {_with_places(warning, places)}" for warning in found.warnings]
    relations = found.model_relations or (None,) * len(found.operation_ids)
    lines += [
        f"{place} {id}" + (f", model {relation}" if relation else "")
        for (id, place), relation in zip(places.items(), relations, strict=True)
    ]
    # Of a kind that nests its numbers, the outermost say most; the others are in the results of each.
    outer = [number for number in found.numbers if "." not in number.name] or found.numbers
    if any(number.best is not None for number in outer):
        lines.append("* marks the best")
    lines += map(_number_line, sorted(outer, key=lambda number: number.name not in _TOLD_FIRST))
    differences = found.differences.items()
    lines += [f"{name} differs: {' | '.join(_cell(value) for value in values)}" for name, values in differences]
    if found.same:
        lines.append(", ".join(f"{'same' if same else 'other'} {what}" for what, same in found.same.items()))
    return text_of(lines, "get_operation(operation_id=...) shows one with its notes.", _COMPARISON_BYTES)


def _number_line(number: ComparedNumber) -> str:
    if len(set(map(word, number.values))) == 1:
        return f"{number.name}: {word(number.values[0])} (all)"
    cells = [f"{word(value)}{'*' * (place == number.best)}" for place, value in enumerate(number.values)]
    return f"{number.name}: {' | '.join(cells)}"


def _with_places(warning: str, places: Mapping[str, str]) -> str:
    """Return a warning with the operations it names by their places, which cost less."""
    for id, place in places.items():
        warning = warning.replace(id, place)
    return warning


def _cell(value: object) -> str:
    return bounded(word(value), 40)
