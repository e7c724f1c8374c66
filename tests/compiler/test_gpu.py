"""A GPU's kernels run on the CPU by Triton's interpreter, in float64 against the reference; and
compiled for GPUs that need not be there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Everything, assert_alike, outcome
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.compiler import equations
from elman.compiler.gpu import launch, tiles
from elman.compiler.gpu.kernel import Kernel, kernel_of
from elman.compiler.gpu.tiles import Machine, Tiles
from elman.compiler.gpu.variant import Variant
from elman.nn import compiled, fast_path

triton = pytest.importorskip("triton", reason="triton is not installed: its wheels are for Linux")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:triton")  # numpy's, of inf and NaN

D = torch.float64
LONE = Tiles(4, 16, 16, 4, 1)  # a program owns all units
SHARED = Tiles(4, 4, 4, 4, 1)  # three own a row's units
SPLIT = Tiles(2, 4, 2, 4, 1, parts=4)  # and split each product
HELD = Tiles(4, 4, 4, 4, 1, parts=2, resident=1)  # and hold their weights
BIG, SMALL = Machine(132, 232448, 2), Machine(28, 101376, 2)
CUTS = (LONE, SHARED, SPLIT, HELD)


CELLS: dict[str, Any] = {**BUILTIN, "everything": Everything}


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Tiles], None]]:
    """Layers take a GPU's kernels, interpreted and of these tiles."""
    monkeypatch.setattr(triton.knobs.runtime, "interpret", True)
    for module in (compiled, fast_path):
        monkeypatch.setattr(module, "target_of", lambda _: "gpu")
    monkeypatch.setattr(compiled, "_known_gpu_lack", lambda: None)

    def choose(own: Tiles) -> None:
        def chosen(_: int, size: int, products: int, __: Machine, *, back: bool) -> Tiles:
            chunks = -(-size * (products if back else 1) // (own.parts * own.depth))
            return own._replace(resident=chunks if own.resident else 0)

        monkeypatch.setattr(tiles, "choose", chosen)

    choose(SHARED)
    yield choose
    kernel_of.cache_clear()


def twins(cell: str, *sizes: int, dtype: torch.dtype = D, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    ours = elman.layer(CELLS[cell], *sizes, backend="compiled", dtype=dtype, **options)
    oracle = elman.layer(CELLS[cell], *sizes, backend="reference", dtype=D, **options)
    oracle.load_state_dict(ours.state_dict())
    return ours, oracle


def check(ours: Any, oracle: Any, x: Tensor, state: Any = None, **options: Any) -> None:
    values, gradients = outcome(ours, x, state, **options)
    expected, slopes = outcome(oracle, x, state, **options)
    assert ours.backend_used == "compiled"
    dtype = next(ours.parameters()).dtype
    assert_alike([*values, *gradients], [*expected, *slopes], dtype)


@pytest.mark.parametrize("name", CELLS)
def test_every_cell(name: str, cut: Callable[[Tiles], None]) -> None:
    """With both cuts, which differ in the products alone; in all shapes for two of the cells."""
    small, large = ((1, 1, 1), True), ((3, 5, 9), False)
    cases = [(SHARED, small), (SHARED, large), (LONE, small), (LONE, large)]
    if not BUILTIN.get(name, Everything).recurrent:
        cases = cases[:2]
    elif name not in ("lstm", "everything"):
        cases = cases[1:3]
    for own, ((T, B, H), bias) in cases:
        cut(own)
        ours, oracle = twins(name, 2, H, bias=bias)
        state = tuple(torch.randn(1, B, H, dtype=D) * 0.5 for _ in ours.cell.state)
        check(ours, oracle, torch.randn(T, B, 2), state)


@pytest.mark.slow
@pytest.mark.parametrize("own", CUTS, ids=["lone", "shared", "split", "held"])
def test_ragged_batches_with_resets_both_ways(own: Tiles, cut: Callable[[Tiles], None]) -> None:
    cut(own)
    ours, oracle = twins("everything", 2, 9, bidirectional=True, learn_initial_state=True)
    for each in (ours, oracle):
        for key, value in each.named_parameters():
            if key.startswith("initial"):
                torch.nn.init.constant_(value, 0.3)
    resets = torch.tensor([[0, 1, 0, 0, 1], [1, 0, 1, 0, 0], [0, 1, 1, 1, 1]]).bool()
    lengths = torch.tensor([3, 2, 0, 1, 3])
    x = torch.randn(3, 5, 2)
    check(ours, oracle, x, lengths=lengths, resets=resets)
    check(ours, oracle, x, resets=resets, return_states=True)


@pytest.mark.slow
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_shape_and_option(data: st.DataObject, cut: Callable[[Tiles], None]) -> None:
    draw = data.draw
    cut(draw(st.sampled_from(CUTS)))
    T, B, features, H = (draw(st.integers(1, most)) for most in (4, 5, 3, 10))
    masks = draw(st.booleans())
    ours, oracle = twins(
        draw(st.sampled_from(["lstm", "gru", "rnn_relu", "indrnn", "everything"])),
        features,
        H,
        dtype=D if masks else draw(st.sampled_from([torch.float32, D])),
        bidirectional=draw(st.booleans()),
        learn_initial_state=draw(st.booleans()),
        bias=draw(st.booleans()),
        zoneout=draw(st.sampled_from([0.3, {"h": 0.2}])) if masks else 0.0,
        recurrent_dropout=0.3 * masks,
    )
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B))
    check(
        ours,
        oracle,
        torch.randn(T, B, features),
        lengths=None if lengths is None else torch.tensor(lengths),
        resets=torch.rand(T, B) < 0.3 if draw(st.booleans()) else None,
        return_states=draw(st.booleans()),
    )


