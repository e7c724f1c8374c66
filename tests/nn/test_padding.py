"""What stands on padding, whatever it is, changes neither a result nor a gradient."""

import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.nn import Dilated, Pooling
from elman.nn.pooling import Kind

LENGTHS = torch.tensor([6, 2, 0, 4])
VALUES = (math.nan, math.inf, -math.inf, 1e30)


def padded(value: float, like: Tensor) -> Tensor:
    padding = torch.arange(len(like)).unsqueeze(1) >= LENGTHS
    return like.masked_fill(padding.unsqueeze(-1), value)


def everything(run: Callable[[Tensor], Any], parameters: list[Tensor], x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    torch.manual_seed(7)
    found = run(x)
    flat: list[Tensor] = []
    for each in found if isinstance(found, tuple) else (found,):
        flat += each if isinstance(each, tuple) else (each,)
    gradients = torch.autograd.grad(sum(each.sin().sum() for each in flat), [x, *parameters])
    return [*(each.detach() for each in flat), *gradients]


@settings(max_examples=25)
@given(
    cell=st.sampled_from(sorted(BUILTIN)),
    value=st.sampled_from(VALUES),
    backend=st.sampled_from(["auto", "reference", "compiled"]),
    options=st.fixed_dictionaries(
        {
            "layer_norm": st.booleans(),
            "bidirectional": st.booleans(),
            "num_layers": st.integers(1, 2),
            "residual": st.booleans(),
            "zoneout": st.sampled_from([0.0, 0.3]),
            "recurrent_dropout": st.sampled_from([0.0, 0.3]),
            "dropout": st.sampled_from([0.0, 0.3]),
            "variational": st.booleans(),
            "learn_initial_state": st.booleans(),
        }
    ),
    extras=st.fixed_dictionaries({"return_states": st.booleans()}),
    resets=st.booleans(),
    training=st.booleans(),
)
def test_padding_of_layers(
    cell: str,
    value: float,
    backend: str,
    options: dict[str, Any],
    extras: dict[str, Any],
    resets: bool,
    training: bool,
) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, 5, 5, backend=backend, **options).train(training)
    x = torch.randn(6, 4, 5)
    if resets:
        extras = extras | {"resets": torch.rand(6, 4) < 0.4}

    def run(x: Tensor) -> Any:
        return layer(x, lengths=LENGTHS, **extras)

    clean, dirty = (everything(run, list(layer.parameters()), padded(v, x)) for v in (0.0, value))
    for a, b in zip(clean, dirty, strict=True):
        assert bool(b.isfinite().all())
        assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_of_pooling(kind: Kind, bidirectional: bool, value: float) -> None:
    torch.manual_seed(0)
    pooling, x = Pooling(kind, 6, bidirectional=bidirectional), torch.randn(6, 4, 6)

    def run(x: Tensor) -> Tensor:
        return pooling(x, LENGTHS)

    clean, dirty = (everything(run, list(pooling.parameters()), padded(v, x)) for v in (0.0, value))
    for a, b in zip(clean, dirty, strict=True):
        assert bool(b.isfinite().all())
        assert_close(a, b)
    assert not clean[0][2].any()  # a sequence of length 0


@pytest.mark.parametrize("value", VALUES)
def test_padding_of_dilated_stacks(value: float) -> None:
    torch.manual_seed(0)
    layers = [elman.layer("lstm", 5, 5), elman.layer("lstm", 5, 5, residual=True)]
    stack, x = Dilated(layers, (1, 2)), torch.randn(6, 4, 5)

    def run(x: Tensor) -> Any:
        return stack(x, lengths=LENGTHS)

    clean, dirty = (everything(run, list(stack.parameters()), padded(v, x)) for v in (0.0, value))
    for a, b in zip(clean, dirty, strict=True):
        assert_close(a, b)
