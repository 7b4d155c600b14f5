"""The C loop that the event loop is measured against, compiled where a C compiler is found."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktrdr_engine.simulation.models import SimulationRules

_SOURCE = Path(__file__).with_name("loop.c")
_TRADE_FIELDS = 6


def c_loop(rules: SimulationRules) -> Callable[[NDArray[np.float64], NDArray[np.int8]], float] | None:
    """Return a function of prices and codes that gives the last equity, or None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "loop.so"
        subprocess.run(
            [compiler, "-O3", "-march=native", "-shared", "-fPIC", str(_SOURCE), "-o", str(library)], check=True
        )
        trade = ctypes.CDLL(str(library)).trade
    trade.restype = ctypes.c_int64
    pointer, number = ctypes.c_void_p, ctypes.c_double
    trade.argtypes = [pointer, pointer, pointer, ctypes.c_int64, number, number, number, pointer, pointer]

    def run(prices: NDArray[np.float64], codes: NDArray[np.int8]) -> float:
        equity = np.empty(codes.size)
        trades = np.empty((codes.size // 2 + 1, _TRADE_FIELDS))
        arrays = (prices[0], prices[3], codes)
        money = (rules.initial_capital, rules.commission, rules.slippage)
        trade(*(array.ctypes.data for array in arrays), codes.size, *money, equity.ctypes.data, trades.ctypes.data)
        return float(equity[-1])

    return run
