"""The text a new strategy begins with: one that is there, under another name, its comments kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ktrdr_engine.strategy.library import Strategy

_NAME = re.compile(r"^name:[^\n]*$", re.MULTILINE)
_VERSION = re.compile(r"^version:[^\n]*$", re.MULTILINE)
_HEAD = """\
# {name}: begun as a copy of {like}. Change it, then check it: ktrdr strategies validate {name}
# What may stand here: docs/reference/strategy.md and docs/reference/indicators.md.
"""


def new_strategy_text(like: Strategy, name: str) -> str:
    """Return the text of `like` as the beginning of a strategy called `name`."""
    text = _NAME.sub(f"name: {name}", like.text, count=1)
    return _HEAD.format(name=name, like=like.name) + _VERSION.sub('version: "1.0.0"', text, count=1)
