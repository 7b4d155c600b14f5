"""Kernels: functions that numba compiles the first time they are called, whose machine code is kept for the user.

No formula lives here. Kernels live beside what they compute (`simulation.kernel`, `metrics.kernel`); only such
modules, and this one, import numba.

The machine code is cached under the user's cache folder, in a subfolder named by a digest of this source and of those
beside the kernel, so that an edit of anything a kernel is built from compiles it anew. numba's own stamp covers the
kernel's file only. Where the folder cannot be used the kernel is compiled in memory and nothing is kept.
"""

from __future__ import annotations

import ctypes
import hashlib
import pickle
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Generic, ParamSpec, Protocol, TypeVar, cast

import numba
import platformdirs
from numba import types
from numba.extending import intrinsic

P = ParamSpec("P")
R = TypeVar("R")

# What a damaged, full or vanished cache folder can raise out of numba; its own compile errors are none of these.
_CACHE_TROUBLE = (OSError, EOFError, pickle.PickleError, ImportError, AttributeError, RuntimeError)
_numba_config = threading.Lock()


class Kernel(Generic[P, R]):
    """A function of arrays, compiled on first use for one signature, without the GIL while it runs.

    Guarantees:
        - Any thread may call it at any time; two first calls at once may both compile, with the same outcome.
        - Equal arguments give equal bits, in any thread. There is no fast-math.
        - A cache that cannot be read or written costs time, never the run.
    """

    def __init__(self, python: Callable[P, R], signature: object) -> None:
        self.python = python
        self._signature = signature

    @cached_property
    def compiled(self) -> Callable[P, R]:
        """The machine code's entry point: positional arguments of exactly the declared types.

        It skips the lookup by argument types, which takes longer than 50 bars do.
        """
        try:
            return self._compile(cache_folder(Path(self.python.__code__.co_filename).parent))
        except _CACHE_TROUBLE:
            return self._compile(None)

    def __call__(self, *arguments: P.args, **keywords: P.kwargs) -> R:
        """Run it; see `compiled`."""
        return self.compiled(*arguments, **keywords)

    def _compile(self, folder: Path | None) -> Callable[P, R]:
        with _cache_in(folder):
            dispatcher = numba.njit(self._signature, nogil=True, error_model="numpy", cache=folder is not None)(
                self.python
            )
        (overload,) = dispatcher.overloads.values()
        return cast("Callable[P, R]", attrgetter("entry_point")(overload))


def compiled(signature: object) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a kernel of the function below; `signature` is numba's, return type first."""
    return lambda python: Kernel(python, signature)


def inlined(python: Callable[P, R]) -> Callable[P, R]:
    """Mark the function below as a part of kernels: its body is compiled into each that calls it."""
    return cast("Callable[P, R]", numba.njit(error_model="numpy", inline="always")(python))


class _Context(Protocol):
    def get_value_type(self, kind: object) -> object: ...


class _Value(Protocol):
    @property
    def type(self) -> Callable[[int], object]: ...


class _Builder(Protocol):
    def inttoptr(self, value: object, kind: object) -> object: ...
    def load_atomic(self, pointer: object, ordering: str, align: int) -> _Value: ...
    def icmp_unsigned(self, comparison: str, left: object, right: object) -> object: ...


def _address_to_pointer(_typing: object, _address: object) -> tuple[object, object]:
    def generate(context: _Context, builder: _Builder, _signature: object, arguments: Sequence[object]) -> object:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


pointer_at = cast("Callable[[int], ctypes.c_void_p]", intrinsic(_address_to_pointer))
"""Inside a kernel: make an address a pointer, for numba's `carray`. The caller keeps the memory alive."""


def _look_at(_typing: object, _address: object) -> tuple[object, object]:
    def generate(context: _Context, builder: _Builder, _signature: object, arguments: Sequence[object]) -> object:
        pointer = builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))
        # A plain load may be done once for a whole loop.
        byte = builder.load_atomic(pointer, "monotonic", 1)
        return builder.icmp_unsigned("!=", byte, byte.type(0))

    return types.boolean(types.int64), generate


is_raised = cast("Callable[[int], bool]", intrinsic(_look_at))
"""Inside a kernel: tell whether the byte at an address, which another thread may set meanwhile, is other than 0."""


def cache_folder(package: Path) -> Path | None:
    """Return where machine code made from `package`'s sources is kept, or None when nothing can be kept."""
    root = Path(platformdirs.user_cache_dir("ktrdr", appauthor=False))
    if not root.is_absolute():  # nobody's home is known: never litter the working directory
        return None
    digest = hashlib.sha256()
    try:
        for source in (Path(__file__), *sorted(package.glob("*.py"))):
            digest.update(source.read_bytes())
        folder = root / "kernels" / digest.hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


@contextmanager
def _cache_in(folder: Path | None) -> Iterator[None]:
    """Have numba keep what is compiled inside in `folder`; a folder the user set in NUMBA_CACHE_DIR wins."""
    config = vars(numba.config)
    with _numba_config:
        before = config["CACHE_DIR"]
        config["CACHE_DIR"] = before or str(folder or "")
        try:
            yield
        finally:
            config["CACHE_DIR"] = before
