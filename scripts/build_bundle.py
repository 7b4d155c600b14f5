"""Pack this checkout as an MCP bundle, `dist/ktrdr-<version>.mcpb`, which desktop hosts install with a click.

The bundle holds the source and no dependencies: the host's uv installs what pyproject.toml names. Packing and
validating is done by the official tool, @anthropic-ai/mcpb, which npm brings.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MANIFEST: Final = ROOT / "distribution" / "mcpb"
TOOL: Final = ("npx", "--yes", "@anthropic-ai/mcpb@2.1.2")
CONTENT: Final = (
    "ktrdr_engine", "ktrdr_mcp", "worker_app", "strategies", "models", "data", "pyproject.toml", "README.md", "LICENSE",
)  # fmt: skip


def stage(folder: Path) -> None:
    """Copy what belongs into the bundle, manifest first, into an empty folder."""
    for path in MANIFEST.iterdir():
        shutil.copy2(path, folder / path.name)
    unwanted = shutil.ignore_patterns("__pycache__", "*.py[cod]")
    for name in CONTENT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=unwanted)
        else:
            shutil.copy2(source, folder / name)


def pack(destination: Path) -> Path:
    """Validate and pack; return the bundle.

    Raises:
        CalledProcessError: The tool refuses the manifest, or cannot be had.
    """
    version = json.loads((MANIFEST / "manifest.json").read_text(encoding="utf-8"))["version"]
    bundle = destination.resolve() / f"ktrdr-{version}.mcpb"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as staged:
        stage(Path(staged))
        subprocess.run([*TOOL, "validate", f"{staged}/manifest.json"], check=True)
        subprocess.run([*TOOL, "pack", staged, str(bundle)], check=True)
    return bundle


def main() -> None:
    """Pack, and say where the bundle is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder to write to; dist/ by default")
    print(pack(parser.parse_args().output))


if __name__ == "__main__":
    main()
