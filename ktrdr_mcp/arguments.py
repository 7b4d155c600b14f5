"""Strict tools: every argument is known, well typed and in range, or the call is refused with its repair.

The SDK drops unknown arguments silently and reports the others in pydantic's words. A `StrictTool` owns both ends
instead: what clients send for an argument that was left out is taken as that, and a bad call gets every mistake in one
message. Neighbours: `published` writes the schemas clients are told; `failures` words what the engine refuses; `tools`
declares the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, get_args

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from ktrdr_engine.errors import KtrdrError
from ktrdr_engine.operations.mistakes import UNKNOWN, expected, fits, mended, sentence, shown
from ktrdr_engine.vocabulary import called_here, unknown_argument
from ktrdr_mcp.failures import crash_text, failure_text, repairs
from ktrdr_mcp.published import Schema, published_input, published_output

_UNKNOWN_SHOWN = 20
_LONGEST_ARGUMENT = 60


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
        example: A whole call that works, shown where a refused one holds nothing to repeat.
        checked: By argument, all that its values are checked for; what is published says less.
    """

    example: str
    checked: dict[str, Schema]

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
        made = Tool.from_function(
            function,
            title=title,
            annotations=annotations,
            meta=meta,
        )
        fields = {name: getattr(made, name) for name in type(made).model_fields}
        checked = made.parameters.get("properties", {})
        fields["parameters"] = published_input(made.parameters)
        fields["description"] = " ".join(made.description.split())
        metadata = made.fn_metadata
        fields["fn_metadata"] = texts = _TextsStayTexts(**{name: getattr(metadata, name) for name in _METADATA})
        texts.output_schema = published_output(metadata.output_schema) if metadata.output_schema else None
        return cls(**fields, example=example, checked=checked)

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """Run the tool.

        Raises:
            ToolError: The arguments are refused, or the engine refused the call; the message repairs.
            UnexpectedToolError: A defect; the cause goes to the log and never to the client.
        """
        required = self.parameters.get("required", ())
        arguments = {name: value for name, value in arguments.items() if name in required or not _is_left_out(value)}
        if not arguments.keys() <= self.checked.keys():
            raise ToolError(self._refusal(arguments))
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError as error:
            if isinstance(error.__cause__, KtrdrError):
                raise ToolError(self._failure(error.__cause__, arguments)) from error.__cause__
            raise UnexpectedToolError(crash_text(self.name)) from error.__cause__
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(self._refusal(arguments)) from error.__cause__
            raise

    def _refusal(self, arguments: dict[str, Any]) -> str:
        unknown = [name for name in arguments if name not in self._properties]
        invalid = dict(self._invalid(arguments))
        told = [*self._unknown(unknown[:_UNKNOWN_SHOWN]), *invalid.values()]
        count = len(unknown) + len(invalid)
        call = self._call(self._repaired(arguments, invalid)) if arguments else self.example
        return "\n".join(
            [
                f"{self.name} was not run: {count} argument{'s' * (count != 1)} to repair.",
                *(f"- {mistake}" for mistake in told),
                f"Call it again, for example: {call}",
            ]
        )

    @property
    def _properties(self) -> Mapping[str, Schema]:
        return self.checked

    def _unknown(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield f"{shown(name)}: unknown argument. {unknown_argument(name, self._properties)}"

    def _invalid(self, arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield each refused argument with what is wrong with it; the first mistake of each counts."""
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as refused:
            found = refused.errors(include_url=False, include_context=False)
            for error in reversed(list({str(error["loc"][0]): error for error in reversed(found)}.values())):
                name = str(error["loc"][0])
                yield name, self._mistake(name, error, arguments.get(name))

    def _mistake(self, name: str, error: Mapping[str, Any], value: object) -> str:
        schema = self._properties[name]
        about = f": {schema['description']}" if "description" in schema else ""
        if error["type"] == "missing":
            return f"{name}: missing, expected {expected(schema)}{about}"
        told = sentence({**error, "input": value}, schema, about=schema.get("description", ""))
        return f"{name}={shown(value)}: {told.removesuffix('.')}{'' if told.endswith('?') else '.'}"

    def _repaired(self, arguments: Mapping[str, Any], refused: Iterable[str]) -> dict[str, Any]:
        """Return the caller's own arguments, mended where that is safe, `UNKNOWN` where the caller has to say more."""
        given = {name: value for name, value in arguments.items() if name in self._properties}
        for name, value in arguments.items():
            if name in self._properties:
                continue
            single = name.removesuffix("s")
            if single in self._properties and isinstance(value, list) and value:
                given.setdefault(single, value[0])
            elif meant := called_here(name, self._properties):
                schema = self._properties[meant]
                given.setdefault(meant, value if fits(value, schema) else mended(value, schema))
        wrong = {name for name in refused if name in arguments}
        repaired = {
            name: mended(value, self._properties[name]) if name in wrong else value for name, value in given.items()
        }
        missing = {name: UNKNOWN for name in self.parameters.get("required", ()) if name not in repaired}
        return {**repaired, **missing}

    def _call(self, arguments: Mapping[str, Any]) -> str:
        """Return a call as text; what is None is left out."""
        named = {name: arguments[name] for name in self._properties if arguments.get(name) is not None}
        return f"{self.name}({', '.join(f'{name}={_argument(value)}' for name, value in named.items())})"

    def _failure(self, error: KtrdrError, arguments: Mapping[str, Any]) -> str:
        """Return what the engine said and the way on: the caller's call with what the engine named mended."""
        mends = {name: value for name, value in repairs(error).items() if name in self._properties}
        call = self._call({**arguments, **mends}) if mends else None if arguments else self.example
        return failure_text(error, self.name, call)


def _argument(value: object) -> str:
    return "..." if value is UNKNOWN or (isinstance(value, str) and len(value) > _LONGEST_ARGUMENT) else shown(value)


def _is_left_out(value: object) -> bool:
    """Return whether this is what hosts send for an optional argument that nobody gave."""
    return value is None or value == ""
