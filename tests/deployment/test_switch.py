from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from ktrdr_engine.settings import Settings
from tests.deployment.image import CHECKOUT

SCRIPT = CHECKOUT / "scripts" / "switch-backtest-mode.sh"


def switch(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {"PATH": os.environ["PATH"]}
    return subprocess.run([SCRIPT, *arguments], cwd=folder, env=plain | environment, capture_output=True, text=True)


def in_force(folder: Path) -> tuple[bool, str]:
    settings = Settings(_env_file=folder / ".env")
    return settings.use_remote_backtest_service, settings.remote_backtest_service_url


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USE_REMOTE_BACKTEST_SERVICE", "REMOTE_BACKTEST_SERVICE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_missing_file_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    finished = switch(tmp_path, "remote")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert in_force(tmp_path) == (True, "http://localhost:5003")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert "USE_REMOTE_BACKTEST_SERVICE=true\nREMOTE_BACKTEST_SERVICE_URL=http://localhost:5003\n" in finished.stdout


def test_there_and_back_leaves_the_example_as_it_was(tmp_path: Path) -> None:
    example = (CHECKOUT / ".env.example").read_text()
    (tmp_path / ".env").write_text(example)
    switch(tmp_path, "remote", "http://localhost:5003")
    assert in_force(tmp_path) == (True, "http://localhost:5003")
    switch(tmp_path, "local")
    assert (tmp_path / ".env").read_text() == example


def test_the_url_is_remembered_while_backtests_run_locally(tmp_path: Path) -> None:
    switch(tmp_path, "remote", "https://big.example:8443/ktrdr")
    switch(tmp_path, "local")
    assert in_force(tmp_path) == (False, "https://big.example:8443/ktrdr")
    switch(tmp_path, "remote")
    assert in_force(tmp_path) == (True, "https://big.example:8443/ktrdr")


def test_everything_else_in_the_file_stays(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nOTHER=a b  # c\n\nKTRDR_WORKER_TOKEN='s&p\\1'\nMY_USE_REMOTE_BACKTEST_SERVICE=1")
    env.chmod(0o640)
    before = env.read_text()
    switch(tmp_path, "local")
    assert env.read_text().startswith(before + "\n")
    assert stat.S_IMODE(env.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == [".env"]


@pytest.mark.parametrize(
    "text",
    [
        "use_remote_backtest_service=true\nREMOTE_BACKTEST_SERVICE_URL=http://a:1\n",
        "export USE_REMOTE_BACKTEST_SERVICE = 'true'\n  export REMOTE_BACKTEST_SERVICE_URL = \"http://a:1\"\n",
        "USE_REMOTE_BACKTEST_SERVICE=true\r\nREMOTE_BACKTEST_SERVICE_URL=http://a:1\r\n",
        "REMOTE_BACKTEST_SERVICE_URL=http://b:2\nUSE_REMOTE_BACKTEST_SERVICE=no\n"
        "USE_REMOTE_BACKTEST_SERVICE=true\nREMOTE_BACKTEST_SERVICE_URL=http://a:1\n",
    ],
)
def test_it_reads_the_file_as_the_settings_do(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    assert in_force(tmp_path) == (True, "http://a:1")
    finished = switch(tmp_path, "local")
    assert "REMOTE_BACKTEST_SERVICE_URL=http://a:1\n" in finished.stdout
    assert in_force(tmp_path) == (False, "http://a:1")
    assert (tmp_path / ".env").read_text().upper().count("USE_REMOTE_BACKTEST_SERVICE") == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "which mode"),
        (("on",), "'on' is no mode"),
        (("local", "http://a:1"), "takes no URL"),
        (("remote", "http://a:1", "b"), "too many"),
        (("remote", ""), "no URL"),
        (("remote", "localhost:5003"), "no URL"),
        (("remote", "http://a:1\nKTRDR_WORKER_TOKEN=x"), "no URL"),
        (("remote", "http://a:1 # b"), "no URL"),
        (("remote", "http://$HOME"), "no URL"),
        (("remote", "http://user:secret@a:1"), "no URL"),
    ],
)
def test_nonsense_is_refused_with_the_usage_and_changes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    (tmp_path / ".env").write_text("USE_REMOTE_BACKTEST_SERVICE=false\n")
    finished = switch(tmp_path, *arguments)
    assert finished.returncode == 2
    assert problem in finished.stderr
    assert "usage: switch-backtest-mode.sh local|remote [URL]" in finished.stderr
    assert (tmp_path / ".env").read_text() == "USE_REMOTE_BACKTEST_SERVICE=false\n"
    assert os.listdir(tmp_path) == [".env"]


def test_it_says_when_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    assert "USE_REMOTE_BACKTEST_SERVICE=true, which wins" in switch(
        tmp_path, "local", USE_REMOTE_BACKTEST_SERVICE="true"
    ).stdout  # fmt: skip
