"""Truncated backpropagation through time: states carried and detached."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from elman.train import Step, TrainSettings, fit
from elman.train.tree import detach, move


class Chunks:
    """One long sequence in chunks of `length` steps, the same in every epoch."""

    def __init__(self, x: torch.Tensor, length: int) -> None:
        self.chunks = x.split(length)

    def __len__(self) -> int:
        return len(self.chunks)

    def epoch(self, e: int, start: int = 0) -> Iterator[torch.Tensor]:
        yield from self.chunks[start:]


def make_gru() -> nn.GRU:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.GRU(3, 4).double()


def test_truncated_bptt_is_the_hand_made_detached_computation():
    x = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    settings = TrainSettings(epochs=2, optimizer="sgd", lr=0.1, schedule="constant", clip=None)
    gradients = []

    def loss(model, chunk, state):
        y, state = model(chunk, state)
        return Step(y.square().sum(), chunk.numel(), {"h": (state, 3), "none": None})

    def unpacked(model, chunk, state):
        assert state is None or not state["h"][0].requires_grad
        return loss(model, chunk, None if state is None else state["h"][0])

    model = make_gru()
    model.weight_hh_l0.register_hook(lambda g: gradients.append(g.clone()))
    fit(model, Chunks(x, 4), unpacked, settings=settings, progress=False)

    hand = make_gru()
    expected = []
    for _ in range(2):
        h = None
        for chunk in x.split(4):
            y, h = hand(chunk, h)
            h = h.detach()
            hand.zero_grad()
            y.square().sum().backward()
            expected.append(hand.weight_hh_l0.grad.clone())
            with torch.no_grad():
                for parameter in hand.parameters():
                    parameter -= 0.1 * parameter.grad
    for mine, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


def test_carried_chunks_see_the_forward_pass_of_the_whole_sequence():
    x = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outputs = []

    def loss(model, chunk, state):
        y, state = model(chunk, state)
        outputs.append(y.detach())
        return Step(0.0 * y.sum(), len(chunk), state)

    model = make_gru()
    whole = model(x)[0]
    settings = TrainSettings(epochs=2, optimizer="sgd", schedule="constant")
    fit(model, Chunks(x, 4), loss, settings=settings, progress=False)
    torch.testing.assert_close(torch.cat(outputs[:3]), whole, rtol=0, atol=1e-15)
    torch.testing.assert_close(torch.cat(outputs[3:]), whole, rtol=0, atol=1e-15)


class Pair(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


def test_detach_keeps_the_nest_and_cuts_the_graph():
    leaf = torch.ones(2, requires_grad=True)
    grown = leaf * 2
    nest = {"pair": Pair(grown, grown + 1), "list": [grown, (None, 3, "x")]}
    cut = detach(nest)
    assert type(cut["pair"]) is Pair
    assert cut["list"][1] == (None, 3, "x")
    for tensor in (cut["pair"].h, cut["pair"].c, cut["list"][0]):
        assert not tensor.requires_grad
    assert cut["pair"].h.data_ptr() == grown.data_ptr()


def test_move_takes_tensors_and_whatever_moves_itself():
    class Batch:
        def to(self, device):
            return f"on {device}"

    moved = move((Batch(), [torch.ones(1)], {"n": 3}), torch.device("meta"))
    assert moved[0] == "on meta"
    assert moved[1][0].device.type == "meta"
    assert moved[2] == {"n": 3}
