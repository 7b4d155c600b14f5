"""Dropout that draws from a generator of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
