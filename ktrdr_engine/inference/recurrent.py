"""The recurrent part of a network: an LSTM or a GRU over the lags of a row, from the oldest to the newest.

Hochreiter and Schmidhuber, Long Short-Term Memory (1997); Cho et al., Learning Phrase Representations using RNN
Encoder-Decoder (2014). What follows it is `network`'s matter.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from ktrdr_engine.inference.dropout import Dropout
from ktrdr_engine.inference.metadata import RecurrentArchitecture

_KINDS: Final[dict[str, type[nn.LSTM] | type[nn.GRU]]] = {"lstm": nn.LSTM, "gru": nn.GRU}
_MOST_GATES: Final = 2**21
_FEWEST_ROWS: Final = 16
_MOST_ROWS: Final = 4096


class Recurrent(nn.Module):
    """Maps rows, float32 (n_rows, n_inputs * steps), lags innermost, to the last state, (n_rows, hidden_size).

    Its weights are not yet set. Dropout stands before it where there is more than one layer, between every two.

    Args:
        architecture: What is built.
        n_inputs: The features at lag 0.
        steps: The lags, lag 0 included.
    """

    def __init__(self, architecture: RecurrentArchitecture, n_inputs: int, steps: int) -> None:
        super().__init__()
        self._steps = steps
        self._hidden_size = architecture.hidden_size
        self.layers = nn.ModuleList()
        for number in range(architecture.num_layers):
            if number and architecture.dropout:
                self.layers.append(Dropout(architecture.dropout))
            self.layers.append(_layer(architecture, architecture.hidden_size if number else n_inputs))

    @property
    def rows_at_once(self) -> int:
        """Return how many rows fit the processor's cache with all that is computed of them; it bounds the memory."""
        fitting = _MOST_GATES // (self._steps * 4 * self._hidden_size)
        # A power of two, and the same for the same network: rows are computed in groups of this size.
        return min(max(1 << max(fitting.bit_length() - 1, 0), _FEWEST_ROWS), _MOST_ROWS)

    def forward(self, x: Tensor) -> Tensor:
        # Time goes first, and a row's first lag is its newest bar.
        sequence = x.view(len(x), -1, self._steps).permute(2, 0, 1).flip(0)
        for layer in self.layers:
            sequence = layer(sequence)[0] if isinstance(layer, nn.RNNBase) else layer(sequence)
        # The gates saturate, and a compiled library need not let NaN through them: an unknown input stays unknown.
        return sequence[-1] + 0 * x.sum(dim=1, keepdim=True)


def _layer(architecture: RecurrentArchitecture, n_inputs: int) -> nn.RNNBase:
    # Made on the meta device, where initialisation draws no random numbers.
    layer = _KINDS[architecture.type](n_inputs, architecture.hidden_size, device="meta")
    for name, weight in list(layer.named_parameters()):
        setattr(layer, name, nn.Parameter(torch.empty(weight.shape)))
    return layer
