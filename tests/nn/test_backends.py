"""Which backend runs, and that transforms, compilers and copies work with it."""

import copy
import warnings
from typing import Any

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, jvp, vmap
from torch.nn.utils.rnn import pack_sequence
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.nn import compiled

D = torch.float64
BACKENDS = ("auto", "reference")
FUSED = ("rnn", "rnn_relu", "lstm", "gru")


def make(cell: str, *sizes: int, **options: Any) -> elman.nn.Recurrent:
    torch.manual_seed(0)
    return elman.layer(cell, *sizes, **{"dtype": D} | options)


def test_backends_say_what_is_there_and_why_not() -> None:
    listed = elman.backends()
    assert {"reference", "torch", "compiled"} <= set(listed)
    assert listed["reference"].available
    assert all(backend.note for backend in listed.values())


def used(layer: elman.nn.Recurrent, given: Any, **call: Any) -> str | None:
    layer(given, **call)
    return layer.backend_used


@pytest.mark.parametrize("cell", BUILTIN)
def test_auto_takes_compiled_kernels_for_what_they_compute(cell: str) -> None:
    x = torch.randn(5, 2, 3, dtype=D)
    assert make(cell, 3, 4).backend_used is None
    assert used(make(cell, 3, 4, backend="reference"), x) == "reference"
    assert used(make(cell, 3, 4, layer_norm=True), x) == "compiled"
    for options in (
        {},
        {"num_layers": 2, "bidirectional": True, "bias": False},
        {"residual": True, "weight_dropout": 0.5, "dropout": 0.5},
        {"learn_initial_state": True},
        {"zoneout": 0.1},
        {"recurrent_dropout": 0.1},
    ):
        assert used(make(cell, 3, 4, **options), x) == "compiled"
        assert used(make(cell, 3, 4, **options).eval(), x) == "compiled"
    layer = make(cell, 3, 4)
    assert used(layer, x, lengths=torch.tensor([5, 3])) == "compiled"
    assert used(layer, x, resets=torch.zeros(5, 2).bool()) == "compiled"
    assert used(layer, x, return_states=True) == "compiled"
    assert used(layer, pack_sequence([x[:, 0], x[:3, 1]])) == "compiled"
    assert used(layer, elman.Ragged.from_list([x[:, 0], x[:3, 1]])) == "compiled"


@pytest.mark.parametrize("cell", BUILTIN)
def test_auto_trains_one_step_of_one_gate_by_torchs_kernel(cell: str) -> None:
    x = torch.randn(1, 2, 3, dtype=D)
    assert used(make(cell, 3, 4), x) == ("torch" if cell in ("rnn", "rnn_relu") else "compiled")
    assert used(make(cell, 3, 4, backend="compiled"), x) == "compiled"
    assert used(make(cell, 3, 4), x, lengths=torch.tensor([1, 0])) == "compiled"
    with torch.no_grad():
        assert used(make(cell, 3, 4), x) == "compiled"


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole_lstm"])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_short_numbers_are_rounded_once(
    cell: str, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums and states are float32, so that, where no pairs are multiplied, only the result is
    rounded: half a unit of its last place, and what float32 loses."""
    monkeypatch.setattr(compiled, "multiplies_pairs", lambda: False)
    layer = make(cell, 7, 33, num_layers=1, bidirectional=True, dtype=torch.float32).to(kind)
    x = torch.randn(50, 3, 7).to(kind)
    exact = make(cell, 7, 33, num_layers=1, bidirectional=True, backend="reference")
    exact.load_state_dict(layer.state_dict())
    lengths = torch.tensor([50, 7, 0])
    output, _ = layer(x, lengths=lengths)
    assert (layer.backend_used, output.dtype) == ("compiled", kind)
    expected = exact(x.to(D), lengths=lengths)[0]
    assert_close(output.to(D), expected, rtol=torch.finfo(kind).eps / 2, atol=1e-5)
    with torch.no_grad():
        assert_close(layer(x, lengths=lengths)[0], output, rtol=0, atol=0)
        dense = layer(x)[0]
    assert_close(dense.to(D), exact(x.to(D))[0], rtol=torch.finfo(kind).eps / 2, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "mgu", "indrnn"])
def test_products_of_bfloat16_pairs(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that round h and the gradients to bfloat16 before each product, sizes odd and even;
    taken apart where the processor has no such products."""
    monkeypatch.setattr(compiled, "multiplies_pairs", lambda: True)
    for sizes in ((7, 33), (4, 16)):
        layer = make(cell, *sizes, bidirectional=True, dtype=torch.float32).to(torch.bfloat16)
        exact = make(cell, *sizes, bidirectional=True, backend="reference")
        exact.load_state_dict(layer.state_dict())
        x = torch.randn(20, 5, sizes[0]).bfloat16()
        results = []
        for each, kind in ((layer, torch.bfloat16), (exact, D)):
            own = x.to(kind).requires_grad_()
            output, _ = each(own, lengths=torch.tensor([20, 3, 0, 11, 20]))
            weights = torch.arange(output.numel()).view_as(output).cos().to(kind)
            wanted = [own, *each.parameters()]
            found = torch.autograd.grad((output * weights).sum(), wanted)
            results.append([output.to(D), *(g.to(D) for g in found)])
        assert layer.backend_used == "compiled"
        for got, expected in zip(*results, strict=True):
            scale = expected.abs().max().clamp(min=1e-3)
            assert_close(got / scale, expected / scale, rtol=0, atol=0.03)


