"""The connections of a process to workers: one an address, made when it is first needed.

Light: no HTTP is imported before that (`proxy` does).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ktrdr_engine.operations.proxy import OperationServiceProxy


class Workers:
    """Closes its connections when it is left.

    Args:
        urls: The workers that new work goes to.
        token: Theirs; older addresses, where operations of earlier sessions may run, are not shown it.

    Attributes:
        failures: How often a call over any of the connections failed, by the error's code.
    """

    def __init__(self, urls: Iterable[str], token: str | None = None) -> None:
        self._addresses = frozenset(url.rstrip("/") for url in urls)
        self._token = token
        self.failures: Counter[str] = Counter()
        self.connections: dict[str, OperationServiceProxy] = {}

    def at(self, url: str) -> OperationServiceProxy:
        """Return the connection to the worker at `url`.

        Raises:
            InvalidRequest: The address is none.
        """
        address = url.rstrip("/")
        if address not in self.connections:
            from ktrdr_engine.operations.proxy import OperationServiceProxy, report_retries_to_nobody

            report_retries_to_nobody()
            token = self._token if address in self._addresses else None
            self.connections[address] = OperationServiceProxy(url, token=token, failures=self.failures)
        return self.connections[address]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self.connections.values():
            await connection.aclose()
