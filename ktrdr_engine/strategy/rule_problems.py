"""Mistakes in a model of rules: its conditions, the sets they ask about, and what does not go with rules.

Like `references`, of which this is a part, it works on the mapping as it was read and passes over what `schema`
reports: the wrong shape, an unknown signal, a weight out of range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from ktrdr_engine.errors import did_you_mean
from ktrdr_engine.rules.conditions import Condition, Is, meaning, terms
from ktrdr_engine.rules.grammar import EXAMPLE, NotACondition, parse
from ktrdr_engine.strategy.places import Path
from ktrdr_engine.strategy.problems import Problem
from ktrdr_engine.strategy.schema import ARCHITECTURES
from ktrdr_engine.strategy.sections import Root, section, timeframe_names

_PATH: Final[Path] = ("model", "rules")
_MOST_NAMES: Final = 3
"""Of one condition; to look for the nearest names of more would keep a search on garbage busy."""

_OF_NETWORKS: Final = {
    ("training",): "rules are not trained",
    ("model", "architecture"): "rules have no layers",
    ("model", "features"): "rules read the current bar only",
}


def rule_problems(root: Root) -> Iterator[Problem]:
    """Yield the mistakes of a strategy that has rules, and what a network lacks or does not take."""
    type = section(root, "model").get("type")
    if type == "fuzzy_rules":
        yield from _foreign(root)
        yield from _rules(root)
    elif isinstance(type, str) and type in ARCHITECTURES:
        yield from _network(root)


def _network(root: Root) -> Iterator[Problem]:
    if "nn_inputs" not in root:
        example = "Add `nn_inputs: [{fuzzy_set: rsi_zone, timeframes: all}]`."
        yield Problem(("nn_inputs",), None, "this is required but missing", example)
    model = section(root, "model")
    for key in ("rules", "norm"):
        if key in model:
            yield Problem(
                ("model", key), model[key], f"a network ({model['type']}) has no {key}",
                "Leave it out, or write type: fuzzy_rules.",
            )  # fmt: skip


def _foreign(root: Root) -> Iterator[Problem]:
    for path, problem in _OF_NETWORKS.items():
        outer = section(root, *path[:-1])
        if path[-1] in outer:
            yield Problem(path, outer[path[-1]], problem, "Leave it out: it is for networks.")


def _rules(root: Root) -> Iterator[Problem]:
    written = section(root, "model").get("rules")
    if written is None or written == []:
        yield Problem(_PATH, None, "a model of rules needs rules", f"Add `rules: [{{if: {EXAMPLE}, then: BUY}}]`.")
    if not isinstance(written, list) or not written:
        return
    rules = [rule if isinstance(rule, Mapping) else {} for rule in written]
    conditions: list[Condition | None] = []
    for number, rule in enumerate(rules):
        condition, problem = _read(root, (*_PATH, number, "if"), rule.get("if"))
        conditions.append(condition)
        if problem:
            yield problem
    yield from _twice(rules, conditions)
    yield from _without_effect(root, [rule.get("then") for rule in rules])
    if None not in conditions:
        yield from _inputs(root, [term for one in conditions if one for term in terms(one)])


def _read(root: Root, path: Path, text: object) -> tuple[Condition | None, Problem | None]:
    """Return a condition, or what is wrong with its text or with the names in it."""
    if not isinstance(text, str):
        return None, None
    try:
        condition = parse(text)
    except NotACondition as error:
        return None, Problem(path, text, f"at character {error.position} {error.problem}", error.repair)
    unknown = ((term, *found) for term in terms(condition) if (found := _unknown(root, term)))
    wrong = list(islice(unknown, _MOST_NAMES))
    if not wrong:
        return condition, None
    problems = "; ".join(f"at character {term.position} {problem}" for term, problem, _ in wrong)
    return None, Problem(path, text, problems, " ".join(dict.fromkeys(repair for _, _, repair in wrong)))


def _unknown(root: Root, term: Is) -> tuple[str, str] | None:
    """Return the problem with the names of a term, and its repair."""
    sets, timeframes = section(root, "fuzzy_sets"), timeframe_names(root)
    if term.timeframe and timeframes and term.timeframe not in timeframes:
        return f"the strategy has no {term.timeframe} bars", did_you_mean(term.timeframe, timeframes).strip()
    if term.fuzzy_set not in sets:
        repair = did_you_mean(term.fuzzy_set, sets).strip() or "Declare it under fuzzy_sets."
        return f"there is no fuzzy set {term.fuzzy_set!r}", repair
    memberships = [key for key in section(sets, term.fuzzy_set) if key != "indicator"]
    if memberships and term.membership not in memberships:
        return f"{term.fuzzy_set} has no {term.membership!r}", did_you_mean(term.membership, memberships).strip()
    return None


def _twice(rules: list[Mapping[str, object]], conditions: list[Condition | None]) -> Iterator[Problem]:
    """Refuse a condition that was there before: said again it adds nothing, and two signals for it contradict."""
    first: dict[str, int] = {}
    for number, condition in enumerate(conditions):
        if condition is None or (before := first.setdefault(meaning(condition), number)) == number:
            continue
        said, says = (str(rules[one].get("then")) for one in (before, number))
        problem = f"rules[{before}] has the same condition"
        repair = "Keep one of them."
        if said != says:
            problem += f" and says {said}, this one {says}"
        yield Problem((*_PATH, number, "if"), rules[number]["if"], problem, repair)


def _without_effect(root: Root, signals: list[object]) -> Iterator[Problem]:
    """Refuse rules that can never open a position."""
    is_short_allowed = section(root, "decisions").get("allow_short_from_flat") is True
    if all(signal == "HOLD" or (signal == "SELL" and not is_short_allowed) for signal in signals):
        yield Problem(
            _PATH, None, "no rule says BUY, so that no position is ever opened",
            "Add a rule with then: BUY, or set decisions.allow_short_from_flat: true and let a rule say SELL.",
        )  # fmt: skip


def _inputs(root: Root, asked: list[Is]) -> Iterator[Problem]:
    """Hold `nn_inputs`, which rules can do without, to what the rules ask about."""
    listed = root.get("nn_inputs")
    if not isinstance(listed, list):
        return
    inputs = [item if isinstance(item, Mapping) else {} for item in listed]
    needed = dict.fromkeys(term.fuzzy_set for term in asked)
    for number, item in enumerate(inputs):
        if item.get("raw_indicator") is not None:
            yield Problem(("nn_inputs", number), dict(item), "rules read fuzzy sets only", "Leave it out.")
    given = [name for item in inputs if isinstance(name := item.get("fuzzy_set"), str)]
    missing = [name for name in needed if name not in given]
    idle = [name for name in given if name not in needed and name in section(root, "fuzzy_sets")]
    for names, problem in ((missing, "rules also ask about"), (idle, "no rule asks about")):
        if names:
            yield Problem(("nn_inputs",), None, f"{problem} {', '.join(names)}", "Leave out nn_inputs altogether.")
