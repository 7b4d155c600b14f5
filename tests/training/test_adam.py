from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ktrdr_engine.training.adam import Adam


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.GRU(5, 6, batch_first=True)
        self.end = nn.Linear(6, 3)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        answers: torch.Tensor = self.end(self.cells(rows.view(-1, 1, 5))[0][:, -1])
        return answers


@pytest.mark.parametrize("build", [mlp, Recurrent])
def test_it_moves_weights_as_the_adam_of_torch_does(build: Callable[[], nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = build(), build()
    theirs.load_state_dict(ours.state_dict())
    adam, oracle = Adam(ours, 0.01), torch.optim.Adam(theirs.parameters(), lr=0.01)
    for _ in range(50):
        rows, labels = torch.rand((16, 5), generator=generator), torch.randint(3, (16,), generator=generator)
        adam.step(nn.functional.cross_entropy(ours(rows), labels))
        oracle.zero_grad()
        nn.functional.cross_entropy(theirs(rows), labels).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        oracle.step()
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, rtol=1e-5, atol=1e-7)


def test_a_released_network_keeps_its_weights_and_shares_no_memory() -> None:
    network = mlp()
    adam = Adam(network, 0.01)
    adam.step(network(torch.ones((1, 5))).sum())
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    adam.release()
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())
    assert len({weight.untyped_storage().data_ptr() for weight in network.parameters()}) == 4
    assert all(weight.grad is None for weight in network.parameters())
