"""Every kind of operation of a graph as native code, against the graph run on tensors."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from exported_layers import largest

from elman.compiler.expression import ARITY, COMPARISONS, LOGICAL
from elman.errors import ExportError
from elman.export.native.functions import build
from elman.export.native.running import Loaded, run_here
from elman.export.native.targets import Target, compile_object, host
from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value
from elman.nn.graph_run import run

SCALAR = Target("scalar", host().triple, host().cpu, host().features, lanes=1)
Write = Callable[[Graph, Value], Value]


def compared(graph: Graph, *cases: dict[str, torch.Tensor]) -> None:
    """The same numbers as the interpreter's, with vectors of any length."""
    for target in (host(), SCALAR):
        module = build(graph, "m", target)
        native = Loaded(graph, module, compile_object(target, module.code))
        for inputs in cases:
            expected, actual = run(graph, inputs), native(inputs)
            assert set(actual) == set(expected)
            for name, value in expected.items():
                assert actual[name].shape == value.shape
                torch.testing.assert_close(actual[name].isnan(), value.isnan())
                pair = actual[name].nan_to_num(), value.nan_to_num()
                assert largest(*pair) <= 2e-6, (target.name, name)


def of_steps(writes: list[Write], *shape: int) -> None:
    """Operations on (T, B, *shape), one sequence at a time."""
    graph = Graph("sequence")
    x = graph.input("x", ("T", "B", *shape))
    graph.input("lengths", ("B",), "int64")
    for at, write in enumerate(writes):
        graph.output(f"y{at}", write(graph, x))
    torch.manual_seed(0)
    cases = (
        {"x": torch.randn(count, 1, *shape), "lengths": torch.tensor([count])} for count in (7, 1)
    )
    compared(graph, *cases)


def of_one(writes: list[Write], *shape: int) -> None:
    """Operations on (B, *shape)."""
    graph = Graph("step")
    x = graph.input("x", ("B", *shape))
    for at, write in enumerate(writes):
        graph.output(f"y{at}", write(graph, x))
    torch.manual_seed(0)
    compared(graph, {"x": torch.randn(1, *shape)})


def number(graph: Graph, *shape: int) -> Value:
    generator = torch.Generator().manual_seed(len(graph.constants))
    return ops.weight(graph, "given", torch.randn(shape, generator=generator))


def test_functions() -> None:
    def write(graph: Graph, x: Value, kind: str) -> Value:
        x = ops.apply(graph, "abs", x) if kind in ("log", "sqrt") else x
        return ops.apply(graph, kind, *[x, number(graph, 9)][: ARITY[kind]])

    kinds = [each for each in ARITY if each not in (*COMPARISONS, *LOGICAL, "where")]
    of_steps([partial(write, kind=kind) for kind in kinds], 9)


def test_conditions() -> None:
    def write(graph: Graph, x: Value, kind: str) -> Value:
        two = [ops.apply(graph, "gt", x, 0.1), ops.apply(graph, "lt", x, number(graph, 9))]
        found = ops.apply(graph, kind, *(two[: ARITY[kind]] if kind in LOGICAL else (x, 0.25)))
        return ops.apply(graph, "where", found, ops.cast(graph, found), x)

    of_steps([partial(write, kind=kind) for kind in (*COMPARISONS, *LOGICAL)], 9)


def test_broadcasting() -> None:
    def write(graph: Graph, x: Value, first: tuple[int, ...], second: tuple[int, ...]) -> Value:
        both = ops.apply(graph, "sub", number(graph, *first), number(graph, *second))
        return ops.apply(graph, "add", x, both)

    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((4, 1, 9), (3, 1)),
        ((1,), (4, 3, 9)),
        ((4, 3, 1), (9,)),
        ((4, 3, 9), (4, 1, 9)),
    ]
    of_one([partial(write, first=first, second=second) for first, second in pairs], 4, 3, 9)


def test_products() -> None:
    rows = (1, 8, 13, 40)
    weights = [torch.randn(size, 6) for size in rows]
    of_steps([lambda g, x, w=w: ops.linear(g, x, w) for w in weights], 6)
    of_steps([lambda g, x, w=w: ops.linear(g, x, w, w[:, 0]) for w in weights], 6)
    of_one([lambda g, x, c=c: product(g, x, number(g, 6, c)) for c in (1, 5, 9)], 3, 4, 6)
    of_one([lambda g, x: product(g, number(g, 2, 4), x)], 3, 4, 9)


def product(graph: Graph, a: Value, b: Value) -> Value:
    front = ops.broadcast(a.shape[:-2], b.shape[:-2])
    return graph.add("matmul", a, b, shapes=[(*front, a.shape[-2], b.shape[-1])])[0]


