"""The source as a C program meets it: warnings, memory, states, weights in a file."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.errors import ExportError
from elman.export.to_c.native import Native
from elman.export.to_c.source import Source, source
from elman.nn.graph import Graph
from elman.nn.graph_ops import apply

STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror")


def stacked(**options: Any) -> Any:
    torch.manual_seed(0)
    given = {"num_layers": 2, "learn_initial_state": True, **options}
    layer = elman.layer("lstm", 3, 33, **given).eval()
    with torch.no_grad():
        layer.initial_c_l0.fill_(0.5) if given["learn_initial_state"] else None
    return layer


def graph_of(layer: Any, form: str = "step") -> Graph:
    found: Graph = layer.export_spec().graphs[form]
    return found


def write(written: Source, folder: Path) -> None:
    for name, content in written.files("parity: 1e-7 /* fine */ ??/").items():
        (folder / name).write_bytes(content)


class Stream:
    """A state of a compiled step, called as C does."""

    def __init__(self, native: Native, outputs: int) -> None:
        self.native, self.outputs = native, outputs
        size = native.function("state_size", result=ctypes.c_size_t)()
        self.memory = np.full(size // 4, 7.0, np.float32)
        native.function("reset", result=None)(self.address)

    @property
    def address(self) -> Any:
        return ctypes.c_void_p(self.memory.ctypes.data)

    def step(self, x: Any) -> Any:
        y = np.empty(self.outputs, np.float32)
        x = np.ascontiguousarray(x, np.float32)
        pointers = (ctypes.c_void_p(each.ctypes.data) for each in (x, y))
        assert self.native.function("step")(self.address, *pointers) == 0
        return y

    def run(self, x: Any) -> Any:
        y = np.empty((len(x), self.outputs), np.float32)
        x = np.ascontiguousarray(x, np.float32)
        first, last = (ctypes.c_void_p(each.ctypes.data) for each in (x, y))
        assert self.native.function("run")(self.address, first, ctypes.c_size_t(len(x)), last) == 0
        return y


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-Os", "-O3"])
@pytest.mark.parametrize("int8", [False, True])
def test_compiles_without_a_warning(compiler: str, level: str, int8: bool, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not here")
    for name, form in (("one", "step"), ("two", "sequence")):
        layer = stacked(layer_norm=True, bidirectional=form == "sequence")
        write(source(graph_of(layer, form), name, int8=int8, external=int8), tmp_path)
    command = [compiler, *STRICT, level, "-march=native", "-c", "one.c", "two.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not here")
@pytest.mark.parametrize("form", ["step", "sequence"])
def test_neither_allocates_nor_keeps_anything(form: str, cc: str, tmp_path: Path) -> None:
    write(source(graph_of(stacked(), form), "net"), tmp_path)
    subprocess.run([cc, "-std=c99", "-O2", "-c", "net.c"], cwd=tmp_path, check=True)
    done = subprocess.run(["nm", "net.o"], cwd=tmp_path, capture_output=True, text=True, check=True)
    symbols = [line.split()[-2:] for line in done.stdout.splitlines()]
    undefined = {name for kind, name in symbols if kind == "U"}
    assert undefined <= {"memcpy", "memmove", "memset", "sqrtf", "_GLOBAL_OFFSET_TABLE_"}
    assert not [name for kind, name in symbols if kind in "dDbBC"]
    assert all(name.startswith("net_") for kind, name in symbols if kind == "T")


def test_streams_do_not_touch_each_other(cc: str) -> None:
    layer = stacked()
    native = Native(graph_of(layer), source(graph_of(layer), "net"), cc)
    x = torch.randn(6, 2, 3)
    with torch.no_grad():
        expected = layer(x)[0].numpy()
    one, two = Stream(native, 33), Stream(native, 33)
    found = [(one.step(a), two.step(b)) for a, b in x.numpy()]
    assert abs(np.array(found) - expected).max() < 1e-6


def test_run_is_many_steps_and_reset_begins_anew(cc: str) -> None:
    layer = stacked()
    native = Native(graph_of(layer), source(graph_of(layer), "net"), cc)
    x = torch.randn(9, 3).numpy()
    stream = Stream(native, 33)
    stepped = np.array([stream.step(x_t) for x_t in x])
    native.function("reset", result=None)(stream.address)
    assert np.array_equal(stream.run(x), stepped)
    again = Stream(native, 33)
    halves = np.concatenate([again.run(x[:4]), again.run(x[4:4]), again.run(x[4:])])
    assert np.array_equal(halves, stepped)


def test_the_header_says_where_each_state_begins(cc: str) -> None:
    layer = stacked()
    written = source(graph_of(layer), "net")
    places = re.findall(r"#define NET_([A-Z])_AT (\d+)", written.files()["net.h"].decode())
    stream = Stream(Native(graph_of(layer), written, cc), 33)
    states = torch.randn(2, 2, 1, 33)
    for (name, place), state in zip(places, states, strict=True):
        assert name == "HC"[int(place) > 0]
        stream.memory[int(place) : int(place) + 66] = state.ravel()
    with torch.no_grad():
        expected, _ = layer.step(torch.ones(1, 3), tuple(states))
    assert abs(stream.step([1, 1, 1]) - expected[0].numpy()).max() < 1e-6


def test_a_copy_of_a_state_goes_on_from_there(cc: str) -> None:
    layer = stacked()
    native = Native(graph_of(layer), source(graph_of(layer), "net"), cc)
    stream = Stream(native, 33)
    stream.step([1, 2, 3])
    other = Stream(native, 33)
    other.memory = stream.memory.copy()
    assert np.array_equal(other.step([0, 1, 0]), stream.step([0, 1, 0]))


def test_pointers_that_are_null(cc: str) -> None:
    layer = elman.GRU(2, 3)
    step = Native(graph_of(layer), source(graph_of(layer), "net"), cc)
    assert step.function("step")(None, None, None) == 1
    assert step.function("run")(None, None, ctypes.c_size_t(0), None) == 1
    step.function("reset", result=None)(None)
    whole = graph_of(layer, "sequence")
    sequence = Native(whole, source(whole, "net"), cc)
    assert sequence.function("run")(None, None, None, ctypes.c_size_t(1), None) == 1


def test_weights_in_a_file(cc: str) -> None:
    layer, x = stacked(), torch.randn(4, 1, 3)
    for form in ("step", "sequence"):
        graph = graph_of(layer, form)
        inside, apart = source(graph, "net"), source(graph, "net", external=True)
        assert apart.weights is not None
        assert len(apart.text) < len(inside.text) / 10
        states = {n: torch.from_numpy(first) for n, first in graph.first.items()}
        given = {"x": x[0]} if form == "step" else {"x": x, "lengths": torch.tensor([4])}
        found = [Native(graph, each, cc)({**given, **states})["y"] for each in (inside, apart)]
        assert torch.equal(*found)


def test_the_file_of_another_model_is_noticed(cc: str) -> None:
    graph = graph_of(stacked())
    apart = source(graph, "net", external=True)
    assert apart.weights is not None
    other = source(graph_of(elman.layer("lstm", 3, 33, num_layers=2)), "net", external=True)
    assert other.weights is not None
    check = Native(graph, apart, cc).function("check")
    for content, status in (
        (apart.weights, 0),
        (other.weights, 3),
        (apart.weights[:-4], 3),
        (apart.weights[:3][::-1] + apart.weights[3:], 3),
    ):
        held = np.frombuffer(content, np.uint8).copy()
        address, size = ctypes.c_void_p(held.ctypes.data), ctypes.c_size_t(len(held))
        assert check(address, size) == status
    assert check(None, ctypes.c_size_t(0)) == 1


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_int8_weights(cell: str, cc: str) -> None:
    """A quarter of the size, and an error that steps of 1/127 of a row's largest weight explain."""
    torch.manual_seed(0)
    layer = elman.layer(cell, 40, 70).eval()
    graph, x = graph_of(layer, "sequence"), torch.randn(20, 1, 40)
    small, large = source(graph, "net", int8=True), source(graph, "net")
    assert small.interface.weight_bytes < 0.3 * large.interface.weight_bytes
    lengths, zeros = torch.tensor([20]), torch.zeros(1, 1, 70)
    given = {"x": x, "lengths": lengths, **dict.fromkeys(layer.cell.state, zeros)}
    found = [Native(graph, each, cc)(given)["y"] for each in (small, large)]
    error = float((found[0] - found[1]).abs().max())
    assert 1e-5 < error < 0.02
    assert "int8" in small.files()["net.h"].decode()


