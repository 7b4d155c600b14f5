"""The tools, one module a family: `backtesting` starts work, `operations` follows whatever was started."""

from __future__ import annotations
