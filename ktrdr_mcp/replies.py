"""The structured half of replies: whole without the text, since some hosts show a model nothing else, and lean.

Beside what the engine returned it holds `next`, the call to make, and the addresses of `resources` with more. Numbers
have six significant digits, tables name their columns once, and where numbers come from (`provenance`) is left to the
resource with all results; REST and the resources keep everything. Neighbours: `views` word the other half.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict

from ktrdr_engine.number_format import SIGNIFICANT
from ktrdr_engine.operations.models import MetricsPage, Operation, OperationPage

_AS_ASKED: Final = ("metadata",)
"""Parts that repeat what the caller asked for; their numbers are told as they were given."""

FOLLOWED: Final[dict[str, Any]] = {
    "next": {
        "type": "object",
        "properties": {"tool": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["tool", "arguments"],
    },
    "resources": {"type": "array", "items": {"type": "string"}},
}
"""What every structured reply may hold beside its own fields, as JSON schema."""


class Call(BaseModel):
    """A call to make: the tool, and those of its arguments that are known."""

    model_config = ConfigDict(frozen=True)

    tool: str
    arguments: dict[str, Any]

    @classmethod
    def of(cls, tool: str, /, **arguments: Any) -> Self:
        """Return the call with the arguments that are given; those that are None are left out."""
        return cls(tool=tool, arguments={name: value for name, value in arguments.items() if value is not None})

    def __str__(self) -> str:
        return f"{self.tool}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


class OperationReply(Operation):
    """An operation; its `results` without provenance."""

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def of(cls, operation: Operation) -> OperationReply:
        """Return what a client sees of the operation; times to the second."""
        fields = {name: getattr(operation, name) for name in Operation.model_fields}
        for name in ("created_at", "started_at", "updated_at", "completed_at"):
            fields[name] = fields[name] and fields[name].replace(microsecond=0)
        if operation.results is not None:
            fields["results"] = {name: value for name, value in operation.results.items() if name != "provenance"}
        return cls.model_construct(**fields)


class OperationListReply(OperationPage):
    """A page of a list of operations."""

    model_config = ConfigDict(extra="ignore")


class Columns(BaseModel):
    """A table: the names of its columns once, then its rows."""

    model_config = ConfigDict(frozen=True)

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Return the table of these rows; what a row lacks is null."""
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        return cls(columns=columns, rows=tuple(tuple(row.get(name) for name in columns) for row in rows))


class MetricsReply(BaseModel):
    """A page of history, each bucket a table."""

    model_config = ConfigDict(frozen=True)

    metrics: dict[str, Columns]
    new_cursor: int
    has_more: bool
    dropped: int

    @classmethod
    def of(cls, page: MetricsPage) -> Self:
        """Return what a client sees of the page."""
        tables = {bucket: Columns.of(rows) for bucket, rows in page.metrics.items()}
        return cls(metrics=tables, new_cursor=page.new_cursor, has_more=page.has_more, dropped=page.dropped)


def reply(text: str, model: BaseModel, following: Call, resources: Sequence[str] = ()) -> CallToolResult:
    """Return the reply of a tool: one text block, and the model as structured content.

    Args:
        text: The text half.
        model: What the engine returned.
        following: What to call next.
        resources: Addresses under which there is more of it; a name in braces is to be filled in.
    """
    told = {
        name: value if name in _AS_ASKED else lean_numbers(value)
        for name, value in model.model_dump(mode="json").items()
    }
    told["next"] = following.model_dump(mode="json")
    if resources:
        told["resources"] = list(resources)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=told)


def lean_numbers(value: Any) -> Any:
    """Return JSON data whose fractions have six significant digits; digits before the decimal point all stay."""
    if isinstance(value, dict):
        return {name: lean_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [lean_numbers(one) for one in value]
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    rounded = float(f"{value:.{SIGNIFICANT}g}") if abs(value) < 10**SIGNIFICANT else float(round(value))
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
