"""Layers as native code: every cell and option against the layer itself."""

import ctypes
from typing import Any

import llvmlite.ir as ir
import numpy as np
import pytest
import torch
from exported_layers import OPTIONS, USERS, largest, made

from elman.cells import BUILTIN
from elman.errors import ExportError
from elman.export.cases import cases
from elman.export.native.constants import Constants
from elman.export.native.functions import NULL, OK, RANGE, build
from elman.export.native.recurrent import Layer
from elman.export.native.running import Loaded, run_here
from elman.export.native.targets import NAMED, Target, compile_object, host, runs_here
from elman.nn import Recurrent
from elman.nn.graph import Graph
from elman.nn.graph_ops import apply, embedding

SCALAR = Target("scalar", host().triple, host().cpu, host().features, lanes=1)
LIMIT = 1e-5


def worst(layer: Recurrent, form: str, target: Target | None = None) -> float:
    target = target or host()
    spec = layer.export_spec()
    graph = spec.graph(form)
    module = build(graph, "m", target)
    run = Loaded(graph, module, compile_object(target, module.code))
    found = []
    for _, inputs in cases(spec, form):
        with torch.inference_mode():
            expected = spec.native[form](inputs)
        actual = run(inputs)
        assert set(actual) == set(expected)
        found += [largest(actual[name], expected[name]) for name in expected]
    return max(found)


@pytest.mark.parametrize("cell", [*BUILTIN, *USERS])
@pytest.mark.parametrize("form", ["step", "sequence"])
def test_every_cell_gives_the_layers_numbers(cell: Any, form: str) -> None:
    assert worst(made(cell, num_layers=2), form) <= LIMIT


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_option_gives_the_layers_numbers(options: dict[str, Any]) -> None:
    layer = made("gru", **options)
    for form in layer.export_spec().graphs:
        assert worst(layer, form) <= LIMIT


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=str)
def test_inputs_of_many_steps_that_pass_over_weights_in_turns(options: dict[str, Any]) -> None:
    """As of matrices that the second cache does not hold, with steps that are no multiple."""
    layer = made("gru", 210, 211, **options)
    direction = layer.export_spec().graph("sequence").operations[0].attributes["directions"][0]
    product = Layer(Constants(ir.Module()), host().shape, direction).inputs
    assert len(product.rows_at_once) == 2
    assert worst(layer, "sequence") <= LIMIT


def test_a_projection_gives_the_layers_numbers() -> None:
    layer = made("lstm", proj_size=3, num_layers=2)
    assert worst(layer, "step") <= LIMIT
    assert worst(layer, "sequence") <= LIMIT


@pytest.mark.parametrize("target", [SCALAR, NAMED["x86-64-v2"], host()], ids=lambda t: t.name)
@pytest.mark.parametrize("seed", range(3))
def test_sizes_that_fill_no_vector(target: Target, seed: int) -> None:
    if not runs_here(target) and target is not SCALAR:
        pytest.skip(f"{target.name} does not run on this machine")
    draw = np.random.default_rng(seed)
    sizes = [int(size) for size in draw.integers(1, 70, 2)]
    cell = ["gru", "cifg", USERS[1]][seed]
    assert worst(made(cell, *sizes), "step", target) <= LIMIT
    assert worst(made(cell, *sizes, bidirectional=True), "sequence", target) <= LIMIT


def flat(array: np.ndarray) -> int:
    return array.ctypes.data


class Streams:
    """The functions of a layer's step as a program calls them."""

    def __init__(self, layer: Recurrent) -> None:
        graphs = layer.export_spec().graphs
        self.run = run_here(graphs, "step")["step"]
        word, place = ctypes.c_size_t, ctypes.c_void_p
        self.size = self.run.function("state_size", result=word)() // 4
        self.reset = self.run.function("reset", place, result=None)
        self.step = self.run.function("step", place, place, place)
        self.steps = self.run.function("run", place, place, word, place)

    def state(self) -> np.ndarray:
        memory = np.full(self.size + 4, 7, np.float32)
        self.reset(flat(memory))
        return memory


def test_a_run_is_its_steps_and_instances_do_not_touch_each_other() -> None:
    layer = made("lstm", num_layers=2, learn_initial_state=True)
    streams, steps = Streams(layer), 9
    x = torch.randn(3, steps, 5)
    expected = layer(x.transpose(0, 1))[0].detach().numpy()
    states = [streams.state() for _ in range(3)]
    one, many = (np.zeros((3, steps, 13), np.float32) for _ in range(2))
    given = x.numpy()
    for t in range(steps):  # the three streams take turns
        for each, state in enumerate(states):
            assert streams.step(flat(state), flat(given[each, t]), flat(one[each, t])) == OK
    for each in range(3):
        state = streams.state()
        for start, stop in ((0, 0), (0, 1), (1, steps)):
            places = flat(given[each, start:]), stop - start, flat(many[each, start:])
            assert streams.steps(flat(state), *places) == OK
        assert (state == states[each]).all()
        assert (state[-4:] == 7).all()  # what lies behind the state is not touched
    assert (one == many).all()
    assert np.abs(one.transpose(1, 0, 2) - expected).max() <= LIMIT


def test_null_is_refused_and_the_state_stays() -> None:
    streams = Streams(made("gru"))
    state, x, y = streams.state(), np.ones(5, np.float32), np.zeros(13, np.float32)
    before = state.copy()
    assert streams.step(None, flat(x), flat(y)) == NULL
    assert streams.step(flat(state), None, flat(y)) == NULL
    assert streams.steps(flat(state), flat(x), 1, None) == NULL
    streams.reset(None)
    assert (state == before).all()
    assert (y == 0).all()


def test_ids_outside_the_table_are_refused() -> None:
    graph = Graph("step")
    ids = graph.input("ids", ("B",), "int64", below=4)
    graph.output("y", apply(graph, "mul", embedding(graph, ids, torch.eye(4)), 2.0))
    run = run_here({"step": graph}, "step")["step"]
    step = run.function("step", *[ctypes.c_void_p] * 3)
    state, y = np.zeros(64, np.float32), np.zeros(4, np.float32)
    for given, expected in ((3, OK), (4, RANGE), (-1, RANGE), (2**31 - 1, RANGE)):
        assert step(flat(state), flat(np.array([given], np.int32)), flat(y)) == expected
    assert y.tolist() == [0, 0, 0, 2]


def test_a_projected_state_that_is_used_elementwise_is_refused() -> None:
    layer = made("lstm", proj_size=3, zoneout=0.1)
    with pytest.raises(ExportError, match="zoneout"):
        build(layer.export_spec().graph("step"), "m", host())
