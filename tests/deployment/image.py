"""Builds and runs what the Dockerfile describes, without a container engine: its own commands, in a temporary folder.

Every RUN, CMD and HEALTHCHECK is executed as written. Translated is only what an image would give:

- the image's own folders lie below one temporary folder, so paths into them get that in front; all stages share it,
  which makes COPY --from the files that are there already;
- the base image's `python` and `pip` are those of the tests, and its user database lies below that folder too;
- a container has ports of its own: each run gets a free one in place of the one it EXPOSEs;
- read-only root and no capabilities: the folder loses its write permission but for /var/lib/ktrdr, and commands run
  without the right to overrule that.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
_IMAGE_FOLDERS = ("/src", "/opt/ktrdr", "/var/lib/ktrdr")
_WRITABLE = "var/lib/ktrdr"
_HOST_VARIABLES = ("PIP_", "SSL_", "LANG", "LC_", "HTTP", "http", "no_proxy", "NO_PROXY", "REQUESTS_")


class Step(NamedTuple):
    """One instruction of a Dockerfile."""

    instruction: str
    argument: str


class Stage(NamedTuple):
    """What follows one FROM."""

    name: str
    parent: str
    steps: list[Step]


def stages() -> dict[str, Stage]:
    """Return the stages of the Dockerfile by name; an ARG before the first FROM belongs to none."""
    found: dict[str, Stage] = {}
    for step in _steps((CHECKOUT / "Dockerfile").read_text(encoding="utf-8")):
        if step.instruction == "FROM":
            parent, name = re.split(r"\s+AS\s+", step.argument)
            found[name] = Stage(name, parent, [])
        elif found:
            list(found.values())[-1].steps.append(step)
    return found


def all_steps(target: str) -> list[Step]:
    """Return the steps of a stage after those of the stages it is built on."""
    stage = stages()[target]
    inherited = all_steps(stage.parent) if stage.parent in stages() else []
    return inherited + stage.steps


def last(target: str, instruction: str) -> str:
    """Return the argument that is in force of an instruction."""
    return [step.argument for step in all_steps(target) if step.instruction == instruction][-1]


def exec_form(argument: str) -> list[str]:
    """Return the words of `["a", "b"]`, after any options."""
    words: list[str] = json.loads(argument[argument.index("[") :])
    return words


def context_entries() -> tuple[list[str], list[str]]:
    """Return what .dockerignore lets through, and what it takes away again."""
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    return [rule[1:] for rule in rules if rule.startswith("!")], [rule for rule in rules[1:] if rule[0] != "!"]


class Image:
    """A file system root in which stages are built.

    Args:
        root: An empty folder.
        build_arguments: As of `docker build --build-arg`.
    """

    def __init__(self, root: Path, build_arguments: Mapping[str, str]) -> None:
        self.root = root
        self._build_arguments = build_arguments
        _empty_user_database(root)
        self._programs = _programs_of_base_image(root)

    def build(self, target: str) -> None:
        """Execute the steps of one stage."""
        environment = self._base_environment()
        folder = self.root
        for instruction, argument in stages()[target].steps:
            if instruction == "ARG":
                name, _, default = argument.partition("=")
                environment[name] = self._build_arguments.get(name, default)
            elif instruction == "ENV":
                environment |= self._variables(argument, environment)
            elif instruction == "WORKDIR":
                folder = Path(self.here(argument))
                folder.mkdir(parents=True, exist_ok=True)
            elif instruction == "COPY":
                self._copy(argument, folder)
            elif instruction == "RUN":
                self._run(argument, folder, environment)

    def environment(self, target: str) -> dict[str, str]:
        """Return the variables that a container of this target begins with."""
        environment = self._base_environment()
        for instruction, argument in all_steps(target):
            if instruction == "ENV":
                environment |= self._variables(argument, environment)
        return {name: value for name, value in environment.items() if not name.startswith("PIP_")}

    def start(self, command: list[str], target: str, variables: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a command as a container of this target would: read-only root, no capabilities."""
        self.protect()
        return subprocess.Popen(
            [*_without_capabilities(), *map(self.here, command)],
            cwd=self.here(last(target, "WORKDIR")),
            env={**self.environment(target), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def here(self, text: str) -> str:
        """Return text of the Dockerfile with its paths into the image lying below the root."""
        folders = "|".join(map(re.escape, _IMAGE_FOLDERS))
        return re.sub(rf"(?<![\w.])({folders})(?![\w-])", lambda path: f"{self.root}{path[1]}", text)

    def protect(self) -> None:
        """Make the root read-only, but for the one folder that would be a volume."""
        for folder, folders, files in os.walk(self.root):
            if Path(folder) == self.root / _WRITABLE:
                folders.clear()
                continue
            for path in (Path(folder), *(Path(folder, file) for file in files)):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode & ~0o222)

    def _base_environment(self) -> dict[str, str]:
        host = {name: value for name, value in os.environ.items() if name.startswith(_HOST_VARIABLES)}
        path = os.pathsep.join(
            [str(self._programs), "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        )
        return host | {"PATH": path, "HOME": str(self.root / _WRITABLE)}

    def _variables(self, argument: str, environment: Mapping[str, str]) -> dict[str, str]:
        pairs = (word.partition("=") for word in shlex.split(argument))
        return {name: self.here(Template(value).substitute(environment)) for name, _, value in pairs}

    def _copy(self, argument: str, folder: Path) -> None:
        *sources, goal = argument.split()
        if sources[0].startswith("--from="):
            assert Path(self.here(sources[1])).is_dir()
            assert sources[1] == goal
            return
        entries, unwanted = context_entries()
        ignore = shutil.ignore_patterns(*(pattern.removeprefix("**/") for pattern in unwanted))
        for name in entries if sources == ["."] else sources:
            assert name in entries
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, folder / goal / name, ignore=ignore)
            else:
                shutil.copy(CHECKOUT / name, folder / goal / name)

    def _run(self, argument: str, folder: Path, environment: Mapping[str, str]) -> None:
        finished = subprocess.run(
            ["/bin/sh", "-c", self.here(argument)], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert finished.returncode == 0, f"RUN {argument}\n{finished.stdout}\n{finished.stderr}"


def _steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for statement in "\n".join(lines).replace("\\\n", "").splitlines():
        instruction, _, argument = statement.partition(" ")
        yield Step(instruction, argument.strip())


def _programs_of_base_image(root: Path) -> Path:
    """Return a folder with the tests' python and pip, and with tools that know only the image's users."""
    folder = root / "base-image"
    folder.mkdir()
    programs = {
        "python": f'exec {shlex.quote(sys.executable)} "$@"',
        "pip": f'exec {shlex.quote(sys.executable)} -m pip "$@"',
        "groupadd": f'exec /usr/sbin/groupadd --prefix {shlex.quote(str(root))} "$@"',
        "useradd": f'exec /usr/sbin/useradd --prefix {shlex.quote(str(root))} "$@"',
    }
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def _empty_user_database(root: Path) -> None:
    (root / "etc").mkdir()
    for name in ("passwd", "shadow", "group", "gshadow"):
        (root / "etc" / name).touch()


def _without_capabilities() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
