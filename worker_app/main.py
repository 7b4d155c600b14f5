"""Entry point of `ktrdr-worker`: a refusal, until this version can run operations on another machine."""

from __future__ import annotations

import sys

_REFUSAL = (
    "ktrdr-worker is not part of this version: backtests run inside ktrdr-mcp and `ktrdr backtest`. "
    "Leave USE_REMOTE_BACKTEST_SERVICE unset, or false."
)
_BAD_USAGE = 2


def main() -> int:
    """Say that there is no worker yet, on stderr, and return exit code 2."""
    print(_REFUSAL, file=sys.stderr)
    return _BAD_USAGE


if __name__ == "__main__":
    sys.exit(main())
