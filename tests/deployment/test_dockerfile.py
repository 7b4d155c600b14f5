from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deployment.image import CHECKOUT, all_steps, context_entries, exec_form, last, stages

TARGETS = {"server": ("ktrdr-mcp", "8000"), "worker": ("ktrdr-worker", "5003")}


def project() -> dict[str, object]:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        declared: dict[str, object] = tomllib.load(file)["project"]
    return declared


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    assert hadolint, "install the development dependencies: they bring hadolint"
    finished = subprocess.run([hadolint, CHECKOUT / "Dockerfile"], capture_output=True, text=True)
    assert (finished.returncode, finished.stdout) == (0, "")


@pytest.mark.parametrize(("target", "command", "port"), [(name, *rest) for name, rest in TARGETS.items()])
def test_each_image_serves_and_checks_the_port_it_exposes(target: str, command: str, port: str) -> None:
    words = exec_form(last(target, "CMD"))
    assert words[0] == command
    assert command in project()["scripts"]  # type: ignore[operator]  # a table of names
    assert words[words.index("--port") + 1] == last(target, "EXPOSE") == port
    assert f"http://127.0.0.1:{port}/health" in exec_form(last(target, "HEALTHCHECK"))[-1]


@pytest.mark.parametrize("target", TARGETS)
def test_no_image_runs_as_root_or_knows_a_secret(target: str) -> None:
    assert last(target, "USER") == "10001:10001"
    assert not [step for step in all_steps(target) if "TOKEN" in step.argument]


def test_the_images_are_built_on_one_runtime_from_one_build() -> None:
    assert {name: stage.parent for name, stage in stages().items()} == {
        "build": "python:${PYTHON}",
        "runtime": "python:${PYTHON}",
        "worker": "runtime",
        "server": "runtime",
    }


def test_the_image_has_a_python_that_the_project_supports() -> None:
    (line,) = [line for line in (CHECKOUT / "Dockerfile").read_text().splitlines() if line.startswith("ARG PYTHON=")]
    version = line.removeprefix("ARG PYTHON=").split("-")[0]
    assert f"Programming Language :: Python :: {version}" in project()["classifiers"]  # type: ignore[operator]  # a list


def test_torch_is_the_version_that_the_makefile_installs() -> None:
    (argument,) = [step.argument for step in stages()["build"].steps if step.argument.startswith("TORCH_VERSION=")]
    assert f"torch=={argument.removeprefix('TORCH_VERSION=')}" in (CHECKOUT / "Makefile").read_text()


def test_the_build_context_is_what_is_packaged_and_nothing_else() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    entries, unwanted = context_entries()
    assert set(entries) == {
        "pyproject.toml", "constraints.txt", "README.md", "LICENSE", *wheel["packages"], *wheel["force-include"]
    }  # fmt: skip
    assert all((CHECKOUT / name).exists() for name in entries)
    assert unwanted == ["**/__pycache__"]
