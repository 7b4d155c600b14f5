from __future__ import annotations

import pytest

from tests.operations.work import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
