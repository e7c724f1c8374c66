"""Layers and modules as graphs, run by the interpreter beside the modules themselves."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Everything
from torch import Tensor, nn
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.compiler import equations
from elman.errors import ExportError
from elman.nn import Attention, Pooling
from elman.nn.graph import Graph
from elman.nn.graph_layers import directions
from elman.nn.graph_modules import describe
from elman.nn.graph_ops import broadcast
from elman.nn.graph_run import run

CELLS = [*BUILTIN.values(), Everything]


class Branching(elman.Cell):
    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": x.h if bool((x.h > 0).all()) else r.h}


@settings(max_examples=12)
@given(data=st.data())
def test_a_layers_graph_is_the_layer(data: st.DataObject) -> None:
    cell = data.draw(st.sampled_from(CELLS))
    layers, both = data.draw(st.integers(1, 2)), data.draw(st.booleans())
    options: dict[str, Any] = {
        "layer_norm": data.draw(st.booleans()),
        "residual": data.draw(st.booleans()),
        "learn_initial_state": data.draw(st.booleans()),
        "bias": data.draw(st.booleans()),
        "zoneout": data.draw(st.sampled_from([0.0, 0.3])),
        "batch_first": data.draw(st.booleans()),
    }
    size, hidden = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    if cell is BUILTIN["lstm"] and hidden > 2 and data.draw(st.booleans()):
        options["proj_size"] = 2
    torch.manual_seed(data.draw(st.integers(0, 99)))
    layer = elman.layer(cell, size, hidden, num_layers=layers, bidirectional=both, **options).eval()
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -1, 1)
    layer = layer.double()
    spec = layer.export_spec()
    assert set(spec.graphs) == ({"sequence"} if both else {"sequence", "step"})
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=3)))
    first = torch.randn(int(lengths.max()), len(lengths), size, dtype=torch.float64)
    for name, graph in spec.graphs.items():
        inputs = {"x": first, "lengths": lengths}
        if name == "step":
            inputs = {"x": torch.randn(len(lengths), size, dtype=torch.float64)}
        for before, _ in graph.states:
            count, _, units = before.shape
            inputs[before.name] = torch.randn(
                int(count), len(lengths), int(units), dtype=torch.float64
            )
        with torch.no_grad():
            expected = spec.native[name](inputs)
        assert_close(run(graph, inputs, torch.float64), expected, atol=1e-5, rtol=1e-5)


def test_without_states_a_sequence_begins_with_the_learnt_one() -> None:
    layer = elman.layer("lstm", 3, 4, learn_initial_state=True, bidirectional=True)
    for name, parameter in layer.named_parameters():
        if name.startswith("initial_"):
            nn.init.normal_(parameter)
    graph = Graph("sequence")
    x = graph.input("x", ("T", "B", 3))
    lengths = graph.input("lengths", ("B",), "int64")
    y, after = layer.to_graph(graph, x, (), lengths)
    graph.output("y", y)
    graph.output("c", after[1])
    inputs = {"x": torch.randn(5, 2, 3), "lengths": torch.tensor([5, 0])}
    with torch.no_grad():
        expected, (_, c) = layer(inputs["x"], lengths=inputs["lengths"])
    found = run(graph, inputs)
    assert_close(found, {"y": expected, "c": c}, atol=1e-6, rtol=1e-5)
    assert_close(found["c"][0, 1], layer.initial_c_l0)


def test_a_cell_of_ones_own_with_the_equations_of_a_built_in_one_is_that() -> None:
    class Mine(elman.Cell):
        gates = ("a", "b", "n")

        def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
            reset = elman.math.sigmoid(x.a + r.a)
            z = elman.math.sigmoid(x.b + r.b)
            n = elman.math.tanh(x.n + reset * r.n)
            return {"h": n + z * (s.h - n)}

    (direction,) = directions(elman.layer(Mine, 2, 3), 0)
    assert direction.cell == "gru"
    (direction,) = directions(elman.layer("gru", 2, 3, zoneout=0.1), 0)
    assert direction.cell == ""
    assert direction.equations == str(equations(BUILTIN["gru"](), (0.1,)))


def test_what_cannot_be_traced_is_refused() -> None:
    with pytest.raises(
        ExportError, match="Branching cannot be exported: its step fails on symbols"
    ):
        elman.layer(Branching, 2, 3, backend="reference").export_spec()


def test_a_bidirectional_layer_says_why_it_has_no_step() -> None:
    spec = elman.GRU(2, 3, bidirectional=True).export_spec()
    with pytest.raises(ExportError, match="backward half needs the future"):
        spec.graph("step")


def sequential(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*modules)


MODULES = {
    "linear": (sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3, bias=False)), (5, 6)),
    "activations": (sequential(nn.ReLU(), nn.SiLU(), nn.LeakyReLU(0.2), nn.ELU(0.7)), (5, 6)),
    "more": (sequential(nn.GELU(), nn.Sigmoid(), nn.Softplus(), nn.Dropout(0.5)), (5, 6)),
    "softmax": (nn.Softmax(-1), (5, 6)),
    "log_softmax": (nn.LogSoftmax(1), (5, 6)),
    "layer_norm": (nn.LayerNorm(6, eps=1e-3), (2, 5, 6)),
    "plain_norm": (nn.LayerNorm(6, elementwise_affine=False), (5, 6)),
    "batch_norm": (nn.BatchNorm1d(6), (5, 6, 4)),
    "group_norm": (nn.GroupNorm(3, 6), (5, 6, 4)),
    "conv1d": (nn.Conv1d(6, 4, 3, stride=2, padding=1, dilation=2), (5, 6, 9)),
    "conv2d": (nn.Conv2d(6, 6, (3, 2), groups=3, bias=False), (5, 6, 7, 8)),
    "pools": (sequential(nn.MaxPool2d(2), nn.AvgPool2d(3, 1, 1), nn.Flatten()), (5, 6, 7, 8)),
}


@pytest.mark.parametrize("name", MODULES)
def test_torchs_modules(name: str) -> None:
    module, shape = MODULES[name]
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    for key, buffer in module.named_buffers():
        if key.startswith("running"):
            buffer.uniform_(0.5, 2)
    module = module.eval()
    graph = Graph("step")
    graph.output("y", describe(graph, module, graph.input("x", ("B", *shape[1:]))))
    x = torch.randn(shape)
    with torch.no_grad():
        expected = module(x)
    assert graph.outputs[0].shape[1:] == tuple(expected.shape[1:])
    assert_close(run(graph, {"x": x})["y"], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Bilinear(2, 2, 1), "Bilinear cannot be exported: elman does not know"),
        (nn.Embedding(3, 2, max_norm=1.0), "max_norm"),
        (nn.LayerNorm((2, 3)), "several axes"),
        (nn.BatchNorm1d(3, track_running_stats=False), "other sequences of the batch"),
        (nn.Conv1d(2, 2, 3, padding="same"), "padding='same'"),
        (nn.Conv1d(2, 2, 3, padding_mode="circular"), "padding_mode='circular'"),
        (nn.MaxPool1d(2, ceil_mode=True), "ceil_mode"),
        (nn.Softmax(), "without dim"),
        (nn.GELU("tanh"), "approximation"),
        (nn.Softplus(2.0), "beta"),
        (nn.Flatten(0), "time or batch"),
    ],
)
def test_modules_that_are_refused(module: nn.Module, message: str) -> None:
    graph = Graph("step")
    with pytest.raises(ExportError, match=message):
        describe(graph, module, graph.input("x", ("B", 2, 3)))


POOLINGS = ("mean", "max", "mean_max", "last", "attention")


@pytest.mark.parametrize("kind", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling(kind: Any, *, bidirectional: bool) -> None:
    torch.manual_seed(2)
    pooling = Pooling(kind, 4, bidirectional=bidirectional)
    graph = Graph("sequence")
    x = graph.input("x", ("T", "B", 4))
    lengths = graph.input("lengths", ("B",), "int64")
    graph.output("y", pooling.to_graph(graph, x, lengths))
    for counts in ([5, 0, 2], [0, 0]):
        inputs = {"x": torch.randn(max(counts), len(counts), 4), "lengths": torch.tensor(counts)}
        if max(counts):
            inputs["x"][-1, -1] = float("nan")  # padding
        expected = pooling(inputs["x"], inputs["lengths"])
        if max(counts):
            assert_close(run(graph, inputs)["y"], expected)
        assert bool((expected[1] == 0).all())


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_step_by_step(kind: Any) -> None:
    pooling = Pooling(kind, 4)
    graph = Graph("step")
    graph.output("y", pooling.to_graph(graph, graph.input("x", ("B", 4))))
    states = {
        before.name: torch.from_numpy(graph.first[before.name]).expand(-1, 3, -1)
        for before, _ in graph.states
    }
    steps = torch.randn(6, 3, 4)
    for t, x in enumerate(steps):
        found = run(graph, {"x": x, **states})
        states = {before.name: found[after.name] for before, after in graph.states}
        expected = pooling(steps[: t + 1], torch.full((3,), t + 1))
        assert_close(found["y"], expected, atol=1e-6, rtol=1e-5)
    assert set(states) == {f"pooling_{name}" for name in pooling.gather(steps)} - {"pooling_last"}


def test_steps_of_a_bidirectional_layer_are_not_pooled() -> None:
    graph = Graph("step")
    with pytest.raises(ExportError, match="pooled one by one"):
        Pooling("mean", 4, bidirectional=True).to_graph(graph, graph.input("x", ("B", 4)))


@pytest.mark.parametrize(
    "options",
    [{}, {"size": 5}, {"kind": "general"}, {"kind": "general", "scaled": True}, {"kind": "dot"}],
)
def test_attention(options: dict[str, Any]) -> None:
    torch.manual_seed(4)
    attention = Attention(3, 3 if options.get("kind") == "dot" else 6, **options)
    size = attention.memory_size
    encode = Graph("sequence")
    x = encode.input("x", ("T", "B", size))
    lengths = encode.input("lengths", ("B",), "int64")
    memory = attention.memory_in_graph(encode, x, lengths)
    for name, value in memory.items():
        encode.output(name, value)
    step = Graph("step")
    query = step.input("query", ("B", 3))
    parts = {
        name: step.input(name, ("S", *value.shape[1:]), value.dtype)
        for name, value in memory.items()
    }
    step.output("context", attention.attend_in_graph(step, query, parts))
    inputs = {"x": torch.randn(5, 3, size), "lengths": torch.tensor([5, 0, 2])}
    found = run(encode, inputs)
    one = torch.randn(3, 3)
    expected, _ = attention(one.unsqueeze(0), inputs["x"], inputs["lengths"])
    assert_close(run(step, {"query": one, **found})["context"], expected[0].detach())


def test_constants_are_kept_once_and_keep_their_kind() -> None:
    graph = Graph("step")
    first, second = (graph.constant("w", np.ones((2, 3))) for _ in range(2))
    other = graph.constant("w", np.zeros((2, 3)))
    assert first == second
    assert other.name == "w_1"
    assert graph.constant("i", np.array(3)).dtype == "int64"
    assert graph.constant("i", np.array(3)).shape == ()
    assert graph.constants["w"].dtype == np.float32


def test_shapes_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="do not go together"):
        broadcast(("T", "B", 3), ("B", 4))


def test_values_of_states_are_named() -> None:
    graph = elman.LSTM(2, 3, num_layers=2, proj_size=1).export_spec().graph("step")
    names = [(before.name, after.name, before.shape) for before, after in graph.states]
    assert names == [("h", "new_h", (2, "B", 1)), ("c", "new_c", (2, "B", 3))]
    assert {name: first.shape for name, first in graph.first.items()} == {
        "h": (2, 1, 1),
        "c": (2, 1, 3),
    }


def test_first_states_are_the_learnt_ones() -> None:
    layer = elman.GRU(2, 3, num_layers=2, learn_initial_state=True)
    nn.init.constant_(layer.initial_h_l1, 2.0)
    first: tuple[Tensor, ...] = layer.first_states(4)
    assert first[0].shape == (2, 4, 3)
    assert bool((first[0][1] == 2).all())


@pytest.mark.parametrize("cell", ["lstm", "gru", "indrnn", Everything])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 2, "stride": 2, "residual": True, "learn_initial_state": True},
        {"layer_norm": True, "zoneout": 0.2},
        {"group_norm": 2, "dilation": 2, "map_size": (5, 4), "recurrent_kernel_size": 1},
    ],
)
def test_a_step_of_a_convolutional_layer(cell: Any, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = elman.conv_layer(cell, 3, 4, **options).eval()
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -0.7, 0.7)
    graph = Graph("step")
    states = layer.graph_states(graph, (5, 4))
    y, after = layer.to_graph(graph, graph.input("x", ("B", 3, 5, 4)), states)
    graph.output("y", y)
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    x, given = torch.randn(2, 3, 5, 4), None
    inputs = {n: torch.from_numpy(f).expand(-1, 2, -1, -1, -1) for n, f in graph.first.items()}
    for _ in range(3):
        found = run(graph, {"x": x, **inputs})
        with torch.no_grad():
            output, given = layer.step(x, given)
        assert_close(found["y"], output, atol=1e-5, rtol=1e-5)
        inputs = {before.name: found[new.name] for before, new in graph.states}
    parts = given if isinstance(given, tuple) else (given,)
    for part, name in zip(parts, layer.cell.state, strict=True):
        assert_close(inputs[name], part, atol=1e-5, rtol=1e-5)


def test_sequences_of_convolutional_layers_are_refused() -> None:
    graph = Graph("sequence")
    layer = elman.conv_layer("gru", 1, 2)
    with pytest.raises(ExportError, match="step by step"):
        layer.to_graph(graph, graph.input("x", ("T", "B", 1, 4, 4)), ())
