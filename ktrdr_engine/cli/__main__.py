"""`python -m ktrdr_engine.cli`: the command without its entry point."""

from __future__ import annotations

from ktrdr_engine.cli import main

main()
