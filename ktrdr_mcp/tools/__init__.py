"""The tools, one module a family: `backtesting` starts work, `operations` follows whatever was started, the others look
things up and write strategies.
"""

from __future__ import annotations