@pytest.mark.parametrize("name", ["", "2d", "a-b", "float", "été", "a.b"])
def test_names_that_c_does_not_take(name: str) -> None:
    with pytest.raises(ExportError, match="name must be a name in C"):
        source(graph_of(elman.GRU(1, 1)), name)


def test_names_of_a_graph_that_c_does_not_take(cc: str) -> None:
    graph = Graph("step")
    inputs = [graph.input(name, ("B", 2)) for name in ("a-b", "int", "work", "net", "i0")]
    total = inputs[0]
    for each in inputs[1:]:
        total = apply(graph, "add", total, each)
    graph.output("state", total)
    given = {value.name: torch.ones(1, 2) for value in inputs}
    found = Native(graph, source(graph, "net"), cc)(given)
    assert torch.equal(found["state"], torch.full((1, 2), 5.0))


def test_weights_that_are_no_numbers(cc: str) -> None:
    graph = Graph("step")
    values = np.array([np.inf, -np.inf, np.nan, 1e-45, -0.0, 3.4028235e38], np.float32)
    row = graph.constant("row", values)
    graph.output("y", apply(graph, "mul", graph.input("x", ("B", 6)), row))
    found = Native(graph, source(graph, "net"), cc)({"x": torch.ones(1, 6)})["y"][0]
    assert np.array_equal(found.numpy().view(np.uint32), values.view(np.uint32))
