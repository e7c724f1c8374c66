from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN, GRU, resolve
from elman.errors import SettingsError
from elman.math import sigmoid, tanh


class Leaky(elman.Cell):
    """Leaky integrator: a time constant a unit."""

    gates = ("h",)
    params = {"a": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}


class Adaptive(elman.Cell):
    """Three states, two gates of which one is recurrent, two parameters, one setting."""

    gates = ("u", "v")
    recurrent = ("u",)
    state = ("h", "fast", "slow")
    params = {"tau": (0.2, 0.4), "gain": (0.5, 1.5)}

    def __init__(self, leak: float = 0.05) -> None:
        self.leak = leak

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        fast = s.fast + p.tau * (tanh(x.u + r.u) - s.fast)
        slow = s.slow + self.leak * (fast - s.slow)
        return {"h": sigmoid(x.v) * tanh(p.gain * fast - slow), "fast": fast, "slow": slow}


def make(**names: Any) -> type[elman.Cell]:
    return type("Odd", (elman.Cell,), names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"gates": "ifgo"}, 'Odd.gates is the text "ifgo"; write a tuple of names'),
        ({"gates": ("h",), "state": "h"}, 'Odd.state is the text "h"'),
        ({"gates": ("h",), "recurrent": "h"}, 'Odd.recurrent is the text "h"'),
        ({"gates": ("h",), "params": "u"}, 'Odd.params is the text "u"'),
        ({"gates": ("a gate",)}, "Odd.gates must hold Python names, got .'a gate',."),
        ({"gates": (1,)}, "Odd.gates must hold Python names"),
        ({"gates": ("in",)}, "Odd.gates must hold Python names"),
        ({"gates": ("h",), "state": ("h", "0c")}, "Odd.state must hold Python names"),
        ({"gates": ("i", "i")}, "Odd.gates names something twice"),
        ({"gates": ("h",), "state": ("h", "h")}, "Odd.state names something twice"),
        ({"gates": ("h",), "params": ("u",)}, "Odd.params must map names to ranges"),
        ({"gates": ("h",), "params": {"u": 0.5}}, "Odd.params must map names to ranges"),
        ({"gates": ("h",), "params": {"u": (1.0, 0.0)}}, "Odd.params must map names to ranges"),
        ({"gates": ("h",), "params": {"weight_ih": (0, 1)}}, "Odd.params has weight_ih, which"),
        ({"gates": ("h",), "params": {"initial_h": (0, 1)}}, "Odd.params has initial_h, which"),
        ({}, "Odd needs at least one gate and one state"),
        ({"gates": ("h",), "state": ()}, "Odd needs at least one gate and one state"),
        ({"gates": ("h",), "recurrent": ("g",)}, "Odd.recurrent names a gate that gates does not"),
        ({"gates": ("h",), "forget": "f"}, 'Odd.forget is "f", which is not one of its gates'),
    ],
)
def test_bad_names_are_refused_when_the_class_is_made(names: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make(**names)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda self, x, r, s: {"h": x.h}, r"must return a dict of \('h', 'c'\), got \('h',\)"),
        (lambda self, x, r, s: {"h": x.h, "c": s.c, "d": s.c}, r"got \('h', 'c', 'd'\)"),
        (lambda self, x, r, s: (x.h, s.c), "got tuple"),
        (lambda self, x, r, s: None, "got NoneType"),
        (
            lambda self, x, r, s: {"h": x.h.sum(), "c": s.c},
            r"h should have shape \(3, 2\), got \(\)",
        ),
        (lambda self, x, r, s: {"h": x.h, "c": 1.0}, r"c should have shape \(3, 2\), got float"),
        (
            lambda self, x, r, s: {"h": x.h.softmax(-1), "c": s.c},
            "step must be elementwise: a unit",
        ),
        (
            lambda self, x, r, s: {"h": x.h - r.h.mean(0), "c": s.c},
            "step must be elementwise: a unit",
        ),
        (
            lambda self, x, r, s: {"h": tanh(x), "c": s.c},
            "tanh takes tensors and numbers, got Named",
        ),
    ],
)
def test_a_wrong_step_is_refused_when_the_layer_is_made(step: Any, message: str) -> None:
    cell = make(gates=("h",), state=("h", "c"), step=step)
    with pytest.raises(TypeError, match=message):
        elman.layer(cell, 2, 3)


def test_a_cell_without_a_step() -> None:
    with pytest.raises(NotImplementedError, match="Odd has no step"):
        elman.layer(make(gates=("h",)), 2, 3)