@pytest.mark.parametrize("own", [LONE, SPLIT], ids=["lone", "split"])
@pytest.mark.parametrize("name", ["lstm", "minlstm", "everything"])
def test_nan_stays_in_its_sequence(name: str, own: Tiles, cut: Callable[[Tiles], None]) -> None:
    cut(own)
    ours, oracle = twins(name, 2, 5)
    x = torch.randn(4, 3, 2, dtype=D)
    x[1, 1, 0] = float("nan")
    assert_close(ours(x)[0], oracle(x)[0], rtol=1e-8, atol=1e-9, equal_nan=True)
    lengths = torch.tensor([4, 1, 3])  # and on padding it does nothing
    output, _ = ours(x.requires_grad_(), lengths=lengths)
    gradients = torch.autograd.grad(output.sum(), [x, *ours.parameters()])
    assert all(bool(each.isfinite().all()) for each in (output, *gradients))


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize("name", ["lstm", "gru", "everything"])
def test_a_second_backward_pass_and_a_second_derivative(name: str) -> None:
    ours, oracle = twins(name, 2, 5)
    x, lengths = torch.randn(3, 2, 2, dtype=D, requires_grad=True), torch.tensor([3, 2])
    found = []
    for layer in (ours, oracle):
        loss = layer(x, lengths=lengths)[0].square().sum()
        wanted = [x, *layer.parameters()]
        first = torch.autograd.grad(loss, wanted, retain_graph=True)
        again = torch.autograd.grad(loss, wanted, create_graph=True)
        assert_close(again, first, rtol=1e-9, atol=1e-11)
        slope = sum(each.square().sum() for each in again)
        found.append([*first, *torch.autograd.grad(slope, wanted, allow_unused=True)])
    for mine, its in zip(*found, strict=True):
        assert_close(mine, its, rtol=1e-8, atol=1e-10)


@pytest.mark.usefixtures("cut")
def test_results_that_are_modified_are_not_differentiated_wrongly() -> None:
    layer, _ = twins("lstm", 2, 5)
    output, _ = layer(torch.randn(3, 2, 2, dtype=D))
    output.mul_(2)  # a tensor of its own
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


@pytest.mark.usefixtures("cut")
def test_what_is_not_compiled_runs_on_the_reference_and_says_why() -> None:
    x = torch.randn(3, 2, 2)
    layer = elman.layer("lstm", 2, 5, backend="compiled", layer_norm=True)
    with pytest.warns(UserWarning, match="layer_norm is not compiled for a GPU"):
        layer(x)
    assert layer.backend_used == "reference"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer = elman.layer("gru", 2, 5, backend="compiled")
        assert (layer(x)[0].dtype, layer.backend_used) == (torch.bfloat16, "compiled")