def test_a_square_of_all_steps() -> None:
    def write(graph: Graph, x: Value) -> Value:
        a = ops.transpose(graph, x, 1, 0, 2)
        b = ops.transpose(graph, x, 1, 2, 0)
        return ops.transpose(graph, product(graph, product(graph, a, b), a), 1, 0, 2)

    of_steps([write], 5)


def test_layer_norm() -> None:
    for size in (1, 5, 16, 19):
        writes: list[Write] = [
            norm,
            lambda g, x, s=size: norm(g, x, number(g, s)),
            lambda g, x, s=size: norm(g, x, number(g, s), number(g, s)),
        ]
        of_steps(writes, size)


def norm(graph: Graph, x: Value, *terms: Value) -> Value:
    return graph.add("layer_norm", x, *terms, shapes=[x.shape], epsilon=1e-3)[0]


def test_softmax() -> None:
    def masked(graph: Graph, x: Value, axis: int) -> Value:
        mask = ops.apply(graph, "gt", x, 0.5)  # some rows have no number at all
        return ops.softmax(graph, x, axis, mask=mask)

    def plain(graph: Graph, x: Value, axis: int, *, log: bool, scale: float) -> Value:
        return ops.softmax(graph, ops.apply(graph, "mul", x, scale), axis, log=log)

    writes: list[Write] = [partial(masked, axis=axis) for axis in (0, 2, 3)]
    writes += [
        partial(plain, axis=axis, log=log, scale=scale)
        for axis in (0, 2, 3)
        for log in (False, True)
        for scale in (1.0, 300.0)
    ]
    of_steps(writes, 2, 3)


def test_reductions() -> None:
    def write(graph: Graph, x: Value, kind: str, axes: list[int]) -> Value:
        found = ops.reduced(graph, kind, x, axes, keep=True)
        return ops.apply(graph, "add", found, x)

    axes = ([0], [2], [3], [2, 3], [0, 2])
    kinds = ("sum", "mean", "max")
    of_steps([partial(write, kind=kind, axes=each) for kind in kinds for each in axes], 4, 9)
    of_steps([lambda g, x, k=kind: ops.reduced(g, k, x, [0]) for kind in kinds], 9)


def test_moves() -> None:
    steps: list[Write] = [
        lambda g, x: ops.concat(g, -1, x, number_like(g, x), x),
        lambda g, x: ops.concat(g, 2, x, x),
        lambda g, x: ops.cut(g, x, -1, 1, -2),
        lambda g, x: ops.cut(g, x, 2, 1, 3),
        lambda g, x: ops.transpose(g, x, 0, 1, 3, 2),
        lambda g, x: ops.reshape(g, x, "T", "B", 36),
    ]
    of_steps(steps, 4, 9)
    ones: list[Write] = [
        lambda g, x: ops.transpose(g, x, 0, 2, 1),
        lambda g, x: gathered(g, x, 1),
        lambda g, x: gathered(g, x, 2),
    ]
    of_one(ones, 4, 9)


def number_like(graph: Graph, x: Value) -> Value:
    return ops.apply(graph, "mul", x, 2.0)


def gathered(graph: Graph, x: Value, axis: int) -> Value:
    index = graph.constant("index", torch.tensor([3, 0, 3, 1, 2]).numpy())
    shape = (*x.shape[:axis], 5, *x.shape[axis + 1 :])
    return graph.add("gather", x, index, shapes=[shape], axis=axis)[0]


def test_repeat() -> None:
    def write(graph: Graph, x: Value) -> Value:
        one = ops.reduced(graph, "sum", x, [0], keep=True)
        found = graph.add("repeat", one, x, shapes=[x.shape], axis=0, like_axis=0)
        return ops.apply(graph, "add", found[0], x)

    of_steps([write], 5)


def test_the_end_of_sequences() -> None:
    graph = Graph("sequence")
    x = graph.input("x", ("T", "B", 5))
    lengths = graph.input("lengths", ("B",), "int64")
    graph.output("last", ops.last_step(graph, x, lengths))
    graph.output(
        "count", ops.reduced(graph, "sum", ops.cast(graph, ops.step_mask(graph, lengths, x)), [0])
    )
    compared(
        graph,
        {"x": torch.randn(6, 3, 5), "lengths": torch.tensor([6, 0, 2])},
        {"x": torch.randn(0, 2, 5), "lengths": torch.tensor([0, 0])},
    )


