"""What is built from this checkout must work somewhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from ktrdr_engine.catalog import shipped_root

CHECKOUT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "pandas", "numba", "numpy", "talib", "pyarrow", "matplotlib", "plotly", "PIL")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, as a folder nothing may be written to."""
    built = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    (wheel,) = built.glob("ktrdr-*.whl")
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def run_elsewhere(installed: Path, tmp_path: Path, program: str, *arguments: str) -> str:
    program = f"import sys; sys.path.insert(0, {str(installed)!r}); {program}"
    environment = {**os.environ, "KTRDR_HOME": str(tmp_path / "home")}
    finished = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_wheel_carries_what_reports_are_made_of(installed: Path) -> None:
    parts = {path.name for path in (installed / "ktrdr_engine" / "reports" / "templates").iterdir()}
    assert parts == {"report.html", "report.css", "report.js"}


@pytest.mark.timeout(60)
def test_the_wheel_carries_what_ships_and_runs_from_any_folder(installed: Path, tmp_path: Path) -> None:
    shipped = run_elsewhere(installed, tmp_path, "from ktrdr_engine.catalog import shipped_root; print(shipped_root())")
    assert Path(shipped.strip()) == installed / "ktrdr_engine" / "shipped"
    output = run_elsewhere(
        installed, tmp_path, "from ktrdr_engine.cli import main; main()",
        "backtest", "--symbol", "EURUSD", "--timeframe", "1h", "--strategy", "rsi_mean_reversion",
        "--start", "2017-01-02", "--end", "2017-02-28", "--json",
    )  # fmt: skip
    assert json.loads(output)["status"] == "COMPLETED"


def test_the_wheel_holds_every_shipped_file(installed: Path) -> None:
    for kind in ("strategies", "models", "data"):
        here = {path.name for path in (shipped_root() / kind).iterdir() if path.is_file()}
        there = {path.name for path in (installed / "ktrdr_engine" / "shipped" / kind).iterdir() if path.is_file()}
        assert here == there


def test_the_wheel_holds_every_page(installed: Path) -> None:
    for package in ("ktrdr_mcp/apps", "ktrdr_mcp/dashboard/templates", "ktrdr_mcp/dashboard/static"):
        here = {path.name for path in (CHECKOUT / package).iterdir() if path.is_file()}
        assert here == {path.name for path in (installed / package).iterdir() if path.is_file()}


def test_the_sdist_holds_all_that_is_kept_here(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no checkout, so nobody knows what is kept")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    (sdist,) = tmp_path.glob("ktrdr-*.tar.gz")
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    kept = {name for name in listed.stdout.splitlines() if (CHECKOUT / name).is_file()}
    assert kept - there == set()


@pytest.mark.parametrize(
    "module", ["ktrdr_mcp.main", "ktrdr_mcp.server", "ktrdr_engine.cli", "ktrdr_engine.composition"]
)
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    program = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == ""


def test_the_generated_reference_is_up_to_date() -> None:
    subprocess.run([sys.executable, "scripts/build_reference.py", "--check"], cwd=CHECKOUT, check=True)
