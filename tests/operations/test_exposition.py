from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ktrdr_engine import __version__
from ktrdr_engine.operations.exposition import CONTENT_TYPE, Exposition
from ktrdr_engine.operations.service import OperationsService
from tests.operations.work import Gate, ended, start


@pytest.fixture
async def service() -> AsyncIterator[OperationsService]:
    async with OperationsService(max_concurrent=1, max_queued=5) as made:
        yield made


def read(exposition: Exposition) -> dict[str, float]:
    """The samples by name and labels, as Prometheus reads them."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition.text().decode()):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def test_a_new_service_shows_its_build_its_capacity_and_zeros(service: OperationsService) -> None:
    samples = read(Exposition(service, service="ktrdr-test"))
    assert samples[f"ktrdr_build_info{{service=ktrdr-test,version={__version__}}}"] == 1
    assert samples["ktrdr_up{}"] == 1
    assert samples["ktrdr_capacity{}"] == 1
    assert samples["ktrdr_running{}"] == samples["ktrdr_queued{}"] == 0
    assert samples["ktrdr_pulls_total{execution=local}"] == samples["ktrdr_pulls_total{execution=remote}"] == 0
    assert samples["ktrdr_cache_hits_total{}"] == 0


async def test_operations_show_by_kind_and_status_while_they_run_and_after(service: OperationsService) -> None:
    exposition = Exposition(service, service="ktrdr-test")
    first, second = Gate(), Gate()
    ids = [await start(service, first), await start(service, second)]
    await first.until_reached()
    samples = read(exposition)
    kind = "execution=local,operation_type=TRAINING"
    assert samples[f"ktrdr_operations_accepted_total{{{kind}}}"] == 2
    assert samples[f"ktrdr_operations_unfinished{{{kind},status=RUNNING}}"] == 1
    assert samples[f"ktrdr_operations_unfinished{{{kind},status=PENDING}}"] == 1
    assert (samples["ktrdr_running{}"], samples["ktrdr_queued{}"]) == (1, 1)
    first.open()
    second.open()
    for operation_id in ids:
        await ended(service, operation_id)
    samples = read(exposition)
    assert samples[f"ktrdr_operations_ended_total{{{kind},status=COMPLETED}}"] == 2
    assert not [name for name in samples if name.startswith("ktrdr_operations_unfinished")]
    assert samples[f"ktrdr_operation_duration_seconds_count{{{kind},status=COMPLETED}}"] == 2
    assert samples[f"ktrdr_operation_duration_seconds_sum{{{kind},status=COMPLETED}}"] >= 0


async def test_buckets_add_up(service: OperationsService) -> None:
    work = Gate()
    work.open()
    await ended(service, await start(service, work))
    (durations,) = service.tally.durations.values()
    durations.add(0.3)
    durations.add(1e6)
    samples = read(Exposition(service, service="ktrdr-test"))
    counts = [value for name, value in samples.items() if "_duration_seconds_bucket" in name]
    assert counts == sorted(counts)
    assert counts[-2:] == [2, 3]


async def test_failed_calls_to_a_worker_show_by_code(service: OperationsService) -> None:
    service.tally.proxy_errors["worker_unavailable"] += 2
    samples = read(Exposition(service, service="ktrdr-test"))
    assert samples["ktrdr_proxy_errors_total{code=worker_unavailable}"] == 2


async def test_a_service_that_ends_says_so() -> None:
    async with OperationsService() as service:
        exposition = Exposition(service, service="ktrdr-test")
        await service.drain(0)
        assert read(exposition)["ktrdr_up{}"] == 0


async def test_two_services_of_one_process_do_not_share_numbers(service: OperationsService) -> None:
    work = Gate()
    work.open()
    await ended(service, await start(service, work))
    async with OperationsService() as other:
        samples = read(Exposition(other, service="ktrdr-test"))
    assert not [name for name in samples if "operations_ended" in name]


def test_the_type_of_the_content_is_the_one_prometheus_expects() -> None:
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