def test_steps_and_their_neighbours() -> None:
    def around(graph: Graph, x: Value) -> Value:
        offsets = (-9, -2, 0, 1)
        shape = (*x.shape[:2], len(offsets), x.shape[2])
        return graph.add("around", x, shapes=[shape], offsets=offsets)[0]

    def steps(graph: Graph, x: Value) -> Value:
        found = graph.add("steps", x, shapes=[("T",)])[0]
        return ops.apply(graph, "add", ops.reshape(graph, found, "T", "B", 1), x)

    of_steps([around, steps], 5)


def test_error_function() -> None:
    graph = Graph("step")
    x = graph.input("x", ("B", 2001))
    graph.output("y", graph.add("erf", x, shapes=[x.shape])[0])
    compared(graph, {"x": torch.linspace(-6, 6, 2001).view(1, -1)})
    compared(graph, {"x": torch.linspace(-1e-3, 1e-3, 2001).view(1, -1)})


def test_sizes_besides_the_steps() -> None:
    graph = Graph("step")
    x, table = graph.input("x", ("B", 5)), graph.input("table", ("N", "B", 5))
    every = ops.reduced(graph, "sum", ops.apply(graph, "mul", table, x), [2])
    graph.output("weights", ops.softmax(graph, every, 0))
    state = graph.state("last", torch.zeros(1, 1, 5).numpy())
    graph.update(state, ops.reshape(graph, x, 1, "B", 5))
    for count in (1, 9):
        given = {"x": torch.randn(1, 5), "table": torch.randn(count, 1, 5)}
        compared(graph, given | {"last": torch.randn(1, 1, 5)})


def test_whole_numbers() -> None:
    graph = Graph("step")
    ids = graph.input("ids", ("B", 5), "int64", below=6)
    more = graph.constant("more", torch.tensor([1, 0, 0, 1, 0]).numpy())
    found = graph.add("add", ids, more, shapes=[ids.shape], dtype="int64")[0]
    found = graph.add("minimum", found, more, shapes=[ids.shape], dtype="int64")[0]
    graph.output("rows", ops.embedding(graph, found, torch.randn(7, 3)))
    graph.output("less", ops.cast(graph, ops.apply(graph, "lt", ids, found)))
    graph.output("half", ops.apply(graph, "mul", ops.cast(graph, ids), 0.5))
    compared(graph, {"ids": torch.tensor([[0, 5, 3, 2, 1]])})


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution(rank: int, groups: int) -> None:
    options: dict[str, Any] = {"stride": (2, 1, 2), "padding": (1, 2, 0), "dilation": (1, 2, 1)}
    options = {name: value[:rank] for name, value in options.items()}
    kernel, area = (3, 2, 1)[:rank], (7, 6, 5)[:rank]
    weight, bias = torch.randn(6, 4 // groups, *kernel), torch.randn(6)

    def write(graph: Graph, x: Value) -> Value:
        terms = ops.weight(graph, "weight", weight), ops.weight(graph, "bias", bias)
        function: Any = getattr(torch.nn.functional, f"conv{rank}d")
        like = function(torch.zeros(1, 4, *area), weight, bias, **options, groups=groups)
        shape = ("B", *like.shape[1:])
        return graph.add("conv", x, *terms, shapes=[shape], **options, groups=groups)[0]

    of_one([write], 4, *area)


@pytest.mark.parametrize("kind", ["max_pool", "mean_pool"])
def test_pooling(kind: str) -> None:
    options = {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 0)}
    of_one([lambda g, x: g.add(kind, x, shapes=[("B", 2, 4, 3)], **options)[0]], 2, 7, 6)


def test_states_that_take_each_others_place() -> None:
    graph = Graph("step")
    x = graph.input("x", ("B", 3))
    older, newer = (graph.state(name, torch.ones(1, 1, 3).numpy()) for name in ("older", "newer"))
    graph.update(older, newer)
    graph.update(newer, ops.reshape(graph, x, 1, "B", 3))
    graph.output("y", ops.apply(graph, "sub", newer, older))
    names = {name: torch.randn(1, 1, 3) for name in ("older", "newer")}
    compared(graph, {"x": torch.randn(1, 3), **names})


def test_what_has_no_native_code_is_refused() -> None:
    graph = Graph("step")
    x = graph.input("x", ("B", 3))
    graph.output("y", graph.add("fft", x, shapes=[x.shape])[0])
    with pytest.raises(ExportError, match='"fft" has no form in C or in machine code'):
        run_here({"step": graph}, "step")
    graph = Graph("step")
    x, y = graph.input("x", ("B", 3)), graph.input("y", (4, 3))
    graph.output("z", graph.add("linear", x, y, shapes=[("B", 4)])[0])
    with pytest.raises(ExportError, match="computed"):
        run_here({"step": graph}, "step")
