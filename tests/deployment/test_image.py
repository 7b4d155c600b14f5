"""The images, built and run without a container engine; slow, so `make test-image` runs it and `make test` does not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.deployment.image import Image, exec_form, last

pytestmark = [pytest.mark.image, pytest.mark.timeout(240)]

TOKENS = {
    "KTRDR_WORKER_TOKEN": "worker-token-of-a-test-1234567890",
    "KTRDR_SERVER_TOKEN": "server-token-of-a-test-1234567890",
}


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """What the build makes, from nothing."""
    if os.geteuid() != 0:
        pytest.skip("making users takes root, as in the build of an image")
    root = Path(tempfile.mkdtemp(prefix="image"))
    try:
        image = Image(root, {"TORCH_INDEX": os.environ.get("TORCH_INDEX", "")})
        image.build("build")
        image.build("runtime")
        yield image
    finally:
        for folder, _, _ in os.walk(root):
            Path(folder).chmod(0o755)
        shutil.rmtree(root)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_the_user_of_the_image_exists_and_owns_its_home(image: Image) -> None:
    (user,) = (image.root / "etc/passwd").read_text().splitlines()
    assert user.split(":")[:4] == ["ktrdr", "x", "10001", "10001"]
    home = (image.root / "var/lib/ktrdr").stat()
    assert (home.st_uid, home.st_gid, stat.S_IMODE(home.st_mode)) == (10001, 10001, 0o755)


def test_the_image_holds_no_build_tools(image: Image) -> None:
    programs = {path.name for path in (image.root / "opt/ktrdr/bin").iterdir()}
    assert {"ktrdr", "ktrdr-mcp", "ktrdr-worker", "python"} <= programs
    assert "pip" not in programs


def test_a_container_can_write_to_its_home_and_nowhere_else(image: Image) -> None:
    mount_an_empty_volume(image)
    write = "import sys; open(sys.argv[1], 'w')"
    assert succeeds(image, ["python", "-c", write, "/var/lib/ktrdr/written"], "worker")
    for path in ("/opt/ktrdr/written", "/opt/ktrdr/bin/written", "/src/written"):
        assert not succeeds(image, ["python", "-c", write, path], "worker")


@pytest.mark.parametrize("target", ["worker", "server"])
def test_a_container_becomes_healthy_runs_a_backtest_and_ends_on_sigterm(image: Image, target: str) -> None:
    port, exposed = str(free_port()), last(target, "EXPOSE")
    command = [port if word == exposed else word for word in exec_form(last(target, "CMD"))]
    check = [word.replace(f":{exposed}/", f":{port}/") for word in exec_form(last(target, "HEALTHCHECK"))]
    mount_an_empty_volume(image)
    container = image.start(command, target, TOKENS)
    try:
        while not succeeds(image, check, target):
            assert container.poll() is None, container.communicate()[1]
        operation = backtest(int(port), TOKENS[f"KTRDR_{target.upper()}_TOKEN"])
        assert operation["status"] == "COMPLETED"
        container.send_signal(signal.SIGTERM)
        output, log = container.communicate(timeout=20)
    finally:
        container.kill()
    assert container.returncode in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert output == ""
    assert any((image.root / "var/lib/ktrdr/cache").rglob("*.nbc")), "compiled kernels are kept"
    assert "Traceback" not in log
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())


def mount_an_empty_volume(image: Image) -> None:
    """Give the container a home that belongs to who runs it, as a volume would be given to the image's user."""
    shutil.rmtree(image.root / "var/lib/ktrdr")
    (image.root / "var/lib/ktrdr").mkdir()


def succeeds(image: Image, command: list[str], target: str) -> bool:
    with image.start(command, target, {}) as process:
        process.communicate()
    return process.returncode == 0


def backtest(port: int, token: str) -> dict[str, object]:
    request = {
        "symbol": "EURUSD",
        "timeframe": "1h",
        "strategy_config_path": "rsi_mean_reversion",
        "start_date": "2017-01-02",
        "end_date": "2017-03-31",
    }
    started = call(port, token, "POST", "/api/v1/backtests/start", request)
    return call(port, token, "GET", f"/api/v1/operations/{started['operation_id']}?wait=20")


def call(port: int, token: str, method: str, path: str, body: object = None) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method), timeout=30) as reply:
        answer: dict[str, object] = json.load(reply)
        return answer
