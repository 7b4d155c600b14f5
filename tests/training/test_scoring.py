from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ktrdr_engine.training.fitting import Examples
from ktrdr_engine.training.scoring import score
from tests.training.prices import HOUR


class Echo(nn.Module):
    """Answers the class each row names."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(x[:, 0].long(), 3).float() * 2


def test_the_figures_of_a_part() -> None:
    answers = torch.tensor([[0.0], [1], [1], [1], [2], [0]])
    labels = torch.tensor([0, 1, 1, 0, 1, 1])
    stamps = np.array([5, 1, 2, 3, 4, 9], dtype=np.int64) * HOUR
    found = score(nn.Sequential(Echo()), Examples(answers, labels), stamps)
    assert found.rows == 6
    assert found.range is not None
    assert (found.range.start, found.range.end) == ("1970-01-01T01:00:00Z", "1970-01-01T09:00:00Z")
    assert found.confusion == ((1, 1, 0), (1, 2, 1), (0, 0, 0))
    assert found.accuracy == pytest.approx(3 / 6)
    assert found.majority_baseline == pytest.approx(4 / 6)
    assert found.recall == {"BUY": 0.5, "HOLD": 0.5, "SELL": None}
    right, wrong = -np.log(np.exp(2) / (np.exp(2) + 2)), -np.log(1 / (np.exp(2) + 2))
    assert found.loss == pytest.approx((right + wrong) / 2)
