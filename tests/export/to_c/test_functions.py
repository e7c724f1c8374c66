"""The functions of the runtime, over all sizes of their argument."""

from typing import Any

import numpy as np
import pytest
import torch

from elman.export.to_c.native import Native
from elman.export.to_c.source import source
from elman.nn.graph import Graph
from elman.nn.graph_ops import apply

COUNT = 4000
LIMITS = [0.0, 1e-40, 1e-20, 1e-4, 0.3, 9.9, 88.0, 88.7, 89.0, 104.0, 1e6, 3e38, np.inf, np.nan]


def values() -> np.ndarray[Any, Any]:
    draw = np.random.default_rng(0)
    found = np.concatenate([LIMITS, np.negative(LIMITS), np.linspace(-105, 105, 2000)])
    small = 10 ** draw.uniform(-30, 2, COUNT - len(found)) * draw.choice([-1, 1], 1)
    return np.concatenate([found, small]).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "limit"), [("exp", 3e-7), ("sigmoid", 3e-7), ("tanh", 3e-7), ("softplus", 3e-7)]
)
@pytest.mark.parametrize("flags", [(), ("-O3",)])
def test_function(name: str, limit: float, flags: tuple[str, ...], cc: str) -> None:
    graph = Graph("step")
    graph.output("y", apply(graph, name, graph.input("x", ("B", COUNT))))
    x = torch.from_numpy(values())
    actual = Native(graph, source(graph, "net"), cc, flags)({"x": x[None]})["y"][0].double()
    function: Any = torch.nn.functional.softplus if name == "softplus" else getattr(torch, name)
    expected = function(x.double()).float().double()
    assert torch.equal(actual.isnan(), expected.isnan())
    assert torch.equal(actual.isinf(), expected.isinf())
    real = expected.isfinite()
    error = (actual - expected)[real].abs() - limit * expected[real].abs()
    assert float(error.max()) < 1e-37


def test_relu_maximum_and_minimum_keep_nan(cc: str) -> None:
    graph = Graph("step")
    a, b = graph.input("a", ("B", 4)), graph.input("b", ("B", 4))
    for name in ("maximum", "minimum"):
        graph.output(name, apply(graph, name, a, b))
    graph.output("relu", apply(graph, "relu", a))
    nan = float("nan")
    given = torch.tensor([[1.0, nan, 2.0, -3.0]]), torch.tensor([[nan, 1.0, 1.0, -1.0]])
    found = Native(graph, source(graph, "net"), cc)({"a": given[0], "b": given[1]})
    for name, expected in (
        ("maximum", torch.maximum(*given)),
        ("minimum", torch.minimum(*given)),
        ("relu", torch.relu(given[0])),
    ):
        torch.testing.assert_close(found[name], expected, equal_nan=True, rtol=0, atol=0)
