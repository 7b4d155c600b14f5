from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ktrdr_engine.settings import Settings
from tests.deployment.image import CHECKOUT, last

TEXT = (CHECKOUT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
PORTS = {"server": "8000", "worker": "5003"}


@pytest.mark.parametrize("name", PORTS)
def test_each_service_is_built_from_its_stage_and_open_to_this_machine_only(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["build"]["target"] == name
    assert service["ports"] == [f"127.0.0.1:{PORTS[name]}:{PORTS[name]}"]
    assert last(name, "EXPOSE") == PORTS[name]


@pytest.mark.parametrize("name", PORTS)
def test_each_service_has_a_read_only_root_and_no_capabilities(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]


@pytest.mark.parametrize("name", PORTS)
def test_both_see_the_same_files_and_each_has_a_history_of_its_own(name: str) -> None:
    home = last(name, "WORKDIR")
    shared = [f"./{kind}:{home}/{kind}:ro" for kind in ("data", "strategies")]
    assert COMPOSE["services"][name]["volumes"] == [f"{name}:{home}", *shared]
    assert name in COMPOSE["volumes"]


def test_every_variable_is_a_setting() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for service in COMPOSE["services"].values():
        assert set(service["environment"]) <= known
    assert set(re.findall(r"\$\{(\w+)", TEXT)) <= known


def test_the_server_uses_the_worker_beside_it() -> None:
    environment = COMPOSE["services"]["server"]["environment"]
    settings = Settings(
        _env_file=None,
        use_remote_backtest_service=environment["USE_REMOTE_BACKTEST_SERVICE"],
        remote_backtest_service_url=environment["REMOTE_BACKTEST_SERVICE_URL"],
    )
    assert settings.use_remote_backtest_service
    assert settings.remote_backtest_service_url == f"http://worker:{PORTS['worker']}"
    for name in ("USE_REMOTE_{}_SERVICE", "REMOTE_{}_SERVICE_URL"):
        assert environment[name.format("TRAINING")] == environment[name.format("BACKTEST")]
    assert COMPOSE["services"]["server"]["depends_on"] == {"worker": {"condition": "service_healthy"}}


def test_nothing_starts_without_tokens_and_the_worker_never_sees_the_servers() -> None:
    server, worker = (COMPOSE["services"][name]["environment"] for name in PORTS)
    assert server["KTRDR_SERVER_TOKEN"].startswith("${KTRDR_SERVER_TOKEN:?")
    assert server["KTRDR_WORKER_TOKEN"] == worker["KTRDR_WORKER_TOKEN"]
    assert worker["KTRDR_WORKER_TOKEN"].startswith("${KTRDR_WORKER_TOKEN:?")
    assert "KTRDR_SERVER_TOKEN" not in worker
