"""The bias of truncation, against gradients by hand and by autograd."""

from itertools import pairwise
from typing import Any

import pytest
import torch

import elman
from elman.diagnose.truncation import truncation
from elman.errors import SettingsError


class Sum(elman.Cell):
    """h_t = h_(t-1) + w x_t: every step counts alike."""

    gates = ("h",)
    recurrent = ()

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": s.h + x.h}


@pytest.mark.parametrize("batch_first", [False, True])
def test_of_a_sum_the_last_chunk_is_left(batch_first: bool) -> None:
    layer = elman.layer(Sum, 1, 1, bias=False, batch_first=batch_first, dtype=torch.float64)
    x = torch.ones(1, 10, 1, dtype=torch.float64)
    x = x if batch_first else x.transpose(0, 1)
    gradient = torch.ones(1, 1, 1, dtype=torch.float64)
    found = truncation(layer, x, None, None, [gradient], chunks=[1, 4, 10])
    assert [(cut.length, cut.error) for cut in found] == [(1, 0.9), (4, 0.6), (10, 0.0)]
    assert all(cut.cosine == pytest.approx(1) for cut in found)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_as_a_loop_that_detaches(cell: str) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, 2, 5, num_layers=2, dtype=torch.float64)
    x = torch.randn(11, 3, 2, dtype=torch.float64)
    to_output = torch.randn(11, 3, 5, dtype=torch.float64)
    to_states = torch.randn(len(layer.cell.state), 11, 2, 3, 5, dtype=torch.float64)

    def gradient(borders: list[int]) -> torch.Tensor:
        layer.zero_grad()
        state: Any = None
        for start, end in pairwise(borders):
            output, state, states = layer(x[start:end], state, return_states=True)
            states = torch.stack(states if isinstance(states, tuple) else [states])
            loss = (output * to_output[start:end]).sum() + (states * to_states[:, start:end]).sum()
            loss.backward()
            state = tuple(s.detach() for s in state) if cell == "lstm" else state.detach()
        return torch.cat([p.grad.flatten() for p in layer.parameters() if p.grad is not None])

    whole, cut = gradient([0, 11]), gradient([0, 3, 7, 11])
    (found,) = truncation(layer, x, None, to_output, None, list(to_states), chunks=[4])
    assert found.error == pytest.approx(float((cut - whole).norm() / whole.norm()))
    assert found.cosine == pytest.approx(float(torch.cosine_similarity(cut, whole, 0)))


def test_lengths_and_what_cannot_be() -> None:
    layer = elman.GRU(2, 4, dtype=torch.float64)
    x = torch.randn(9, 2, 2, dtype=torch.float64)
    gradient = torch.randn(9, 2, 4, dtype=torch.float64)
    lengths = torch.tensor([9, 2])
    (found,) = truncation(layer, x, None, gradient, lengths=lengths, chunks=[9])
    assert found.error == 0
    with pytest.raises(SettingsError, match="not bidirectional"):
        truncation(elman.GRU(2, 4, bidirectional=True), x, None, gradient, chunks=[3])
