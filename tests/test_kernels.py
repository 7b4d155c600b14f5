"""Kernels: compiled on demand, kept for the user, and never stopped by a cache that cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import platformdirs
import pytest
from numba import types

from ktrdr_engine.kernels import Kernel, cache_folder, compiled, inlined, is_raised

SIMULATE = """
import numpy as np
from ktrdr_engine.simulation.models import SimulationRules
from ktrdr_engine.simulation.simulator import simulate
prices = np.full((5, 3), 10.0)
print(simulate(prices, np.array([0, 2, 1], np.int8), SimulationRules(1000.0, 0.0, 0.0)).final_value)
"""


def simulate_with_cache_at(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment["XDG_CACHE_HOME"] = str(folder)
    return subprocess.run([sys.executable, "-c", SIMULATE], capture_output=True, text=True, env=environment, check=True)


@pytest.fixture
def cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    home = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(home))
    return home


@inlined
def twice(value: int) -> int:
    return 2 * value


@pytest.fixture
def kernel() -> Kernel[[int], int]:
    @compiled(types.int64(types.int64))
    def twice_and_one(value: int) -> int:
        return twice(value) + 1

    return twice_and_one


@pytest.mark.usefixtures("cache_home")
def test_a_kernel_computes_what_its_source_says(kernel: Kernel[[int], int]) -> None:
    assert kernel(20) == 41


def test_the_machine_code_is_kept_below_the_users_cache_folder(kernel: Kernel[[int], int], cache_home: Path) -> None:
    kernel(1)
    assert list(cache_home.glob("kernels/*/*/*.nbi"))


def test_numbas_own_settings_are_left_as_they_were(kernel: Kernel[[int], int], cache_home: Path) -> None:
    config = vars(numba.config)
    before = config["CACHE_DIR"]
    kernel(1)
    assert cache_home.exists()
    assert config["CACHE_DIR"] == before
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_a_cache_folder_the_user_chose_wins(
    kernel: Kernel[[int], int], cache_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "chosen"))
    assert kernel(1) == 3
    assert list((tmp_path / "chosen").glob("*/*.nbi"))
    assert not list(cache_home.glob("kernels/*/*/*.nbi"))


def test_a_damaged_cache_is_passed_over(kernel: Kernel[[int], int], cache_home: Path) -> None:
    kernel(1)
    for file in cache_home.glob("kernels/*/*/*.nb*"):
        file.write_bytes(b"\x80")
    assert Kernel(kernel.python, types.int64(types.int64))(5) == 11


def test_another_source_beside_the_kernel_has_another_folder(cache_home: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "kernel.py").write_text("one")
    first = cache_folder(package)
    (package / "helpers.py").write_text("two")
    second = cache_folder(package)
    assert first is not None
    assert second is not None
    assert first.parent == second.parent == cache_home / "kernels"
    assert first != second


def test_no_folder_is_used_when_nobodys_home_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: "~/.cache/ktrdr")
    monkeypatch.chdir(tmp_path)
    assert cache_folder(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_run_succeeds_where_nothing_can_be_cached(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = simulate_with_cache_at(blocked)
    assert done.stdout == "1000.0\n"
    assert done.stderr == ""


def test_a_run_leaves_its_machine_code_for_the_next_one(tmp_path: Path) -> None:
    done = simulate_with_cache_at(tmp_path)
    kept = sorted(tmp_path.rglob("*.nbc"))
    assert kept
    stamps = [file.stat().st_mtime_ns for file in kept]
    again = simulate_with_cache_at(tmp_path)
    assert again.stdout == done.stdout
    assert [file.stat().st_mtime_ns for file in sorted(tmp_path.rglob("*.nbc"))] == stamps
    assert not list(Path(__file__).parents[1].glob("ktrdr_engine/simulation/__pycache__/*.nbc"))


@pytest.mark.usefixtures("cache_home")
def test_a_flag_that_another_thread_raises_is_seen_inside_a_loop() -> None:
    @compiled(types.int64(types.int64, types.int64))
    def wait_for_either(flag: int, other: int) -> int:
        while not is_raised(flag):
            if is_raised(other):
                return 2
        return 1

    flag, other = np.zeros(1, np.uint8), np.zeros(1, np.uint8)
    _ = wait_for_either.compiled
    seen: list[int] = []
    waiting = threading.Thread(target=lambda: seen.append(wait_for_either(flag.ctypes.data, other.ctypes.data)))
    waiting.start()
    try:
        waiting.join(0.01)
        assert waiting.is_alive()
    finally:
        flag[0] = 1
        waiting.join()
    assert seen == [1]
