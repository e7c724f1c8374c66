"""Every cell against its published equations, written out again here in numpy."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy import ndarray as Array
from torch import Tensor
from torch.func import functional_call

import elman
from elman.cells import BUILTIN

Named = Mapping[str, Array]


def sigma(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def rnn(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    return {"h": np.tanh(x["h"] + r["h"])}


def rnn_relu(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    return {"h": np.maximum(x["h"] + r["h"], 0)}


def lstm(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    i, f, o = (sigma(x[k] + r[k]) for k in "ifo")
    c = f * s["c"] + i * np.tanh(x["g"] + r["g"])
    return {"h": o * np.tanh(c), "c": c}


def peephole_lstm(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    i = sigma(x["i"] + r["i"] + p["p_i"] * s["c"])
    f = sigma(x["f"] + r["f"] + p["p_f"] * s["c"])
    c = f * s["c"] + i * np.tanh(x["g"] + r["g"])
    o = sigma(x["o"] + r["o"] + p["p_o"] * c)
    return {"h": o * np.tanh(c), "c": c}


def cifg(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    f, o = sigma(x["f"] + r["f"]), sigma(x["o"] + r["o"])
    c = f * s["c"] + (1 - f) * np.tanh(x["g"] + r["g"])
    return {"h": o * np.tanh(c), "c": c}


def gru(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    reset, z = sigma(x["r"] + r["r"]), sigma(x["z"] + r["z"])
    n = np.tanh(x["n"] + reset * r["n"])
    return {"h": (1 - z) * n + z * s["h"]}


def mgu(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    f = sigma(x["f"] + r["f"])
    return {"h": (1 - f) * s["h"] + f * np.tanh(x["n"] + f * r["n"])}


def indrnn(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    return {"h": np.maximum(x["h"] + p["u"] * s["h"], 0)}


def mingru(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    z = sigma(x["z"])
    return {"h": (1 - z) * s["h"] + z * x["n"]}


def minlstm(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    f, i = sigma(x["f"]), sigma(x["i"])
    return {"h": f / (f + i) * s["h"] + i / (f + i) * x["n"]}


def lru(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    factor = np.exp(-np.exp(p["nu"]) + 1j * p["theta"])
    entering = np.sqrt(1 - np.abs(factor) ** 2) * (x["re"] + 1j * x["im"])
    new = factor * (s["h"] + 1j * s["im"]) + entering
    return {"h": new.real, "im": new.imag}


def rglru(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    a = sigma(p["decay"]) ** (8 * sigma(x["r"]))
    return {"h": a * s["h"] + np.sqrt(1 - a**2) * (sigma(x["i"]) * x["x"])}


def sru(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    f, reset = (sigma(x[k] + p["v_" + k] * s["c"]) for k in "fr")
    c = f * s["c"] + (1 - f) * x["c"]
    return {"h": reset * c + (1 - reset) * x["x"], "c": c}


def qrnn(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    f = sigma(x["f"])
    c = f * s["c"] + (1 - f) * np.tanh(x["z"])
    return {"h": sigma(x["o"]) * c, "c": c}


def slstm(x: Named, r: Named, s: Named, p: Named) -> dict[str, Array]:
    """Its exponentials undone: with C = c exp(m) and N = n exp(m) there is no m."""
    i, f, z, o = (x[k] + r[k] for k in "ifzo")
    size = np.exp(s["m"])
    whole = sigma(f) * size * s["c"] + np.exp(i) * np.tanh(z)
    total = sigma(f) * size * s["n"] + np.exp(i)
    m = np.where(s["n"] == 0, i, np.maximum(np.log(sigma(f)) + s["m"], i))
    return {"h": sigma(o) * whole / total, "c": whole / np.exp(m), "n": total / np.exp(m), "m": m}


EQUATIONS: dict[str, Callable[[Named, Named, Named, Named], dict[str, Array]]] = {
    "rnn": rnn,
    "rnn_relu": rnn_relu,
    "lstm": lstm,
    "peephole_lstm": peephole_lstm,
    "cifg": cifg,
    "gru": gru,
    "mgu": mgu,
    "indrnn": indrnn,
    "mingru": mingru,
    "minlstm": minlstm,
    "lru": lru,
    "rglru": rglru,
    "sru": sru,
    "qrnn": qrnn,
    "slstm": slstm,
}


def test_every_builtin_cell_is_here() -> None:
    assert set(EQUATIONS) == set(BUILTIN)


@pytest.mark.parametrize("name", BUILTIN)
def test_step(name: str) -> None:
    cell, rng = BUILTIN[name](), np.random.default_rng(0)
    x, r, s = (
        {n: rng.standard_normal((3, 4)) for n in names}
        for names in (cell.gates, cell.recurrent, cell.state)
    )
    p = {n: rng.standard_normal(4) for n in cell.params}
    named = [
        SimpleNamespace(**{n: torch.from_numpy(v) for n, v in part.items()}) for part in (x, r, s)
    ]
    if p:
        named.append(SimpleNamespace(**{n: torch.from_numpy(v) for n, v in p.items()}))
    got = cell.step(*named)
    expected = EQUATIONS[name](x, r, s, p)
    assert set(got) == set(expected) == set(cell.state)
    for key, value in expected.items():
        np.testing.assert_allclose(got[key], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", BUILTIN)
def test_layer_feeds_each_gate_its_own_product(name: str) -> None:
    """W x + b_ih and R h + b_hh, gate by gate, in the order of `gates`, over five steps."""
    torch.manual_seed(0)
    H = 4
    layer = elman.layer(name, 3, H, dtype=torch.float64, backend="reference")
    weights = {n.removesuffix("_l0"): v.detach().numpy() for n, v in layer.named_parameters()}
    cell, rng = layer.cell, np.random.default_rng(0)
    inputs = rng.standard_normal((5, 2, 3))
    first = {n: rng.standard_normal((2, H)) for n in cell.state}
    p = {n: weights[n] for n in cell.params}

    s, outputs = dict(first), []
    for x in inputs:
        gates = {
            n: x @ weights["weight_ih"][k * H : (k + 1) * H].T
            + weights["bias_ih"][k * H : (k + 1) * H]
            for k, n in enumerate(cell.gates)
        }
        recurrent = {
            n: s["h"] @ weights["weight_hh"][k * H : (k + 1) * H].T
            + weights["bias_hh"][k * H : (k + 1) * H]
            for k, n in enumerate(cell.recurrent)
        }
        s = EQUATIONS[name](gates, recurrent, s, p)
        outputs.append(s["h"])

    state = tuple(torch.from_numpy(v)[None] for v in first.values())
    got, last = layer(torch.from_numpy(inputs), state)
    np.testing.assert_allclose(got.detach(), np.stack(outputs), rtol=1e-10, atol=1e-12)
    for value, key in zip((last,) if isinstance(last, Tensor) else last, cell.state, strict=True):
        np.testing.assert_allclose(value[0].detach(), s[key], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("name", BUILTIN)
def test_gradient_through_a_short_sequence(name: str, backend: str) -> None:
    torch.manual_seed(1)
    layer = elman.layer(name, 2, 3, dtype=torch.float64, backend=backend)
    names = [n for n, _ in layer.named_parameters()]
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    state = [torch.rand(1, 2, 3, dtype=torch.float64, requires_grad=True) for _ in layer.cell.state]

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, rest[len(state) :], strict=True))
        output, last = functional_call(layer, parameters, (x, rest[: len(state)]))
        return output, *((last,) if isinstance(last, Tensor) else last)

    parameters = [v.detach().clone().requires_grad_() for v in layer.parameters()]
    assert torch.autograd.gradcheck(run, (x, *state, *parameters))


@pytest.mark.parametrize("name", [n for n, cell in BUILTIN.items() if cell.forget])
def test_an_open_forget_gate_keeps_the_state(name: str) -> None:
    cell = BUILTIN[name]()
    values = {n: torch.zeros(2, 3, dtype=torch.float64) for n in (*cell.gates, *cell.state)}
    x = SimpleNamespace(**{n: values[n] for n in cell.gates})
    r = SimpleNamespace(**{n: values[n] for n in cell.recurrent})
    kept = cell.state[-1]
    s = SimpleNamespace(**{n: torch.full((2, 3), 0.7, dtype=torch.float64) for n in cell.state})
    p = SimpleNamespace(**{n: torch.zeros(3, dtype=torch.float64) for n in cell.params})
    setattr(x, cell.forget, torch.full((2, 3), 50.0, dtype=torch.float64))
    if hasattr(x, "i"):
        x.i = torch.full((2, 3), -50.0, dtype=torch.float64)
    new = cell.step(x, r, s, p) if cell.params else cell.step(x, r, s)
    torch.testing.assert_close(new[kept], getattr(s, kept), rtol=1e-12, atol=1e-12)
