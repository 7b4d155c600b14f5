"""`python -m tests.cli.held_cli`: the `ktrdr` command over the engine that tests hold."""

from __future__ import annotations

import pytest

from ktrdr_engine.cli import main, watching
from tests.cli.conftest import open_held_application

if __name__ == "__main__":
    pytest.MonkeyPatch().setattr(watching, "open_application", open_held_application)
    main()