def test_all_gates_are_recurrent_unless_said_otherwise() -> None:
    assert Leaky.recurrent == ("h",)
    assert Adaptive.recurrent == ("u",)
    assert make(gates=("i", "o")).recurrent == ("i", "o")
    assert make(gates=("i", "o"), recurrent=()).recurrent == ()


def test_resolve() -> None:
    cell = GRU()
    assert resolve(cell) is cell
    assert type(resolve(GRU)) is type(resolve("gru")) is GRU
    with pytest.raises(SettingsError, match=r'cell "grue" is unknown; .* gru, '):
        resolve("grue")
    for wrong in (3, int, None, torch.nn.GRU):
        with pytest.raises(TypeError, match=r"cell must be an elman\.Cell, its class or a name"):
            resolve(wrong)
    assert all(issubclass(cell, elman.Cell) for cell in BUILTIN.values())


def test_own_cell_by_hand() -> None:
    torch.manual_seed(0)
    layer = elman.layer(Leaky, 2, 3, dtype=torch.float64)
    assert [n for n, _ in layer.named_parameters()] == [
        "weight_ih_l0",
        "weight_hh_l0",
        "bias_ih_l0",
        "bias_hh_l0",
        "a_l0",
    ]
    assert bool(((layer.a_l0 > 0.1) & (layer.a_l0 < 0.9)).all())
    x, h = torch.randn(4, 2, 2, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    output, last = layer(x)
    for t in range(4):
        candidate = torch.tanh(
            x[t] @ layer.weight_ih_l0.T
            + layer.bias_ih_l0
            + h @ layer.weight_hh_l0.T
            + layer.bias_hh_l0
        )
        h = (1 - layer.a_l0) * h + layer.a_l0 * candidate
        assert_close(output[t], h, rtol=1e-12, atol=1e-14)
    assert_close(last[0], h, rtol=1e-12, atol=1e-14)
    output.sum().backward()
    assert bool(layer.a_l0.grad.abs().gt(0).all())


@pytest.mark.parametrize("cell", [Leaky, Adaptive(leak=0.2), *BUILTIN])
def test_any_cell_is_a_drop_in_layer(cell: Any) -> None:
    """Two layers, both directions, lengths, learned initial state; and streaming by step."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"dtype": torch.float64, "learn_initial_state": True}
    layer = elman.layer(cell, 2, 3, num_layers=2, bidirectional=True, **options)
    x, lengths = torch.randn(5, 3, 2, dtype=torch.float64), torch.tensor([5, 2, 3])
    output, state = layer(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        alone, last = layer(x[:length, b])
        assert_close(output[:length, b], alone, rtol=1e-10, atol=1e-12)
        assert not output[length:, b].any()
        parts = zip(*((v,) if isinstance(v, Tensor) else v for v in (state, last)), strict=True)
        for together, single in parts:
            assert_close(together[:, b], single, rtol=1e-10, atol=1e-12)
    output.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())

    one_way = elman.layer(cell, 2, 3, num_layers=2, **options)
    output, last = one_way(x)
    streamed = None
    for t in range(5):
        y, streamed = one_way.step(x[t], streamed)
        assert_close(y, output[t], rtol=1e-10, atol=1e-12)
    assert_close(streamed, last, rtol=1e-10, atol=1e-12)


def test_states_of_an_own_cell() -> None:
    layer = elman.layer(Adaptive(), 2, 3)
    x = torch.randn(4, 5, 2)
    _, state, states = layer(x, return_states=True)
    assert [tuple(s.shape) for s in state] == [(1, 5, 3)] * 3
    assert [tuple(s.shape) for s in states] == [(4, 1, 5, 3)] * 3
    assert_close(tuple(s[-1] for s in states), state)
    assert layer.cell.leak == 0.05
    assert layer.weight_hh_l0.shape == (3, 3)
    assert layer.weight_ih_l0.shape == (6, 2)


def test_a_subclass_of_a_builtin_cell_is_not_taken_for_it() -> None:
    class Half(GRU):
        def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
            return {"h": super().step(x, r, s)["h"] * 0.5}

    layer = elman.layer(Half, 2, 3)
    usual = elman.layer(GRU, 2, 3)
    usual.load_state_dict(layer.state_dict())
    x = torch.randn(1, 2, 2)
    assert_close(layer(x)[0], usual(x)[0] * 0.5)
    layer._compiles = usual._compiles = False
    layer(x), usual(x)
    assert (layer.backend_used, usual.backend_used) == ("reference", "torch")
