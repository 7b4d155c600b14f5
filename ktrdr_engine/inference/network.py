"""The network: layers, or a recurrent part, that end in three logits. No softmax inside, no training loop.

Nothing here touches torch's global random state: layers come out uninitialised, weights are then loaded by
`archive` or drawn by `training` from a generator of its own, and dropout draws from that generator too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

from ktrdr_engine.inference.dropout import Dropout
from ktrdr_engine.inference.metadata import CLASSES, Activation, AnyArchitecture, Architecture
from ktrdr_engine.inference.recurrent import Recurrent

_ACTIVATIONS: Final[dict[Activation, type[nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
_LAYERED_ROWS: Final = 4096
_EXAMINED_ROWS: Final = 65_536


@cache
def single_thread() -> None:
    """Let torch compute in the calling thread only, once a process.

    Sums split over threads depend on the number of cores; results must not. Backtests run beside each other instead.
    """
    torch.set_num_threads(1)


def build_network(architecture: AnyArchitecture, n_features: int, steps: int = 1) -> nn.Sequential:
    """Return the network of `architecture`, its weights not yet set.

    It maps float32 (n_rows, n_features) to logits (n_rows, 3) in the order of `CLASSES`.

    Args:
        architecture: What to build.
        n_features: The columns of a row, lags included.
        steps: The lags of each feature, lag 0 included, innermost in a row: the sequence of a recurrent network.
    """
    single_thread()
    if isinstance(architecture, Architecture):
        return _layered(architecture, n_features)
    network = nn.Sequential(Recurrent(architecture, n_features // steps, steps))
    if architecture.dropout:
        network.append(Dropout(architecture.dropout))
    return network.append(_linear(architecture.hidden_size, len(CLASSES)))


def rows_at_once(network: nn.Sequential) -> int:
    """Return in how large groups rows are best given to a network."""
    first = network[0]
    return first.rows_at_once if isinstance(first, Recurrent) else _LAYERED_ROWS


def logits(network: nn.Sequential, rows: Tensor, on_chunk: Callable[[int, int], None] | None = None) -> Tensor:
    """Return the logits of any number of normalised rows, computed in groups.

    Args:
        network: Ends in three logits.
        rows: float32, shape (n_rows, n_features).
        on_chunk: Called after each group with the rows done and all there are; what it raises ends it.
    """
    # Groups of a layered network are large, so that most parts are one of them: a sum's bits may depend on its rows.
    size = rows_at_once(network) if isinstance(network[0], Recurrent) else _EXAMINED_ROWS
    answers: list[Tensor] = []
    done = 0
    for group in torch.split(rows, size):
        answers.append(network(group))
        done += len(group)
        if on_chunk is not None:
            on_chunk(done, len(rows))
    return torch.cat(answers) if len(answers) > 1 else answers[0]


def _layered(architecture: Architecture, n_features: int) -> nn.Sequential:
    network = nn.Sequential()
    width = n_features
    for size in architecture.hidden_layers:
        network.append(_linear(width, size))
        network.append(_ACTIVATIONS[architecture.activation]())
        if architecture.dropout:
            network.append(Dropout(architecture.dropout))
        width = size
    return network.append(_linear(width, len(CLASSES)))


def _linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    # Made on the meta device, where initialisation draws no random numbers; `to_empty` would do the rest, but it
    # imports a good part of torch's compiler for it.
    layer = nn.Linear(n_inputs, n_outputs, device="meta")
    layer.weight = nn.Parameter(torch.empty((n_outputs, n_inputs)))
    layer.bias = nn.Parameter(torch.empty(n_outputs))
    return layer