def test_a_compiler_that_fails_is_told_of_and_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unlucky(elman.Cell):
        gates = ("a",)

        def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
            return {"h": 0.123 * (x.a + r.a) - 0.456 * s.h}

    def fail(*_: Any) -> None:
        raise RuntimeError("no memory may be made executable here")

    monkeypatch.setattr("elman.compiler.cpu.compiled.kernel_of", fail)
    x = torch.randn(5, 2, 3, dtype=D)
    assert used(make(Unlucky, 3, 4), x) == "reference"
    layer = make(Unlucky, 3, 4, backend="compiled")
    with pytest.warns(UserWarning, match="the compiler failed: RuntimeError: no memory"):
        assert used(layer, x) == "reference"


@pytest.mark.parametrize("cell", BUILTIN)
def test_auto_takes_torch_for_just_this_where_nothing_is_compiled(cell: str) -> None:
    x = torch.randn(5, 2, 3, dtype=D)
    usual = "torch" if cell in FUSED else "reference"

    def plain(**options: Any) -> elman.nn.Recurrent:
        layer = make(cell, 3, 4, **options)
        layer._compiles = False
        return layer

    assert used(plain(), x) == usual
    assert used(plain(num_layers=2, bidirectional=True, bias=False), x) == usual
    assert used(plain(residual=True, weight_dropout=0.5, dropout=0.5), x) == usual
    assert used(plain(learn_initial_state=True), x) == usual
    assert used(plain(), x, lengths=torch.tensor([5, 3])) == usual
    several = len(BUILTIN[cell].state) > 1
    assert used(plain(), x, return_states=True) == ("reference" if several else usual)
    assert used(plain(), x, resets=torch.zeros(5, 2).bool()) == "reference"
    assert used(plain(zoneout=0.1), x) == "reference"
    dropped = plain(recurrent_dropout=0.1)
    assert used(dropped, x) == ("reference" if BUILTIN[cell].recurrent else usual)
    assert used(dropped.eval(), x) == usual


@pytest.mark.parametrize("cell", BUILTIN)
def test_double_backward_of_the_reference(cell: str) -> None:
    layer = make(cell, 2, 2, backend="reference")
    names = [n for n, _ in layer.named_parameters()]
    x = torch.randn(2, 1, 2, dtype=D, requires_grad=True)

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        return functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))[0]

    parameters = tuple(p.detach().clone().requires_grad_() for p in layer.parameters())
    assert torch.autograd.gradgradcheck(run, (x, *parameters), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, D])
