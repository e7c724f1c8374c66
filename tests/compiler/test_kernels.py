"""Compiled recurrences against the reference in float64."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Everything, assert_alike, flat, outcome
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.compiler.cpu import autograd, interpreter, recurrence
from elman.compiler.expression import Node, const, make, read
from elman.compiler.operands import operands_of
from elman.compiler.trace import Equations
from elman.math import (
    tanh,
)


class Wide(elman.Cell):
    """More gates than a micro-kernel takes at once."""

    gates = tuple("abcdefg")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        total = sum(
            tanh(getattr(x, n) + (k + 1) * 0.2 * getattr(r, n)) for k, n in enumerate("abcdefg")
        )
        return {"h": 0.3 * total + 0.5 * s.h}


def nodes(depth: int) -> st.SearchStrategy[Node]:
    """Random expressions of the gates, products, states and the parameter of a cell."""
    kinds = [("x", 0), ("x", 1), ("r", 0), ("r", 1), ("s", 0), ("s", 1), ("p", 0)]
    leaves = st.sampled_from([read(*kind) for kind in kinds] + [const(0.5), const(-1.5)])
    unary = ("sigmoid", "tanh", "sin", "cos", "softplus", "neg", "abs", "relu")
    binary = ("add", "sub", "mul", "maximum", "minimum")

    def grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        choice = st.builds(
            lambda a, b, c: make("where", make("lt", a, b), c, a), inner, inner, inner
        )
        return (
            st.builds(make, st.sampled_from(unary), inner)
            | st.builds(make, st.sampled_from(binary), inner, inner)
            | choice
        )

    return st.recursive(leaves, grow, max_leaves=2**depth)


CELLS: dict[str, Any] = {**BUILTIN, "everything": Everything, "wide": Wide}


def twins(cell: Any, *sizes: int, dtype: torch.dtype, **options: Any) -> tuple[Any, Any]:
    ours = elman.layer(cell, *sizes, backend="compiled", dtype=dtype, **options)
    oracle = elman.layer(cell, *sizes, backend="reference", dtype=torch.float64, **options)
    for parameter_name, parameter in ours.named_parameters():
        if parameter_name.startswith("norm_"):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    oracle.load_state_dict(ours.state_dict())
    return ours, oracle


def check(ours: Any, oracle: Any, x: Tensor, state: Any = None, **options: Any) -> None:
    values, gradients = outcome(ours, x, state, **options)
    expected, slopes = outcome(oracle, x, state, **options)
    assert ours.backend_used == "compiled"
    dtype = next(ours.parameters()).dtype
    steps = max(1, len(x))
    values, expected = (
        [*some, *(g / steps for g in more)]
        for some, more in ((values, gradients), (expected, slopes))
    )
    assert_alike(values, expected, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CELLS)
def test_every_cell(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    for T, B, features, H in ((1, 1, 1, 1), (5, 3, 4, 17), (4, 13, 3, 33), (3, 2, 2, 70)):
        for bias in (True, False):
            ours, oracle = twins(CELLS[name], features, H, dtype=dtype, bias=bias)
            state = tuple(torch.randn(1, B, H) * 0.5 for _ in ours.cell.state)
            check(ours, oracle, torch.randn(T, B, features), state)


@settings(max_examples=60)
@given(st.data())
def test_any_shape_and_option(data: st.DataObject) -> None:
    draw = data.draw
    torch.manual_seed(draw(st.integers(0, 1000)))
    T, B, features, H = (draw(st.integers(1, most)) for most in (9, 7, 4, 20))
    name = draw(st.sampled_from(["lstm", "gru", "rnn_relu", "indrnn", "everything"]))
    layer_norm = draw(st.booleans())  # of few units it multiplies rounding errors by up to 300
    dtype = torch.float64 if layer_norm else draw(st.sampled_from([torch.float32, torch.float64]))
    options: dict[str, Any] = {
        "learn_initial_state": draw(st.booleans()),
        "layer_norm": layer_norm,
    }
    ours, oracle = twins(
        CELLS[name],
        features,
        H,
        num_layers=draw(st.integers(1, 2)),
        dtype=dtype,
        bidirectional=draw(st.booleans()),
        batch_first=(batch_first := draw(st.booleans())),
        **options,
    )
    x = torch.randn(T, B, features)
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B))
    resets = torch.rand(T, B) < 0.3 if draw(st.booleans()) else None
    check(
        ours,
        oracle,
        x.transpose(0, 1) if batch_first else x,
        lengths=None if lengths is None else torch.tensor(lengths),
        resets=resets.T if batch_first and resets is not None else resets,
        return_states=draw(st.booleans()),
    )


@pytest.mark.parametrize("name", ["lstm", "gru", "everything"])
def test_zoneout_by_rate(name: str) -> None:
    torch.manual_seed(0)
    ours, oracle = twins(CELLS[name], 3, 5, dtype=torch.float64, zoneout=0.3)
    ours.eval(), oracle.eval()
    check(ours, oracle, torch.randn(6, 4, 3), lengths=torch.tensor([6, 0, 3, 4]))


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 0, 3, 4])])
@pytest.mark.parametrize("name", ["lstm", "gru", "everything"])
def test_masks_of_zoneout_and_recurrent_dropout(name: str, lengths: Tensor | None) -> None:
    torch.manual_seed(0)
    options = {"zoneout": 0.3, "recurrent_dropout": 0.4, "weight_dropout": 0.2}
    ours, oracle = twins(CELLS[name], 3, 5, dtype=torch.float64, **options)
    check(ours, oracle, torch.randn(6, 4, 3), lengths=lengths)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", CELLS)
def test_nan_and_infinity_go_where_the_reference_has_them(name: str, poison: float) -> None:
    torch.manual_seed(0)
    ours, oracle = twins(CELLS[name], 2, 5, dtype=torch.float64)
    x = torch.randn(4, 3, 2, dtype=torch.float64)
    x[1, 1, 0] = poison
    with torch.no_grad():
        for mine, its in zip(flat(ours(x)), flat(oracle(x)), strict=True):
            assert_close(mine, its, rtol=1e-8, atol=1e-9, equal_nan=True)
    assert_close(ours(x)[0], oracle(x)[0], rtol=1e-8, atol=1e-9, equal_nan=True)


def test_strided_input_and_state() -> None:
    torch.manual_seed(0)
    ours, oracle = twins("lstm", 3, 5, dtype=torch.float64)
    x = torch.randn(4, 6, 12)[:, ::2, ::2].permute(2, 0, 1)[..., :3]
    wide = torch.randn(5, 4, 1).permute(2, 1, 0)
    check(ours, oracle, x, (wide, wide.clone()))


@pytest.mark.parametrize("width", [16, 32])
def test_narrower_vectors(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor without AVX-512, and without AVX."""
    from elman.compiler.cpu import compiled, target

    narrow = {}

    def kernel_of(step: Any, dtype: torch.dtype, half: bool = False) -> Any:
        key = (step, dtype, half)
        if key not in narrow:
            narrow[key] = compiled.Kernel(step, dtype, target.host(width), half=half)
        return narrow[key]

    monkeypatch.setattr(compiled, "kernel_of", kernel_of)
    torch.manual_seed(0)
    for name in ("lstm", "everything"):
        ours, oracle = twins(CELLS[name], 3, 19, dtype=torch.float32)
        check(ours, oracle, torch.randn(5, 7, 3), lengths=torch.tensor([5, 4, 0, 1, 2, 5, 3]))
    assert narrow


