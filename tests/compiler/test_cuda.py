"""A GPU's kernels on a GPU, in float32 against the reference in float64 on the CPU."""

from typing import Any

import pytest
import torch
from oracle import Everything
from torch import Tensor

import elman
from elman.cells import BUILTIN
from elman.math import tanh

pytestmark = pytest.mark.usefixtures("gpu")

D = torch.float64


class Leaky(elman.Cell):
    gates = ("h",)
    params = {"a": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}


CELLS: dict[str, Any] = {**BUILTIN, "leaky": Leaky, "everything": Everything}


def twins(cell: str, *sizes: int, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    ours = elman.layer(CELLS[cell], *sizes, backend="compiled", **options)
    oracle = elman.layer(CELLS[cell], *sizes, backend="reference", dtype=D, **options)
    oracle.load_state_dict(ours.state_dict())
    return ours.cuda(), oracle


def error(mine: Tensor, its: Tensor) -> float:
    """Relative, of the whole tensor."""
    return float((mine.detach().cpu().to(D) - its).norm() / its.norm().clamp(min=1e-9))


def check(ours: Any, oracle: Any, x: Tensor, most: float = 2e-5, **options: Any) -> None:
    results: list[list[Tensor]] = []
    for layer, kind, device in ((ours, torch.float32, "cuda"), (oracle, D, "cpu")):
        own = x.to(device, kind).requires_grad_()
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in options.items()}
        output, state, *states = layer(own, **moved)
        parts = [output, *(state if isinstance(state, tuple) else (state,))]
        for each in states:
            parts += each if isinstance(each, tuple) else (each,)
        loss = sum(
            (p * torch.arange(p.numel(), device=device).view_as(p).cos()).sum() for p in parts
        )
        gradients = torch.autograd.grad(loss, [own, *layer.parameters()])
        with torch.no_grad():
            parts.append(layer(own, **moved)[0])
        results.append([*parts, *gradients])
    assert ours.backend_used == "compiled"
    for mine, its in zip(*results, strict=True):
        assert error(mine, its.detach()) < most


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell: str) -> None:
    for T, B, H in ((1, 1, 1), (7, 5, 100), (9, 33, 64)):
        ours, oracle = twins(cell, 6, H)
        # Where a comparison falls the other way, a unit differs; seldom, but by more.
        check(ours, oracle, torch.randn(T, B, 6), most=1e-3 if cell == "everything" else 2e-5)


@pytest.mark.parametrize("H", [1, 17, 100, 257, 512, 1024])
@pytest.mark.parametrize("cell", ["lstm", "leaky"])
def test_sizes(cell: str, H: int) -> None:
    for T, B in ((5, 3), (12, 70)):
        ours, oracle = twins(cell, 3, H, bias=B > 1)
        check(ours, oracle, torch.randn(T, B, 3))


@pytest.mark.parametrize("H", [16, 100])
@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm", "gru", "indrnn"])
def test_ragged_batches_resets_and_both_ways(cell: str, H: int) -> None:
    ours, oracle = twins(cell, 3, H, num_layers=2, bidirectional=True, learn_initial_state=True)
    x, lengths, resets = torch.randn(9, 19, 3), torch.randint(0, 10, (19,)), torch.rand(9, 19) < 0.2
    x[:, 3] = float("nan")
    lengths[3] = 0
    check(ours, oracle, x, lengths=lengths)
    check(ours, oracle, x, lengths=lengths, resets=resets, return_states=True)


def test_more_tiles_than_run_at_a_time() -> None:
    """The batch is done by several launches, one after the other."""
    ours, oracle = twins("gru", 3, 1024)
    check(ours, oracle, torch.randn(3, 700, 3))


