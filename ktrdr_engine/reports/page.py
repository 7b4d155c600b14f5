"""The page itself: material in, one HTML text out.

Guarantees: every text that comes from files, agents or workers is escaped by the template, and written with
`textContent` by the script. The page's own policy lets nothing run but its own scripts and nothing be fetched.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ktrdr_engine import __version__
from ktrdr_engine.backtesting.models import relation_of
from ktrdr_engine.charts.run import Run
from ktrdr_engine.charts.wording import extent, outcome, period, sentence, trading, worst
from ktrdr_engine.fields import request_subject
from ktrdr_engine.inference.metadata import CLASSES
from ktrdr_engine.metrics.wording import label
from ktrdr_engine.reports import curves
from ktrdr_engine.reports.curves import Figure, RollingSharpe
from ktrdr_engine.reports.gathering import Material
from ktrdr_engine.reports.months import by_month, returns_map
from ktrdr_engine.reports.numbers import all_numbers, headlines, notes_of
from ktrdr_engine.reports.trades import COLUMNS, trade_table
from ktrdr_engine.reports.wording import figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from ktrdr_engine.operations.models import Operation


def render(material: Material) -> str:
    """Return the report as one HTML file; takes a second, so call it in a thread."""
    from markupsafe import Markup

    content = _content(material)
    data = json.dumps(content.pop("data"), separators=(",", ":"), allow_nan=False)
    return _template().render(
        **content,
        mark=Markup(marks(material.subject.operation.operation_id)),  # an id is letters, digits and underscores
        version=__version__,
        style=Markup(_part("report.css")),  # our own files, not anybody's text
        scripts=[Markup(script) for script in _scripts()],
        policy=_policy(),
        # "<" is all that could end the element early.
        data=Markup(data.replace("<", "\\u003c")),
    )


def marks(operation_id: str) -> str:
    """Return the element near the beginning of a report that says whose it is."""
    return f'<meta name="ktrdr-operation" content="{operation_id}">'


def _content(material: Material) -> dict[str, Any]:
    subject = material.subject
    operation, run = subject.operation, subject.run
    results = operation.results or {}
    shown = _of_run(run) if run else {"figures": [], "run": None, "months": [], "map": [], "trades": None, "gaps": []}
    if subject.epochs is not None:
        shown["figures"] += curves.learning(subject.epochs)
    return {
        **shown,
        "operation": operation,
        "title": run.name if run else _title(operation),
        "summary": _summary(run) if run else [],
        "headlines": headlines(results),
        "numbers": all_numbers(results),
        "notes": notes_of(results),
        "is_partial": bool(results.get("partial")),
        "relation": relation_of(results),
        "request": [(label(name), _argument(name, value)) for name, value in operation.metadata.items()],
        "provenance": _provenance(results.get("provenance")),
        "strategy": material.strategy,
        "model": material.model,
        "parts": _parts(material),
        "columns": COLUMNS,
        "classes": CLASSES,
        "percent": lambda value: figure("win_rate", value),
        "loss": lambda value: figure("loss", value),
        "data": {
            "figures": [dataclasses.asdict(one) for one in shown["figures"]],
            "trades": shown["trades"]._asdict() | {"first": []} if shown["trades"] else None,
        },
    }


def _of_run(run: Run) -> dict[str, Any]:
    found = curves.rolling(run)
    sharpe = found if isinstance(found, RollingSharpe) else None
    figures: list[Figure] = [curves.equity(run), curves.drawdown(run)]
    if sharpe is not None:
        figures.append(curves.rolling_figure(sharpe))
    return {
        "figures": figures,
        "gaps": [found] if isinstance(found, str) else [],
        "run": run,
        "map": returns_map(run),
        "months": by_month(run, sharpe),
        "trades": trade_table(run.trades, run.closed_trades) if len(run.trades) else None,
    }


def _summary(run: Run) -> list[str]:
    facts = sentence(outcome(run), worst(run), trading(run))
    texts = [sentence(f"{period(run)} UTC", extent(run)), facts, *run.remarks]
    return [text.replace(" %", "\N{NO-BREAK SPACE}%") for text in texts]


def _title(operation: Operation) -> str:
    about = request_subject(operation.metadata)
    what = label(operation.operation_type.lower())
    market = " ".join(about[name] for name in ("symbol", "timeframe") if name in about)
    return " ".join(
        part for part in (what, "strategy" in about and f"of {about['strategy']}", market and f"on {market}") if part
    )


def _argument(name: str, value: Any) -> str:
    return "not given" if value is None else figure(name, value)


def _parts(material: Material) -> list[dict[str, Any]]:
    """Return how the model answers in each part of its data, by its file or, without that, by the results."""
    results = material.subject.operation.results or {}
    if material.model.metadata is not None:
        parts = {name: part.model_dump() for name, part in material.model.metadata.metrics.items()}
    else:
        parts = results.get("splits") or {}
    return [{**part, "name": name, "span": _range(part)} for name, part in parts.items()]


def _range(part: Mapping[str, Any]) -> str:
    found = part.get("range") or {"start": part.get("first_bar"), "end": part.get("last_bar")}
    return f"{str(found['start'])[:10]} to {str(found['end'])[:10]}" if found["start"] else ""


def _provenance(found: Any) -> list[tuple[str, str]]:
    if not isinstance(found, dict):
        return []
    flat = {
        **{label(name): value for name, value in found.items() if not isinstance(value, dict)},
        **{
            f"{label(name)}: {key}": one
            for name, value in found.items()
            if isinstance(value, dict)
            for key, one in value.items()
        },
    }
    return [(name, "none" if value is None else str(value)) for name, value in flat.items()]


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("ktrdr_engine.reports", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")


@functools.cache
def _scripts() -> tuple[str, str]:
    return files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8"), _part("report.js")


@functools.cache
def _policy() -> str:
    """Return the content security policy: nothing from anywhere, and only the scripts with these hashes."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _scripts())
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'"


def _part(name: str) -> str:
    return files("ktrdr_engine.reports").joinpath("templates", name).read_text("utf-8")
