"""Adam over all parameters of a network at once.

The parameters become views of one flat tensor, and so do their gradients: a step is then a handful of operations,
however many layers there are, and other threads get the interpreter in between. torch's own optimizers do several for
each parameter, and on first use import its compiler, seconds during which nothing else in the process runs.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

_BETA1: Final = 0.9
_BETA2: Final = 0.999
_EPSILON: Final = 1e-8


class Adam:
    """Moves the parameters of a network against their gradients.

    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, algorithm 1, with the paper's constants; the step
    is computed as `torch.optim.Adam` does it.

    Args:
        network: Whose parameters are moved, until `release`.
        learning_rate: The step size.
    """

    def __init__(self, network: nn.Module, learning_rate: float) -> None:
        self._parameters = list(network.parameters())
        self._learning_rate = learning_rate
        self._steps = 0
        self._flat = torch.cat([parameter.detach().reshape(-1) for parameter in self._parameters])
        self._gradient = torch.zeros_like(self._flat)
        self._mean = torch.zeros_like(self._flat)
        self._square = torch.zeros_like(self._flat)
        first = 0
        for parameter in self._parameters:
            part = slice(first, first := first + parameter.numel())
            parameter.data = self._flat[part].view(parameter.shape)
            parameter.grad = self._gradient[part].view(parameter.shape)

    def step(self, loss: Tensor) -> None:
        """Move the parameters by the gradient of `loss`."""
        self._gradient.zero_()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._steps += 1
        self._mean.lerp_(self._gradient, 1 - _BETA1)
        self._square.mul_(_BETA2).addcmul_(self._gradient, self._gradient, value=1 - _BETA2)
        scale = math.sqrt(1 - _BETA2**self._steps)
        divisor = self._square.sqrt().div_(scale).add_(_EPSILON)
        self._flat.addcdiv_(self._mean, divisor, value=-self._learning_rate / (1 - _BETA1**self._steps))

    def release(self) -> None:
        """Give each parameter memory of its own again, as a network has that was read from a file."""
        for parameter in self._parameters:
            parameter.data = parameter.detach().clone()
            parameter.grad = None
