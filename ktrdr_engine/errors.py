"""Every error a caller can act on.

```
KtrdrError
 ├─ InputError               fix the input
 │   ├─ InvalidRequest         an argument makes no sense
 │   │   └─ SeveralMistakes      more than one does
 │   ├─ StrategyError          a strategy file
 │   │   └─ StrategyConflict     somebody else wrote that file
 │   ├─ DataError              a price file or a range of bars
 │   ├─ ModelError             a model file
 │   │   └─ ModelExists          it is there already
 │   └─ SourceNotInstalled     a source of prices needs a package more
 ├─ OperationNotFound        ask differently
 ├─ OperationConflict        ask differently: the operation is not in a state for that
 │   ├─ ShuttingDown           this process takes no new work
 │   ├─ NothingToShow          it left nothing that could be drawn
 │   └─ DatasetBusy            another load writes the same prices
 ├─ QueueFull                wait
 ├─ WorkerUnavailable        wait
 │   └─ WorkerDefect           what answers there does not answer as a worker does
 ├─ SourceUnavailable        wait: a source of prices does not answer
 ├─ StorageError             make room, or make the folder writable
 ├─ DependencyError          install another version of a library
 ├─ EngineError              the computation itself failed
 └─ OperationCancelled       somebody asked it to stop
```

A message says what is wrong, the value, and the repair. `code` is a stable word for programs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final

_NAMED: Final = 40
"""Known words a repair lists: all types of indicators, but not all sets of a strategy that has a hundred."""

_BEGINNING: Final = 3
"""Letters of a word that is taken for the beginning of a known one."""


class KtrdrError(Exception):
    """The root of the tree.

    Args:
        message: What is wrong, the value, the repair; fit to be read by a model.
        details: The same as data: `field`, `value`, `known` and the like.

    Attributes:
        partial: In a worker thread: what was done before, in the shape the kind returns, or None.
    """

    code: ClassVar[str] = "error"
    partial: object = None

    def __init__(self, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})


class InputError(KtrdrError):
    """The caller can repair this by sending something else."""

    code = "invalid_input"


class InvalidRequest(InputError):
    """An argument makes no sense: a date, an amount, a cursor."""

    code = "invalid_request"


class SeveralMistakes(InvalidRequest):
    """More than one thing is wrong with a request; `details["errors"]` has the details of each, in order."""

    def __init__(self, found: Sequence[InputError]) -> None:
        mended = {field: value for one in found for field, value in one.details.get("mended", {}).items()}
        super().__init__(
            "\n".join([f"{len(found)} mistakes.", *(f"- {one.message}" for one in found)]),
            details={"errors": [{"code": one.code, **one.details} for one in found], "mended": mended},
        )
        self.found = tuple(found)


class StrategyError(InputError):
    """A strategy file is missing or says something that cannot be run."""

    code = "strategy_error"


class StrategyConflict(StrategyError):
    """A strategy file is not the one its writer has seen; writing would lose what is there."""

    code = "strategy_conflict"


class DataError(InputError):
    """A price file is missing, breaks a rule of bars, or does not cover the range."""

    code = "data_error"


class ModelError(InputError):
    """A model file is missing, unsafe, damaged, or made for something else."""

    code = "model_error"


class ModelExists(ModelError):
    """A model would be written over, which never happens."""


class SourceNotInstalled(InputError):
    """A source of prices needs a package that is not there; the message has the command."""

    code = "source_not_installed"


class OperationNotFound(KtrdrError):
    """No operation has this id."""

    code = "operation_not_found"


class OperationConflict(KtrdrError):
    """The operation exists but is not in a state, or a process, for that."""

    code = "conflict"


class ShuttingDown(OperationConflict):
    """This process takes no new work, because it is about to end."""

    code = "shutting_down"


class NothingToShow(OperationConflict):
    """The operation left nothing, or nothing yet, that could be drawn or reported."""

    code = "nothing_to_show"


class DatasetBusy(OperationConflict):
    """Another load writes the same prices."""

    code = "dataset_busy"


class QueueFull(KtrdrError):
    """As many operations wait as may wait."""

    code = "queue_full"


class WorkerUnavailable(KtrdrError):
    """The worker could not be reached."""

    code = "worker_unavailable"


class WorkerDefect(WorkerUnavailable):
    """Something answers where the worker should be, but not as a worker does."""

    code = "worker_defect"


class SourceUnavailable(KtrdrError):
    """A source of prices does not answer, or not with prices."""

    code = "source_unavailable"


class StorageError(KtrdrError):
    """The user's folder cannot be read or written."""

    code = "storage_error"


class DependencyError(KtrdrError):
    """An installed library gives wrong numbers; the message says which version is needed."""

    code = "dependency_error"


class EngineError(KtrdrError):
    """The computation itself failed."""

    code = "engine_error"


class OperationCancelled(KtrdrError):
    """Raised in a worker thread once its token is cancelled; `partial` is what was computed so far."""

    code = "cancelled"

    def __init__(self, message: str = "The operation was cancelled.", *, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


@contextmanager
def about(field: str, value: str | None) -> Iterator[None]:
    """Let an error say which part of a request it is about, unless it knows better."""
    try:
        yield
    except InputError as error:
        error.details = {"field": field, "value": value} | error.details
        raise


class Checks:
    """Independent checks of one request, whose mistakes are told together rather than one a call."""

    def __init__(self) -> None:
        self._found: list[InputError] = []

    @contextmanager
    def each(self) -> Iterator[None]:
        """Keep a mistake for later; what the block would have set is then not set."""
        try:
            yield
        except SeveralMistakes as error:
            self._found += error.found
        except InputError as error:
            self._found.append(error)

    def finish(self) -> None:
        """Go on if there was no mistake.

        Raises:
            InputError: The mistake, or `SeveralMistakes`.
        """
        if not self._found:
            return
        if len(self._found) == 1:
            raise self._found[0]
        raise SeveralMistakes(self._found)


def nearest(word: str, known: Iterable[str], *, limit: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return up to `limit` known words at least `cutoff` alike (1: the same), best first, case ignored.

    Where none is, those that begin with it: `rsi` for `rsi_mean_reversion`.
    """
    by_folded = {name.casefold(): name for name in known}
    folded = word.casefold()
    hits = difflib.get_close_matches(folded, by_folded, n=limit, cutoff=cutoff)
    begun = [name for name in by_folded if len(folded) >= _BEGINNING and name.startswith(folded)] if not hits else []
    return [by_folded[hit] for hit in hits or begun[:limit]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"`, or the known words when none is near, or `""` when there are none.

    Of many known words the first ones are named, and how many there are besides.
    """
    names = sorted(known)
    if hits := nearest(word, names):
        return " Did you mean " + " or ".join(repr(hit) for hit in hits) + "?"
    shown = names[:_NAMED]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f" Known: {', '.join(shown)}{more}." if names else ""