@pytest.mark.parametrize("zoneout", [0.3, {"h": 0.1}])
def test_zoneout_and_recurrent_dropout_are_differentiated(zoneout: Any) -> None:
    """Along a direction, with the same masks at each call."""
    layer = elman.layer("gru", 3, 40, zoneout=zoneout, recurrent_dropout=0.3, backend="compiled")
    layer, x = layer.cuda(), torch.randn(6, 5, 3, device="cuda", requires_grad=True)

    def loss(x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return layer(x)[0].square().sum()

    (slope,) = torch.autograd.grad(loss(x), x)
    v = torch.randn_like(x) * 1e-2
    with torch.no_grad():
        change = float(loss(x + v) - loss(x - v)) / 2
    assert layer.backend_used == "compiled"
    assert abs(change - float((slope * v).sum())) < 0.01 * abs(change) + 1e-4
    layer.eval()
    oracle = elman.layer("gru", 3, 40, zoneout=zoneout, backend="reference", dtype=D).eval()
    oracle.load_state_dict(layer.state_dict())
    assert error(layer(x)[0], oracle(x.detach().cpu().to(D))[0].detach()) < 2e-5


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_short_numbers_and_autocast(kind: torch.dtype) -> None:
    ours, oracle = twins("peephole_lstm", 7, 60)
    x = torch.randn(20, 5, 7).to(kind)
    expected = oracle(x.to(D))[0].detach()
    with torch.autocast("cuda", dtype=kind):
        output, _ = ours(x.float().cuda())
    assert (ours.backend_used, output.dtype) == ("compiled", kind)
    assert error(output, expected) < 0.02
    output.float().sum().backward()
    assert ours.weight_hh_l0.grad.isfinite().all()
    output, _ = ours.to(kind)(x.cuda())
    assert (ours.backend_used, output.dtype) == ("compiled", kind)
    assert error(output, expected) < 0.02


def test_a_lower_precision_of_products_is_torchs_setting() -> None:
    ours, oracle = twins("gru", 7, 128)
    x = torch.randn(30, 20, 7)
    expected = oracle(x.to(D))[0].detach()
    torch.set_float32_matmul_precision("high")
    try:
        rough = error(ours(x.cuda())[0], expected)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert error(ours(x.cuda())[0], expected) < 2e-6 < rough < 5e-3


def test_a_second_derivative() -> None:
    ours, oracle = twins("gru", 3, 5)
    slopes = []
    for layer, kind, device in ((ours, torch.float32, "cuda"), (oracle, D, "cpu")):
        torch.manual_seed(1)
        x = torch.randn(4, 2, 3).to(device, kind).requires_grad_()
        (slope,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
        slopes.append(torch.autograd.grad(slope.square().sum(), layer.weight_hh_l0)[0])
    assert error(*slopes) < 1e-4


def test_auto_takes_cudnn_for_what_it_computes() -> None:
    x = torch.randn(5, 2, 3, device="cuda")
    for cell, options, expected in (
        ("lstm", {}, "torch"),
        ("lstm", {"recurrent_dropout": 0.1}, "compiled"),
        ("mgu", {}, "compiled"),
        ("mgu", {"layer_norm": True}, "reference"),
    ):
        layer = elman.layer(cell, 3, 4, **options).cuda()
        layer(x)
        assert layer.backend_used == expected
    layer = elman.layer("mgu", 3, 4, dtype=D).cuda()
    layer(x.to(D))
    assert layer.backend_used == "reference"


def test_the_same_bits_each_time_and_no_program_waits_for_ever() -> None:
    """Hundreds of launches, on two streams at once: a race would show as another result."""
    ours, _ = twins("lstm", 16, 256)
    other, _ = twins("gru", 16, 200)
    x, y = torch.randn(11, 64, 16, device="cuda"), torch.randn(13, 40, 16, device="cuda")

    def gradients(layer: Any, x: Tensor) -> list[Tensor]:
        output, _ = layer(x)
        found = torch.autograd.grad(output.square().sum(), list(layer.parameters()))
        return [output.detach(), *found]

    jobs = []
    for layer, given in ((ours, x), (other, y)):
        jobs.append((torch.cuda.Stream(), layer, given, gradients(layer, given)))
    torch.cuda.synchronize()
    found: list[list[Tensor]] = [[], []]
    for _ in range(250):
        for (stream, layer, given, expected), same in zip(jobs, found, strict=True):
            with torch.cuda.stream(stream):
                pairs = zip(gradients(layer, given), expected, strict=True)
                same.append(torch.stack([(a == b).all() for a, b in pairs]).all())
    torch.cuda.synchronize()
    assert all(bool(torch.stack(same).all()) for same in found)


def test_a_graph_of_launches_is_replayed() -> None:
    ours, oracle = twins("gru", 3, 100)
    x = torch.randn(6, 4, 3, device="cuda")
    with torch.no_grad():
        ours(x)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output, _ = ours(x)
        x.copy_(torch.randn_like(x))
        graph.replay()
    assert error(output, oracle(x.cpu().to(D))[0].detach()) < 2e-5
