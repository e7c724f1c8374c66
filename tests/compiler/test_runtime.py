"""Threads, processes, the cache on disk, and what torch does with a layer."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from oracle import flat
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.compiler import cache, equations


@pytest.fixture
def two_threads() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def gradients(layer: Any, x: torch.Tensor, **options: Any) -> list[torch.Tensor]:
    output, _ = layer(x, **options)
    return [output, *torch.autograd.grad(output.square().sum(), list(layer.parameters()))]


@pytest.mark.parametrize("batch", [2, 24])  # threads share the hidden units; the batch
@pytest.mark.parametrize("name", ["lstm", "gru", "indrnn"])
@pytest.mark.usefixtures("two_threads")
def test_threads_do_not_change_results(name: str, batch: int) -> None:
    torch.manual_seed(0)
    layer = elman.layer(name, 3, 163, backend="compiled", dtype=torch.float64)
    x, lengths = torch.randn(6, batch, 3, dtype=torch.float64), torch.randint(0, 7, (batch,))
    for options in ({}, {"lengths": lengths}):
        together = gradients(layer, x, **options)
        assert_close(gradients(layer, x, **options), together, rtol=0, atol=0)
        torch.set_num_threads(1)
        assert_close(gradients(layer, x, **options), together, rtol=1e-10, atol=1e-12)
        torch.set_num_threads(2)


def test_many_python_threads_at_once() -> None:
    torch.manual_seed(0)
    layer = elman.layer("gru", 3, 20, backend="compiled")
    inputs = [torch.randn(5, 2 + i % 3, 3) for i in range(24)]
    expected = [gradients(layer, x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        for got, want in zip(
            pool.map(lambda x: gradients(layer, x), inputs), expected, strict=True
        ):
            assert_close(got, want, rtol=1e-5, atol=1e-6)


def _in_child(queue: Any) -> None:
    layer = elman.layer("lstm", 3, 8, backend="compiled")
    torch.manual_seed(0)
    output, _ = layer(torch.randn(4, 6, 3))
    queue.put((layer.backend_used, bool(output.isfinite().all())))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_works() -> None:
    layer = elman.layer("lstm", 3, 8, backend="compiled")
    layer(torch.randn(4, 6, 3))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == ("compiled", True)
    child.join()


def test_a_damaged_object_is_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    built = []

    def build() -> bytes:
        built.append(1)
        return b"machine code"

    assert cache.fetch("key", build) == cache.fetch("key", build) == b"machine code"
    assert len(built) == 1
    (path,) = cache.folder().iterdir()
    whole = path.read_bytes()
    for damage in (whole[:-1], whole + b"x", b"", whole.replace(b"code", b"coda")):
        path.write_bytes(damage)
        built.clear()
        assert cache.fetch("key", build) == b"machine code"
        assert built
        assert path.read_bytes() == whole
    other = path.with_name(path.name)
    assert cache.fetch("another key", build) == b"machine code"
    assert other.exists()
    assert cache.describe().startswith("2 kernels")
    assert cache.clear() == 2
    assert cache.describe().startswith("0 kernels")


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "MOST_FILES", 8)
    for number in range(30):
        cache.fetch(f"key {number}", lambda: b"x")
        assert len(list(cache.folder().iterdir())) <= 8


@pytest.mark.skipif(sys.platform == "win32", reason="other permissions")
def test_a_folder_that_others_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels").chmod(0o777)
    assert cache.fetch("key", lambda: b"x") == b"x"
    assert not list((tmp_path / "kernels").iterdir())


def test_importing_elman_does_not_load_llvm() -> None:
    code = "import sys, elman; elman.backends(); sys.exit('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_moves_between_dtypes_and_is_copied() -> None:
    layer = elman.layer("gru", 3, 5, backend="compiled")
    x = torch.randn(4, 2, 3)
    single = layer(x)[0]
    double = layer.double()(x.double())[0]
    assert layer.backend_used == "compiled"
    assert_close(single.double(), double, rtol=1e-5, atol=1e-6)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert_close(twin(x.double())[0], double, rtol=0, atol=0)


@pytest.mark.parametrize("name", BUILTIN)
def test_gradcheck_twice(name: str) -> None:
    torch.manual_seed(0)
    layer = elman.layer(name, 2, 3, backend="compiled", dtype=torch.float64)
    names = [n for n, _ in layer.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)

    def run(x: torch.Tensor, *values: torch.Tensor) -> Any:
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, given, (x,), {"lengths": torch.tensor([3, 2])})[0]

    assert torch.autograd.gradcheck(run, (x, *values))
    assert torch.autograd.gradgradcheck(run, (x, *values), fast_mode=True)
    assert layer.backend_used == "compiled"


def test_second_backward_and_changes_in_place() -> None:
    layer = elman.layer("lstm", 2, 3, backend="compiled", dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    output, _ = layer(x)
    once = torch.autograd.grad(output.sum(), x, retain_graph=True)
    assert_close(torch.autograd.grad(output.sum(), x), once, rtol=0, atol=0)
    output, _ = layer(x)
    output.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.parametrize("name", ["lstm", "gru", "indrnn"])
def test_torch_compile_keeps_one_graph(name: str) -> None:
    torch.manual_seed(0)
    layer = elman.layer(
        name, 3, 5, num_layers=2, bidirectional=True, backend="compiled", dtype=torch.float64
    )
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    results = []
    for each in (compiled, layer):
        output, state = each(x)
        parts = state if isinstance(state, tuple) else (state,)
        loss = output.sin().sum() + sum(part.cos().sum() for part in parts)
        results.append([output, *torch.autograd.grad(loss, [x, *layer.parameters()])])
    assert_close(results[0], results[1], rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_torch_compile_keeps_lengths_resets_and_masks(name: str) -> None:
    torch.manual_seed(0)
    rates = {"zoneout": 0.2, "recurrent_dropout": 0.3, "layer_norm": True}
    options = {"bidirectional": True, "backend": "compiled", "dtype": torch.float64}
    layer = elman.layer(name, 3, 5, **rates, **options)
    x = torch.randn(4, 3, 3, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 0, 2])
    resets = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]).bool()
    for given in ({"lengths": lengths}, {"resets": resets, "lengths": lengths}):
        torch.compiler.reset()
        compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
        results = []
        for each in (compiled, layer):
            torch.manual_seed(1)
            parts = flat(each(x, return_states=True, **given))
            loss = sum(part.sin().sum() for part in parts)
            results.append([*parts, *torch.autograd.grad(loss, [x, *layer.parameters()])])
        assert layer.backend_used == "compiled"
        assert_close(results[0], results[1], rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("team", [True, False])
@pytest.mark.parametrize("batch", [1, 9])
def test_directions_side_by_side(team: bool, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By OpenMP's threads or Python's they do what one thread does, one after the other."""
    torch.manual_seed(0)
    layer = elman.layer(
        "gru", 3, 20, num_layers=2, bidirectional=True, backend="compiled", dtype=torch.float64
    )
    x = torch.randn(7, batch, 3, dtype=torch.float64)
    lengths = torch.randint(0, 8, (batch,))
    if not team:
        monkeypatch.setattr("elman.compiler.cpu.threads.has_team", lambda: False)
    for options in ({}, {"lengths": lengths}):
        together = gradients(layer, x, **options)
        with torch.no_grad():
            assert_close(layer(x, **options)[0], together[0], rtol=1e-10, atol=1e-12)
        torch.set_num_threads(1)
        assert_close(gradients(layer, x, **options), together, rtol=1e-10, atol=1e-12)
        torch.set_num_threads(2)