@pytest.mark.parametrize("cell", FUSED)
def test_double_backward_of_auto(cell: str, dtype: torch.dtype) -> None:
    results = []
    for backend in BACKENDS:
        layer = make(cell, 3, 4, dtype=dtype, backend=backend)
        torch.manual_seed(1)
        x = torch.randn(4, 2, 3, dtype=dtype, requires_grad=True)
        output, _ = layer(x, lengths=torch.tensor([4, 2]))
        (slope,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
        results.append(torch.autograd.grad(slope.square().sum(), [x, *layer.parameters()][:3]))
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    assert_close(results[0], results[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_vmap_over_more_batches(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, num_layers=2, bidirectional=True, backend=backend)
    x, lengths = torch.randn(3, 5, 2, 3, dtype=D), torch.tensor([5, 2])
    output, state = vmap(lambda one: layer(one, lengths=lengths))(x)
    assert layer.backend_used == "reference"
    for n in range(3):
        expected, last = layer(x[n], lengths=lengths)
        assert_close(output[n], expected)
        several = isinstance(state, tuple)
        assert_close(tuple(s[n] for s in state) if several else state[n], last)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", FUSED)
def test_gradients_of_each_sample(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, backend=backend)
    x = torch.randn(5, 6, 3, dtype=D)
    parameters = {n: p.detach() for n, p in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], sequence: Tensor) -> Tensor:
        return functional_call(layer, parameters, (sequence,))[0].square().sum()

    each = vmap(grad(loss), in_dims=(None, 1))(parameters, x)
    assert layer.backend_used == "reference"
    layer(x)[0].square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert each[name].shape == (6, *parameter.shape)
        assert_close(each[name].sum(0), parameter.grad)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch.func's own
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, D])
@pytest.mark.parametrize("cell", FUSED)
def test_forward_mode(cell: str, dtype: torch.dtype, backend: str) -> None:
    layer = make(cell, 3, 4, dtype=dtype, backend=backend)
    x, v = torch.randn(5, 2, 3, dtype=dtype), torch.randn(5, 2, 3, dtype=dtype)
    weights = torch.randn(5, 2, 4, dtype=dtype)
    output, slope = jvp(lambda x: layer(x)[0], (x,), (v,))
    assert layer.backend_used == "reference"
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, v))[0])
        assert layer.backend_used == "reference"
    assert_close(dual.tangent, slope)
    x.requires_grad_()
    expected = layer(x)[0]
    assert_close(output, expected)
    (backward,) = torch.autograd.grad((expected * weights).sum(), x)
    assert_close((slope * weights).sum(), (backward * v).sum(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_jacobian_through_time(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, backend=backend)
    x, h = torch.randn(5, 3, dtype=D), torch.rand(1, 4, dtype=D)
    rest = tuple(torch.rand(1, 4, dtype=D) for _ in layer.cell.state[1:])

    def last(h: Tensor) -> Tensor:
        state = layer(x, (h, *rest) if rest else h)[1]
        return state[0] if rest else state

    got = jacrev(last)(h)
    assert layer.backend_used == "reference"
    assert_close(got, torch.autograd.functional.jacobian(last, h))


class Tagger(nn.Module):
    """A recurrent layer with something before and after it."""

    def __init__(self, cell: str, backend: str) -> None:
        super().__init__()
        self.before = nn.Linear(3, 3)
        self.recurrent = elman.layer(cell, 3, 4, backend=backend)
        self.after = nn.Linear(4, 2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.after(self.recurrent(self.before(x).relu(), lengths=lengths)[0])


@pytest.mark.parametrize(
    ("cell", "backend", "compiler"),
    [("lstm", "auto", "aot_eager"), ("lstm", "reference", "eager"), ("cifg", "auto", "aot_eager")],
)
def test_torch_compile(cell: str, backend: str, compiler: str) -> None:
    torch.manual_seed(0)
    torch.compiler.reset()
    model, x = Tagger(cell, backend), torch.randn(2, 3, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dynamo's own, about what it cannot see through
        compiled = torch.compile(model, backend=compiler)
        for lengths in (None, torch.tensor([2, 1, 2])):
            model.zero_grad()
            expected = model(x, lengths)
            expected.sum().backward()
            gradients = [p.grad.clone() for p in model.parameters()]
            model.zero_grad()
            got = compiled(x, lengths)
            got.sum().backward()
            assert_close(got, expected)
            assert_close([p.grad for p in model.parameters()], gradients)


@pytest.mark.parametrize("cell", BUILTIN)
def test_copies_and_conversions(cell: str) -> None:
    layer = make(cell, 3, 4, num_layers=2, dtype=torch.float32, learn_initial_state=True)
    x = torch.randn(5, 2, 3)
    output, _ = layer(x)
    twin = copy.deepcopy(layer)
    assert_close(twin(x)[0], output, rtol=0, atol=0)
    nn.init.zeros_(twin.weight_ih_l0)
    assert_close(layer(x)[0], output, rtol=0, atol=0)
    wide = copy.deepcopy(layer).double()
    assert wide(x.double())[0].dtype == D
    assert_close(wide(x.double())[0].float(), output)
    fresh = elman.layer(cell, 3, 4, num_layers=2, learn_initial_state=True)
    fresh.load_state_dict(layer.state_dict(), strict=True)
    assert_close(fresh(x)[0], output, rtol=0, atol=0)
    assert elman.layer(cell, 3, 4, dtype=torch.bfloat16)(x.bfloat16())[0].dtype == torch.bfloat16
    assert elman.layer(cell, 3, 4, device="meta")(x.to("meta"))[0].shape == (5, 2, 4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_autocast(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, num_layers=2, bidirectional=True, dtype=torch.float32, backend=backend)
    x, lengths = torch.randn(5, 2, 3), torch.tensor([5, 2])
    expected, _ = layer(x, lengths=lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x, lengths=lengths)
        layer(x, resets=torch.zeros(5, 2).bool())
    output.float().sum().backward()
    assert_close(output.float(), expected, rtol=0.1, atol=0.1)
    assert not output[2:, 1].any()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())
