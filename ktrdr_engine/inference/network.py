"""The network: fully connected layers that end in three logits. No softmax inside, no training loop.

Nothing here touches torch's global random state: layers come out uninitialised, weights are then loaded by
`archive` or drawn by `training` from a generator of its own, and dropout draws from that generator too.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

from ktrdr_engine.inference.metadata import CLASSES, Activation, Architecture

_ACTIVATIONS: Final[dict[Activation, type[nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class Dropout(nn.Module):
    """Zero a share of the inputs while training, scale up the rest; do nothing otherwise.

    Unlike `nn.Dropout` it draws from `generator`, so a training run neither sees nor moves the global random state.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.share, generator=self.generator)
        return x * kept / (1 - self.share)


@cache
def single_thread() -> None:
    """Let torch compute in the calling thread only, once a process.

    Sums split over threads depend on the number of cores; results must not. Backtests run beside each other instead.
    """
    torch.set_num_threads(1)


def build_network(architecture: Architecture, n_features: int) -> nn.Sequential:
    """Return the network of `architecture` for `n_features` inputs, its weights not yet set.

    It maps float32 (n_rows, n_features) to logits (n_rows, 3) in the order of `CLASSES`.
    """
    single_thread()
    network = nn.Sequential()
    width = n_features
    for size in architecture.hidden_layers:
        network.append(_linear(width, size))
        network.append(_ACTIVATIONS[architecture.activation]())
        if architecture.dropout:
            network.append(Dropout(architecture.dropout))
        width = size
    network.append(_linear(width, len(CLASSES)))
    return network


def _linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    # Made on the meta device, where initialisation draws no random numbers; `to_empty` would do the rest, but it
    # imports a good part of torch's compiler for it.
    layer = nn.Linear(n_inputs, n_outputs, device="meta")
    layer.weight = nn.Parameter(torch.empty((n_outputs, n_inputs)))
    layer.bias = nn.Parameter(torch.empty(n_outputs))
    return layer