@pytest.mark.usefixtures("cut")
def test_a_compiler_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unlucky(elman.Cell):
        gates = ("a",)

        def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
            return {"h": 0.321 * (x.a + r.a) - 0.654 * s.h}

    def fail(*_: Any) -> None:
        raise RuntimeError("out of resource: shared memory")

    monkeypatch.setattr(launch, "kernel_of", fail)
    layer = elman.layer(Unlucky, 2, 5, backend="compiled")
    with pytest.warns(UserWarning, match="the compiler failed: RuntimeError: out of resource"):
        layer(torch.randn(3, 2, 2))
    assert layer.backend_used == "reference"


def test_backends_tell_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "for a GPU: torch finds no CUDA GPU" in elman.backends()["compiled"].note
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "this CPU and this GPU" in elman.backends()["compiled"].note
    monkeypatch.setattr(compiled, "find_spec", lambda name: name != "triton" or None)
    assert "triton is not installed" in elman.backends()["compiled"].note


@settings(max_examples=200)
@given(
    batch=st.integers(1, 3000),
    size=st.integers(1, 8000),
    products=st.integers(0, 7),
    machine=st.sampled_from(
        [Machine(132, 232448, 2), Machine(132, 232448, 1), Machine(28, 101376, 2)]
    ),
    back=st.booleans(),
)
def test_tiles_fit_the_machine(
    batch: int, size: int, products: int, machine: Machine, back: bool
) -> None:
    own = tiles.choose(batch, size, products, machine, back=back)
    if not products:
        return
    assert own.of_units(size) <= machine.programs  # or they would wait for ever
    assert own.of_units(size) == 1 or size > own.units
    depth, matrices = (size * products, 1) if back else (size, products)
    if own.of_units(size) == 1:
        assert own.units >= 16  # the inner dimension of a product
    elif own.resident:
        assert own.resident * own.parts * own.depth >= depth
        held = 4 * machine.copies * matrices * own.units * own.resident * own.parts * own.depth
        assert held <= machine.shared


def _compiles(v: Variant, name: str, own: Tiles, size: int, capability: int) -> int:
    """Bytes of shared memory of the machine code."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = Kernel(name, v)
    others = {"Lengths": "*i64", "Resets": "*u8", "Count": "*i32"}
    kinds = {each: others.get(each, "*fp32") for each in kernel.pointers}
    fixed = {"H": size, "BB": own.rows, "BN": own.units, "BK": own.depth, "direction": -1}
    kinds |= {
        each: "constexpr" if each in fixed else "i32"
        for each in kernel.function.arg_names[len(kinds) :]
    }
    aligned = {(at,): [["tt.divisibility", 16]] for at in range(len(kernel.pointers))}
    options = {"num_warps": own.warps, "num_stages": own.stages}
    source = ASTSource(kernel.function, signature=kinds, constexprs=fixed, attrs=aligned)
    code = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert code.asm["cubin"]
    return int(code.metadata.shared)


@pytest.mark.parametrize("back", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize(
    ("name", "batch", "size"),
    [("lstm", 64, 512), ("gru", 16, 100), ("everything", 1, 8), ("minlstm", 5, 64)],
)
def test_kernels_compile_for_gpus(
    name: str, batch: int, size: int, back: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """To machine code, which needs no GPU; and it takes no more shared memory than there is."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    step = equations(elman.cells.resolve(CELLS[name]), ("mask",), masked=name == "gru")
    for capability, machine in ((90, BIG), (86, SMALL)):
        own = tiles.choose(batch, size, len(step.recurrent), machine, back=back)
        lone = own.of_units(size) == 1
        v = Variant(
            step,
            double=False,
            saving=True,
            kept=step.states,
            outs=(0,),
            lengths=True,
            resets=True,
            added=True,
            flows=(0,),
            lone=lone,
            parts=own.parts,
            resident=own.resident,
            ahead=own.stages if lone or not step.recurrent else 1,
            interpreted=False,
            precision="tf32x3",
        )
        name_of_pass = "backward" if back else "forward"
        assert _compiles(v, name_of_pass, own, size, capability) <= machine.shared
