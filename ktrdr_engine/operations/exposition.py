"""The state of a service as Prometheus reads it: made when it is asked for, from numbers that are kept anyway.

Nothing is measured here; `tally` counts. Nothing is kept either, and there is no global registry: each app has its
own. Not to be confused with the metrics of an operation, which belong to its kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ktrdr_engine import __version__
from ktrdr_engine.operations.lifecycle import Load
from ktrdr_engine.operations.service import OperationsService
from ktrdr_engine.operations.tally import DURATION_BOUNDS, Durations, Tally, kind_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_KIND = ("operation_type", "execution")
_OUTCOME = (*_KIND, "status")
_BOUNDS = (*map(str, DURATION_BOUNDS), "+Inf")


class Exposition:
    """What one service shows of itself, and of its process where the platform tells.

    Args:
        operations: The service; must be asked on its event loop's thread.
        service: The deployable's name.
    """

    def __init__(self, operations: OperationsService, *, service: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_ServiceCollector(operations, service))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return the exposition, of `CONTENT_TYPE`."""
        return generate_latest(self._registry)


def families(operations: OperationsService, service: str) -> Iterator[Metric]:
    """Yield everything a service shows of itself, as it is now."""
    build = GaugeMetricFamily("ktrdr_build_info", "Always 1, by service and version.", labels=("service", "version"))
    build.add_metric((service, __version__), 1)
    yield build
    yield GaugeMetricFamily("ktrdr_up", "1 while it takes new work.", value=not operations.is_closing)
    yield from _load(operations.load)
    yield _unfinished(operations)
    yield from _history(operations.tally)
    yield from _reads(operations.tally)


class _ServiceCollector(Collector):
    def __init__(self, operations: OperationsService, service: str) -> None:
        self._operations = operations
        self._service = service

    def collect(self) -> Iterator[Metric]:
        return families(self._operations, self._service)


def _load(load: Load) -> Iterator[Metric]:
    yield GaugeMetricFamily("ktrdr_running", "Local operations that run.", value=load.running)
    yield GaugeMetricFamily("ktrdr_queued", "Local operations that wait for a slot.", value=load.queued)
    yield GaugeMetricFamily("ktrdr_capacity", "Local operations that can run at once.", value=load.capacity)


def _unfinished(operations: OperationsService) -> Metric:
    family = GaugeMetricFamily(
        "ktrdr_operations_unfinished", "Operations that have not ended, by type, execution and status.", labels=_OUTCOME
    )
    now = Counter((kind_of(operation), operation.status) for operation in operations.unfinished())
    for (kind, status), count in now.items():
        family.add_metric((*kind, status), count)
    return family


def _history(tally: Tally) -> Iterator[Metric]:
    accepted = CounterMetricFamily(
        "ktrdr_operations_accepted", "Operations created, by type and execution.", labels=_KIND
    )
    for kind, count in tally.accepted.items():
        accepted.add_metric(kind, count)
    ended = CounterMetricFamily(
        "ktrdr_operations_ended", "Operations that ended, by type, execution and status.", labels=_OUTCOME
    )
    for (kind, status), count in tally.ended.items():
        ended.add_metric((*kind, status), count)
    duration = HistogramMetricFamily(
        "ktrdr_operation_duration_seconds",
        "From an operation's start to its end, by type, execution and status.",
        labels=_OUTCOME,
    )
    for (kind, status), durations in tally.durations.items():
        duration.add_metric((*kind, status), _buckets(durations), durations.total_seconds)
    yield from (accepted, ended, duration)


def _reads(tally: Tally) -> Iterator[Metric]:
    pulls = CounterMetricFamily(
        "ktrdr_pulls", "States pulled from where the work runs, by execution.", labels=("execution",)
    )
    pulls.add_metric(("local",), tally.local_pulls)
    pulls.add_metric(("remote",), tally.remote_pulls)
    hits = CounterMetricFamily("ktrdr_cache_hits", "Reads that needed no pull of their own.")
    hits.add_metric((), tally.cache_hits)
    errors = CounterMetricFamily(
        "ktrdr_proxy_errors", "Calls to a worker that failed, by the error's code.", labels=("code",)
    )
    for code, count in tally.proxy_errors.items():
        errors.add_metric((code,), count)
    yield from (pulls, hits, errors)


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    return list(zip(_BOUNDS, map(float, accumulate(durations.counts)), strict=True))
