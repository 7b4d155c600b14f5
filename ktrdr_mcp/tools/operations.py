"""The tools that follow operations of any kind: state, history, cancel, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BeforeValidator, Field

from ktrdr_engine.operations.models import Operation, OperationStatus, OperationType
from ktrdr_engine.operations.requests import refuse_booleans
from ktrdr_mcp.addresses import RESULTS
from ktrdr_mcp.apps.operation import SHOWN_IN_APP
from ktrdr_mcp.arguments import StrictTool
from ktrdr_mcp.fitting import fitting_metrics, fitting_operation, fitting_page
from ktrdr_mcp.following import after, resources_of, waiting
from ktrdr_mcp.replies import Call, MetricsReply, OperationListReply, OperationReply, reply
from ktrdr_mcp.tools.reading import EXAMPLE_ID, READ_ONLY, ListLimit, Offset, OperationId, next_page
from ktrdr_mcp.views import cancelled_text, metrics_text, operation_line, operation_text, operations_text, readable

if TYPE_CHECKING:
    from ktrdr_engine.operations.service import OperationsService

_PROGRESS_SECONDS = 2.0
MOST_SECONDS: Final = 25

StatusName = Literal["PENDING", "RUNNING", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED"]
TypeName = Literal["BACKTESTING", "TRAINING", "DATA_LOADING"]

Refresh = Annotated[bool, Field(description="True: look now, even if the last look is less than a second old")]
WaitSeconds = Annotated[
    float,
    Field(
        ge=0,
        allow_inf_nan=False,
        description="Seconds to wait for its end; 0 answers at once",
        # Longer waits are cut, not refused: clients end a call that takes longer.
        json_schema_extra={"maximum": MOST_SECONDS},
    ),
    BeforeValidator(refuse_booleans),
]
Cursor = Annotated[
    int,
    Field(ge=0, description="0 for the beginning, else the new_cursor of the last reply"),
    BeforeValidator(refuse_booleans),
]
MetricsLimit = Annotated[
    int, Field(ge=1, le=500, description="Most entries in one reply"), BeforeValidator(refuse_booleans)
]
Reason = Annotated[str | None, Field(max_length=500, description="Kept with the operation")]


def operations_tools(operations: OperationsService) -> list[StrictTool]:
    """Return the tools over `operations`, in the order in which an agent meets them."""
    return [_get_operation(operations), _get_metrics(operations), _cancel(operations), _list_operations(operations)]


def _get_operation(operations: OperationsService) -> StrictTool:
    async def get_operation(
        operation_id: OperationId, ctx: Context, force_refresh: Refresh = False, wait_seconds: WaitSeconds = 0
    ) -> Annotated[CallToolResult, OperationReply]:
        """Returns the `status`, the `progress` and, once COMPLETED, the `results` of an operation.

        Use it after a start tool; with `wait_seconds` it answers as soon as the operation ends, so there is no need
        to ask again and again.
        Call `get_metrics` next for the history and the trades, or `cancel` to stop it.
        """
        waits = _Waits(operations, operation_id, ctx)
        operation = await waits.until_over(min(wait_seconds, MOST_SECONDS), force_refresh=force_refresh)
        if wait_seconds > MOST_SECONDS:
            said = f"wait_seconds={wait_seconds:g} was taken as {MOST_SECONDS}: call again to wait longer."
            operation = operation.model_copy(update={"warnings": (said, *operation.warnings)})
        return _reply(operation_text(operation), operation)

    return StrictTool.declare(
        get_operation,
        title="Show an operation",
        example=f'get_operation(operation_id="{EXAMPLE_ID}", wait_seconds=20)',
        annotations=READ_ONLY,
        meta=SHOWN_IN_APP,
    )


def _reply(text: str, operation: Operation) -> CallToolResult:
    return reply(text, OperationReply.of(fitting_operation(operation)), after(operation).call, resources_of(operation))


class _Waits:
    """Waits for the end of one operation, telling a client that asked how far it is."""

    def __init__(self, operations: OperationsService, operation_id: str, context: Context) -> None:
        self._operations = operations
        self._operation_id = operation_id
        self._context = context

    async def until_over(self, seconds: float, *, force_refresh: bool) -> Operation:
        """Return the operation once it is over or `seconds` have passed."""
        operation = await self._look(0.0, force_refresh=force_refresh or seconds > 0)
        for share in self._shares(seconds):
            if operation.status.is_final:
                break
            await self._context.report_progress(operation.progress.percentage, 100, operation.progress.message)
            operation = await self._look(share, force_refresh=True)
        return operation

    async def _look(self, wait_seconds: float, *, force_refresh: bool) -> Operation:
        return await self._operations.get_operation(
            self._operation_id, force_refresh=force_refresh, wait_seconds=wait_seconds
        )

    def _shares(self, seconds: float) -> list[float]:
        """Return the wait as one, or cut into the steps at which a client that asked is told."""
        asked = "progress_token" in (self._context.request_context.meta or {})
        step = _PROGRESS_SECONDS if asked else seconds
        shares = []
        while seconds > 0:
            shares.append(min(step, seconds))
            seconds -= step
        return shares


def _get_metrics(operations: OperationsService) -> StrictTool:
    async def get_metrics(
        operation_id: OperationId, cursor: Cursor = 0, limit: MetricsLimit = 50
    ) -> Annotated[CallToolResult, MetricsReply]:
        """Returns the next page of an operation's history: `metrics` by bucket, `new_cursor`, `has_more`, `dropped`.

        Use it to watch a running backtest (bars, trades) or to read the history of a finished one, also after a
        restart.
        Call it again with `cursor` set to `new_cursor` while `has_more` is true.
        """
        page = await fitting_metrics(
            limit,
            operation_id,
            lambda fewer: operations.get_operation_metrics(operation_id, cursor=cursor, limit=fewer),
        )
        more = Call.of("get_metrics", operation_id=operation_id, cursor=page.new_cursor, limit=limit)
        following = more if page.has_more else waiting(operation_id)
        results = RESULTS.format(operation_id=operation_id)
        return reply(metrics_text(operation_id, page), MetricsReply.of(page), following, (results,))

    return StrictTool.declare(
        get_metrics,
        title="Read the history of an operation",
        example=f'get_metrics(operation_id="{EXAMPLE_ID}", cursor=0, limit=50)',
        annotations=READ_ONLY,
    )


def _cancel(operations: OperationsService) -> StrictTool:
    async def cancel(operation_id: OperationId, reason: Reason = None) -> Annotated[CallToolResult, OperationReply]:
        """Stops an operation that waits or runs; one that has ended stays as it is.

        Use it when its result is not wanted any more; what was computed so far is kept in `results`, marked partial.
        Call `get_operation` next if the `status` is still CANCELLING.
        """
        operation = await operations.cancel_operation(operation_id, reason=reason)
        return _reply(cancelled_text(operation), operation)

    return StrictTool.declare(
        cancel,
        title="Cancel an operation",
        example=f'cancel(operation_id="{EXAMPLE_ID}", reason="wrong dates")',
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        ),
    )


def _list_operations(operations: OperationsService) -> StrictTool:
    async def list_operations(
        status: Annotated[StatusName | None, Field(description="Show only these")] = None,
        operation_type: Annotated[TypeName | None, Field(description="Show only these")] = None,
        limit: ListLimit = 20,
        offset: Offset = 0,
    ) -> Annotated[CallToolResult, OperationListReply]:
        """Lists `operations`, newest first, with what each is `about`, and `total` and `returned`.

        Use it to find an `operation_id` again or to see what runs.
        Call `get_operation` next on one of them.
        """
        page = await operations.list_operations(
            status=OperationStatus(status) if status else None,
            operation_type=OperationType(operation_type) if operation_type else None,
            limit=limit,
            offset=offset,
        )
        page = readable(fitting_page(page), "operations", operation_line)
        asked = {"status": status, "operation_type": operation_type, "limit": limit}
        more = next_page("list_operations", offset + page.returned, page.total, **asked)
        shown = [Call.of("get_operation", operation_id=row.operation_id) for row in page.operations]
        following = more or next(iter(shown), Call.of("start_backtest"))
        return reply(operations_text(page, more), page, following, (RESULTS,))

    return StrictTool.declare(
        list_operations,
        title="List operations",
        example='list_operations(status="COMPLETED", limit=20)',
        annotations=READ_ONLY,
    )
