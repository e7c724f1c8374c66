"""Every kind of operation in C against the interpreter of graphs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from elman.errors import ExportError
from elman.export.to_c.native import Native
from elman.export.to_c.source import source
from elman.nn import Attention, Pooling
from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.nn.graph_run import run as interpreted

STRICT = ("-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror")
T, S = 5, 4


def compared(graph: Graph, cc: str, below: int = 3) -> None:
    """Compare a batch of 1, as C has no padding."""
    torch.manual_seed(0)
    sizes = {"T": T, "B": 1, "S": S}
    inputs = {}
    for value in graph.inputs:
        shape = [sizes[size] if isinstance(size, str) else size for size in value.shape]
        inputs[value.name] = (
            torch.full(shape, T)
            if value.name == "lengths"
            else torch.randn(shape)
            if value.dtype == "float32"
            else torch.rand(shape) < 0.6
            if value.dtype == "bool"
            else torch.randint(below, shape)
        )
    expected = interpreted(graph, inputs, torch.float64)
    actual = Native(graph, source(graph, "net"), cc, STRICT)(inputs)
    for name, value in expected.items():
        torch.testing.assert_close(actual[name].double(), value.double(), atol=2e-6, rtol=2e-6)


def sequence(*shape: int) -> tuple[Graph, Value]:
    graph = Graph("sequence")
    return graph, graph.input("x", ("T", "B", *shape))


FUNCTIONS: dict[str, Callable[[Graph, Value], Value]] = {
    "broadcasting": lambda g, x: ops.apply(
        g, "mul", x, g.constant("row", np.arange(3.0).reshape(1, 1, 1, 3))
    ),
    "where": lambda g, x: ops.apply(g, "where", ops.apply(g, "gt", x, 0.1), x, -2.0),
    "log_softmax": lambda g, x: ops.softmax(g, x, 2, log=True),
    "softmax": lambda g, x: ops.softmax(g, x, 2),
    "softmax over time": lambda g, x: ops.softmax(g, x, 0),
    "sum": lambda g, x: ops.reduced(g, "sum", x, [2]),
    "mean of all": lambda g, x: ops.reduced(g, "mean", x, [0, 3], keep=True),
    "max": lambda g, x: ops.reduced(g, "max", x, [3]),
    "transpose": lambda g, x: ops.transpose(g, x, 1, 3, 0, 2),
    "slice": lambda g, x: ops.cut(g, x, 3, 1, 3),
    "concat": lambda g, x: ops.concat(g, 2, ops.cut(g, x, 2, 1, 2), x),
    "reshape": lambda g, x: ops.reshape(g, x, "T", "B", 3, 2),
    "gelu": ops.gelu,
    "linear": lambda g, x: ops.linear(g, x, torch.randn(35, 3), torch.randn(35)),
    "layer_norm": lambda g, x: describe(g, nn.LayerNorm(3), x),
    "matmul": lambda g, x: g.add(
        "matmul", x, ops.transpose(g, x, 0, 1, 3, 2), shapes=[("T", "B", 2, 2)]
    )[0],
    "steps": lambda g, x: g.add("steps", x, shapes=[("T",)])[0],
    "around": lambda g, x: g.add(
        "around", ops.reshape(g, x, "T", "B", 6), shapes=[("T", "B", 3, 6)], offsets=(-2, 0, 7)
    )[0],
    "gather": lambda g, x: g.add(
        "gather", x, g.constant("index", np.array([2, 0, 2, 1])), shapes=[("T", "B", 2, 4)], axis=3
    )[0],
    "all but the last": lambda g, x: ops.reduced(
        g,
        "mean",
        g.add("slice", x, shapes=[("T-1", "B", 2, 3)], axis=0, start=0, stop=-1)[0],
        [0],
    ),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_operation(kind: str, cc: str) -> None:
    torch.manual_seed(1)
    graph, x = sequence(2, 3)
    y = FUNCTIONS[kind](graph, x)
    if "B" not in y.shape:
        y = ops.reshape(graph, y, *y.shape, "B")
    graph.output("y", y)
    compared(graph, cc)


@pytest.mark.parametrize("kind", ["mean", "max", "mean_max", "last", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling(kind: Any, bidirectional: bool, cc: str) -> None:
    graph, x = sequence(6)
    lengths = graph.input("lengths", ("B",), "int64")
    torch.manual_seed(1)
    graph.output("y", describe(graph, Pooling(kind, 6, bidirectional=bidirectional), x, lengths))
    compared(graph, cc)


@pytest.mark.parametrize("kind", ["additive", "dot", "general"])
def test_attention_over_a_memory(kind: Any, cc: str) -> None:
    """The memory has a length of its own, so that the scratch memory depends on it."""
    attention, graph = Attention(4, 4, kind=kind), Graph("step")
    query = graph.input("query", ("B", 4))
    memory = {"memory_values": graph.input("memory_values", ("S", "B", 4))}
    if kind == "additive":
        memory["memory_keys"] = graph.input("memory_keys", ("S", "B", 4))
    memory["memory_mask"] = graph.input("memory_mask", ("S", "B"), "bool")
    graph.output("context", attention.attend_in_graph(graph, query, memory))
    compared(graph, cc)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv1d(2, 4, 3, padding=1, stride=2, groups=2),
        nn.Conv1d(2, 3, 1),
        nn.MaxPool1d(3, 2, 1),
        nn.AvgPool1d(2),
        nn.Sequential(nn.BatchNorm1d(2).eval(), nn.ELU(), nn.SiLU(), nn.LeakyReLU(), nn.Softplus()),
    ],
    ids=lambda module: type(module).__name__,
)
def test_module(module: nn.Module, cc: str) -> None:
    graph = Graph("step")
    graph.output("y", describe(graph, module, graph.input("x", ("B", 2, 7))))
    compared(graph, cc)


def test_convolution_of_pictures(cc: str) -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=(1, 0), dilation=(1, 2)), nn.ReLU(), nn.MaxPool2d(2)
    )
    graph = Graph("step")
    graph.output("y", describe(graph, network, graph.input("x", ("B", 1, 8, 9))))
    compared(graph, cc)


def test_ids_are_checked(cc: str) -> None:
    graph = Graph("step")
    tokens = graph.input("tokens", ("B",), "int64", below=3)
    graph.output("y", describe(graph, nn.Embedding(3, 4), tokens))
    compared(graph, cc)
    run = Native(graph, source(graph, "net"), cc)
    for wrong in (-1, 3):
        with pytest.raises(ExportError, match="error 2"):
            run({"tokens": torch.tensor([wrong])})


def test_an_unknown_operation_is_refused() -> None:
    graph = Graph("step")
    graph.output("y", graph.add("fourier", graph.input("x", ("B", 3)), shapes=[("B", 3)])[0])
    with pytest.raises(ExportError, match='"fourier" has no form in C'):
        source(graph, "net")