def test_one_direction_alone_gets_a_gradient() -> None:
    layer = elman.layer("lstm", 3, 5, bidirectional=True, backend="compiled", dtype=torch.float64)
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    oracle = elman.layer("lstm", 3, 5, bidirectional=True, backend="reference", dtype=torch.float64)
    oracle.load_state_dict(layer.state_dict())
    for half in (slice(5), slice(5, None)):
        found = [torch.autograd.grad(each(x)[0][..., half].sum(), x)[0] for each in (layer, oracle)]
        assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_export_keeps_the_operator() -> None:
    layer = elman.layer("gru", 3, 5, backend="compiled").requires_grad_(False)
    x = torch.randn(4, 2, 3)
    program = torch.export.export(layer, (x,))
    assert "elman.infer" in str(program.graph)
    assert_close(program.module()(x), layer(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", BUILTIN)
def test_steps_follow_the_weights(name: str) -> None:
    torch.manual_seed(0)
    layer = elman.layer(name, 3, 5, num_layers=2, backend="compiled", dtype=torch.float64)
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(3):
        with torch.no_grad():
            expected, last = layer(x)
            state = None
            for t in range(4):
                output, state = layer.step(x[t], state)
                assert_close(output, expected[t], rtol=1e-10, atol=1e-12)
            assert_close(state, last, rtol=1e-10, atol=1e-12)
        optimizer.zero_grad()
        layer(x)[0].square().sum().backward()
        optimizer.step()


def test_steps_follow_weights_that_are_written_through_data() -> None:
    layer = elman.layer("lstm", 3, 5, backend="compiled")
    x, state = torch.randn(2, 3), (torch.zeros(1, 2, 5), torch.zeros(1, 2, 5))
    with torch.no_grad():
        layer.step(x, state)
        for parameter in layer.parameters():
            parameter.data.mul_(0.5)
        expected = elman.layer("lstm", 3, 5, backend="reference")
        expected.load_state_dict(layer.state_dict())
        assert_close(layer.step(x, state)[0], expected.step(x, state)[0])


def test_memory_does_not_grow() -> None:
    from elman.compiler.cpu import scratch

    layer = elman.layer("lstm", 3, 8, backend="compiled")
    for steps in range(1, 40):
        layer(torch.randn(steps, 4, 3))[0].sum().backward()
    assert sum(each.nbytes for each in scratch._free.values()) <= scratch.MOST_BYTES
    assert equations(layer.cell) is equations(layer.cell)


def test_a_layer_made_in_inference_mode_steps() -> None:
    with torch.inference_mode():
        layer, x = elman.LSTM(3, 4), torch.randn(5, 2, 3)
        output, _ = layer(x)
        state = None
        for x_t in x:
            y_t, state = layer.step(x_t, state)
    assert_close(y_t, output[-1])
