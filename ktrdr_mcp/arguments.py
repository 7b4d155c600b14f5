"""Strict tools: every argument is known, well typed and in range, or the call is refused with its repair.

The SDK drops unknown arguments silently and reports the others in pydantic's words. A `StrictTool` owns both ends
instead: the published schemas forbid unknown keys, and a bad call gets every mistake in one message. Neighbours:
`failures` words what the engine refuses; `tools` declares the arguments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, get_args

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from ktrdr_engine.errors import KtrdrError, did_you_mean
from ktrdr_mcp.failures import crash_text, failure_text

Schema = dict[str, Any]

_VALUE_WIDTH = 80
_UNKNOWN_SHOWN = 20
_NOT_IN_REPLIES = ("title", "description", "default", "format", "additionalProperties")


class _TextsStayTexts(FuncMetadata):
    """Leaves a text that happens to be JSON alone where text is wanted, as a strategy written in JSON is."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        parsed = super().pre_parse_json(data)
        texts = {name for name, field in self.arg_model.model_fields.items() if str in get_args(field.annotation)}
        return {
            name: data[name] if name in texts and isinstance(value, dict | list) else value
            for name, value in parsed.items()
        }


_METADATA = tuple(FuncMetadata.model_fields)


class StrictTool(Tool):
    """A tool that refuses what it does not know and whose failures say how to go on.

    Attributes:
        example: A whole call that works, shown with every refused one.
    """

    example: str

    @classmethod
    def declare(
        cls,
        function: Callable[..., Any],
        *,
        title: str,
        example: str,
        annotations: ToolAnnotations,
        meta: dict[str, Any] | None = None,
    ) -> Self:
        """Build the tool from an async function: its name, docstring, signature and `Annotated` reply model."""
        made = Tool.from_function(function, title=title, annotations=annotations, meta=meta, structured_output=True)
        fields = {name: getattr(made, name) for name in type(made).model_fields}
        fields["parameters"] = closed(lean(made.parameters))
        fields["description"] = " ".join(made.description.split())
        metadata = made.fn_metadata
        fields["fn_metadata"] = texts = _TextsStayTexts(**{name: getattr(metadata, name) for name in _METADATA})
        texts.output_schema = _brief(lean(metadata.output_schema or {}, without=_NOT_IN_REPLIES))
        return cls(**fields, example=example)

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """Run the tool.

        Raises:
            ToolError: The arguments are refused, or the engine refused the call; the message repairs.
            UnexpectedToolError: A defect; the cause goes to the log and never to the client.
        """
        if not arguments.keys() <= self.parameters["properties"].keys():
            raise ToolError(self._refusal(arguments))
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, KtrdrError):
                raise ToolError(failure_text(error.__cause__, self.name, self.example)) from error.__cause__
            raise UnexpectedToolError(crash_text(self.name)) from error.__cause__
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(self._refusal(arguments)) from error.__cause__
            raise

    def _refusal(self, arguments: dict[str, Any]) -> str:
        unknown = [name for name in arguments if name not in self.parameters["properties"]]
        count = len(unknown) + len(invalid := [*self._invalid(arguments)])
        mistakes = [*self._unknown(unknown[:_UNKNOWN_SHOWN]), *invalid]
        return "\n".join(
            [
                f"{self.name} was not run: {count} argument{'s' * (count != 1)} to repair.",
                *(f"- {mistake}" for mistake in mistakes),
                f"Call it again, for example: {self.example}",
            ]
        )

    def _unknown(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield f"{_short(name)}: unknown argument.{did_you_mean(name[:_VALUE_WIDTH], self.parameters['properties'])}"

    def _invalid(self, arguments: dict[str, Any]) -> Iterator[str]:
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as refused:
            seen: set[str] = set()
            for error in refused.errors(include_url=False, include_context=False):
                name = str(error["loc"][0])
                if name not in seen:
                    seen.add(name)
                    yield self._mistake(name, error["type"], arguments.get(name))

    def _mistake(self, name: str, kind: str, value: object) -> str:
        schema = self.parameters["properties"][name]
        about = f": {schema['description']}" if "description" in schema else ""
        if kind == "missing":
            return f"{name}: missing, expected {expected(schema)}{about}"
        hint = _hint(value, schema) if isinstance(value, str) else ""
        return f"{name}={_short(value)}: expected {expected(schema)}{about}.{hint}"


def closed(schema: Schema) -> Schema:
    """Return the schema of an object that takes no other keys than its own."""
    return {**schema, "properties": schema.get("properties", {}), "additionalProperties": False}


def lean(schema: Schema, *, without: tuple[str, ...] = ("title",)) -> Schema:
    """Return the schema without the keywords that only repeat what the names say; each costs context."""
    return {
        key: {name: lean(sub, without=without) for name, sub in value.items()}
        if key in ("properties", "$defs")
        else _lean_value(value, without)
        for key, value in schema.items()
        if key not in without and (key, value) != ("additionalProperties", True)
    }


def _lean_value(value: Any, without: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return lean(value, without=without)
    return [_lean_value(item, without) for item in value] if isinstance(value, list) else value


def _brief(schema: Any) -> Any:
    """Return the schema with `anyOf` of bare types written as one list of types."""
    if isinstance(schema, list):
        return [_brief(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf", ())
    if options and all(option.keys() == {"type"} for option in options):
        return {"type": [option["type"] for option in options]}
    return {key: _brief(value) for key, value in schema.items()}


def expected(schema: Schema) -> str:
    """Say in words what a property takes: its type, range, choices, an example."""
    words = [_kind(option) for option in _options(schema)]
    example = f", for example {_short(schema['examples'][0])}" if schema.get("examples") else ""
    return " or ".join(dict.fromkeys(words)) + example


def _hint(text: str, schema: Schema) -> str:
    if any(option.get("type") == "array" for option in _options(schema)):
        return f" Did you mean [{_short(text)}]?"
    return did_you_mean(text, _choices(schema))


def _options(schema: Schema) -> list[Schema]:
    return [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]


def _choices(schema: Schema) -> list[str]:
    return [str(choice) for option in _options(schema) for choice in option.get("enum", ())]


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    if schema.get("type") == "string":
        return "text" + _text_limits(schema)
    if schema.get("type") == "array":
        return f"a list of {schema['minItems']} to {schema['maxItems']} values" if "maxItems" in schema else "a list"
    noun = {"number": "a finite number", "integer": "a whole number", "boolean": "true or false"}
    return noun.get(schema.get("type", ""), "a value") + _range(schema)


def _text_limits(schema: Schema) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    limits = [f"{low} to {high} characters"] if high is not None else []
    limits += [f"matching {schema['pattern']}"] if "pattern" in schema else []
    return f" ({', '.join(limits)})" if limits else ""


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {_figure(low)} to {_figure(high)}"
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    parts = [f"{words} {_figure(schema[key])}" for key, words in bounds.items() if key in schema]
    return " " + ", ".join(parts) if parts else ""


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _VALUE_WIDTH else text[:_VALUE_WIDTH] + "..."