@settings(max_examples=6, derandomize=True)
@given(st.lists(nodes(4), min_size=2, max_size=2), st.integers(0, 100), st.booleans())
def test_a_cell_of_random_expressions(expressions: list[Node], seed: int, normed: bool) -> None:
    """The kernel of two states' equations against the same run on tensors."""
    torch.manual_seed(seed)
    H, T, B = 5, 3, 4
    state = [read("s", 0), read("s", 1)]
    own = [make("add", read("x", 0), read("r", 1)), make("mul", read("r", 0), read("p", 0))]
    new = tuple(
        make("tanh", make("add", make("add", node, other), make("mul", old, read("x", 1))))
        for node, other, old in zip(expressions, own, state, strict=True)
    )
    step = Equations(2, (0, 1), 2, 1, (), False, normed, new, new[0])
    shapes = [(T, B, 2), (2 * H, 2), (2 * H, H), (2 * H,), (2 * H,)]
    tensors: list[Any] = [torch.randn(s, dtype=torch.float64) * 0.5 for s in shapes]
    gain = 1 + 0.3 * torch.randn(2 * H, dtype=torch.float64) if normed else None
    tensors += [None, gain]
    tensors += [torch.randn(s, dtype=torch.float64) for s in ((H,), (B, H), (B, H))]
    results = []
    call = recurrence.plan_call(step, operands_of(step, tensors))
    for run in (lambda c, o: autograd.run([c], [o])[0], interpreter.run):
        leaves = [None if t is None else t.clone().requires_grad_() for t in tensors]
        values = run(call, operands_of(step, leaves))
        wanted = [t for t in leaves if t is not None]
        loss = sum((v * torch.arange(v.numel()).view_as(v).cos()).sum() for v in values)
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        zeros = [torch.zeros_like(t) for t in wanted]
        results.append(
            [*values, *(z if g is None else g for g, z in zip(found, zeros, strict=True))]
        )
    assert_close(results[0], results[1], rtol=1e-7, atol=1e-8, equal_nan=True)
