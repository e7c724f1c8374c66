"""Graphs as ONNX models in ONNX Runtime and in ONNX's own reference, beside the model."""

from collections import Counter
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from oracle import Everything
from torch import nn
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.errors import ExportError
from elman.export.cases import cases
from elman.export.parity import check
from elman.export.targets import Options
from elman.export.to_onnx.int8 import DECOMPOSED, quantised
from elman.export.to_onnx.model import to_model
from elman.export.to_onnx.runtime import by_reference, by_runtime
from elman.export.to_onnx.target import build
from elman.nn.graph import Graph
from elman.nn.graph_run import run


class Leaky(elman.Cell):
    """A parameter for each unit."""

    gates = ("h",)
    params = {"a": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.a) * s.h + p.a * elman.math.tanh(x.h + r.h)}


class Oscillator(elman.Cell):
    """Two states; one of two gates recurrent."""

    gates = ("force", "decay")
    recurrent = ("force",)
    state = ("place", "speed")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        speed = elman.math.sigmoid(x.decay) * s.speed + x.force + r.force - 0.5 * s.place
        return {"place": elman.math.tanh(s.place + 0.3 * speed), "speed": speed}


CELLS = [*BUILTIN.values(), Everything, Leaky, Oscillator]
NATIVE = {"LSTM": 0, "GRU": 0, "RNN": 0}


def operators(graph: Any) -> Counter[str]:
    """The operators of a graph and of those within."""
    found = Counter(node.op_type for node in graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            found += operators(attribute.g)
    return found


@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_a_layer_in_onnx_runtime(data: st.DataObject) -> None:
    cell = data.draw(st.sampled_from(CELLS))
    options: dict[str, Any] = {
        "num_layers": data.draw(st.integers(1, 2)),
        "bidirectional": data.draw(st.booleans()),
        "layer_norm": data.draw(st.booleans()),
        "residual": data.draw(st.booleans()),
        "learn_initial_state": data.draw(st.booleans()),
        "bias": data.draw(st.booleans()),
        "zoneout": data.draw(st.sampled_from([0.0, 0.2])),
    }
    size, hidden = data.draw(st.integers(1, 6)), data.draw(st.integers(2, 6))
    if cell is BUILTIN["lstm"] and data.draw(st.booleans()):
        options["proj_size"] = hidden - 1
    torch.manual_seed(data.draw(st.integers(0, 99)))
    layer = elman.layer(cell, size, hidden, **options).eval()
    if "proj_size" in options and options["zoneout"]:
        with pytest.raises(ExportError, match="zoneout of h with proj_size cannot be exported"):
            layer.export_spec()
        return
    spec = layer.export_spec()
    decomposed = NATIVE if data.draw(st.booleans()) else None
    runs = {n: by_runtime(to_model(each, n, decomposed)) for n, each in spec.graphs.items()}
    checked = check(spec, spec.graphs, runs)
    assert len(checked) == (1 if layer.bidirectional else 3)


@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm", "gru", "rnn", "rnn_relu", "mgu"])
@pytest.mark.parametrize("form", ["sequence", "step"])
def test_onnxs_own_operators_stand_where_they_compute_the_same(cell: str, form: str) -> None:
    layer = elman.layer(cell, 3, 4)
    model = to_model(layer.export_spec().graph(form), form)
    found = operators(model.graph)
    own = {"mgu": None, "peephole_lstm": "LSTM", "rnn_relu": "RNN"}.get(cell, cell.upper())
    assert [name for name in NATIVE if found[name]] == ([] if own is None else [own])
    if own is None and form == "sequence":
        assert found["Scan"] == 1
    without = to_model(layer.export_spec().graph(form), form, NATIVE)
    assert not NATIVE.keys() & set(operators(without.graph))


@pytest.mark.parametrize("options", [{"layer_norm": True}, {"zoneout": 0.1}, {"proj_size": 2}])
def test_onnxs_own_operators_do_not_stand_for_something_else(options: dict[str, Any]) -> None:
    graph = elman.LSTM(3, 4, **options).export_spec().graph("step")
    assert not operators(to_model(graph, "step").graph)["LSTM"]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_relu", Leaky, Everything])
def test_in_onnxs_own_reference(cell: Any) -> None:
    """Which cannot scan backwards."""
    torch.manual_seed(0)
    layer = elman.layer(cell, 2, 3, num_layers=2).eval()
    spec = layer.export_spec()
    for name, graph in spec.graphs.items():
        compute = by_reference(to_model(graph, name, NATIVE))
        for case, inputs in cases(spec, name):
            if "[0, 0]" in case:  # it knows no empty Range
                continue
            with torch.no_grad():
                assert_close(compute(inputs), spec.native[name](inputs), atol=1e-5, rtol=1e-5)


def test_an_empty_sequence_and_no_steps_keep_the_state() -> None:
    layer = elman.LSTM(2, 3, bidirectional=True).eval()
    graph = layer.export_spec().graph("sequence")
    for decomposed in (None, NATIVE):
        compute = by_runtime(to_model(graph, "sequence", decomposed))
        state = {name: torch.randn(2, 2, 3) for name in ("h", "c")}
        for steps, lengths in ((4, [0, 4]), (0, [0, 0])):
            x = torch.randn(steps, 2, 2)
            found = compute({"x": x, "lengths": torch.tensor(lengths), **state})
            for name, before in state.items():
                assert torch.equal(found[f"new_{name}"][:, 0], before[:, 0])
            assert found["y"].shape == (steps, 2, 6)
            assert bool((found["y"][:, 0] == 0).all())


def test_padding_is_not_read() -> None:
    layer = elman.GRU(2, 3, residual=True).eval()
    compute = by_runtime(to_model(layer.export_spec().graph("sequence"), "sequence"))
    x, lengths, h = torch.randn(4, 2, 2), torch.tensor([4, 2]), torch.zeros(1, 2, 3)
    other = x.clone()
    other[2:, 1] = 1e6
    first, second = (compute({"x": each, "lengths": lengths, "h": h}) for each in (x, other))
    assert_close(first, second)
    assert bool((first["y"][2:, 1] == 0).all())


def kinds() -> tuple[Graph, dict[str, torch.Tensor]]:
    """A graph with each kind of operation that layers do not have."""
    graph = Graph("sequence")
    x = graph.input("x", ("T", "B", 6))
    lengths = graph.input("lengths", ("B",), "int64")
    ids = graph.input("ids", ("N",), "int64", below=3)

    def add(kind: str, *inputs: Any, shape: Any, dtype: Any = "float32", **options: Any) -> Any:
        (value,) = graph.add(kind, *inputs, shapes=[shape], dtype=dtype, **options)
        graph.output(f"{kind}_{len(graph.outputs)}", value)
        return value

    table = graph.constant("table", torch.randn(3, 4).numpy())
    add("embedding", ids, table, shape=("N", 4))
    add("matmul", x, graph.constant("m", torch.randn(6, 2).numpy()), shape=("T", "B", 2))
    add("erf", x, shape=x.shape)
    for kind in ("sum", "mean", "max"):
        add(kind, x, shape=("T", "B"), axes=(2,), keep=False)
        add(kind, x, shape=("T", 1, 1), axes=(1, 2), keep=True)
    add("sum", x, shape=("B", 6), axes=(0,), keep=False)
    add("max", x, shape=("B", 6), axes=(0,), keep=False)
    mask = add("step_mask", lengths, x, shape=("T", "B"), dtype="bool")
    column = add("reshape", mask, shape=("T", "B", 1), dtype="bool")
    add("masked_softmax", x, column, shape=x.shape, axis=0)
    add("softmax", x, shape=x.shape, axis=2)
    add("log_softmax", x, shape=x.shape, axis=2)
    add("last_step", x, lengths, shape=("B", 6))
    add("slice", x, shape=("T", "B", 2), axis=2, start=1, stop=3)
    add("slice", x, shape=("T-1", "B", 6), axis=0, start=0, stop=-1)
    add("slice", x, shape=("T-1", "B", 6), axis=0, start=1, stop=None)
    add("concat", x, x, shape=("T", "B", 12), axis=2)
    add("transpose", x, shape=("B", 6, "T"), order=(1, 2, 0))
    add("reshape", x, shape=("T*B", 6))
    add("reshape", x, shape=("T", "B", 2, 3))
    add("cast", mask, shape=("T", "B"))
    add("steps", x, shape=("T",))
    add("around", x, shape=("T", "B", 3, 6), offsets=(-2, 0, 2))
    one = graph.constant("one", torch.randn(1, 6).numpy())
    add("repeat", one, x, shape=("T", 6), axis=0, like_axis=0)
    add("gather", x, ids, shape=("T", "B", "N"), axis=2)
    flat = add("reshape", x, shape=("T*B", 2, 3))
    weight = graph.constant("conv", torch.randn(4, 1, 2).numpy())
    options: dict[str, Any] = {"stride": (1,), "padding": (1,), "dilation": (2,), "groups": 2}
    add("conv", flat, weight, shape=("T*B", 4, 3), **options)
    add("max_pool", flat, shape=("T*B", 2, 2), kernel=(2,), stride=(1,), padding=(0,))
    add("mean_pool", flat, shape=("T*B", 2, 4), kernel=(2,), stride=(1,), padding=(1,))
    add("layer_norm", x, shape=x.shape, epsilon=1e-5)
    for kind in ("lt", "ne", "ge"):
        add(kind, x, graph.constant("zero", torch.zeros(()).numpy()), shape=x.shape, dtype="bool")
    inputs = {
        "x": torch.randn(5, 3, 6),
        "lengths": torch.tensor([5, 0, 2]),
        "ids": torch.tensor([2, 0, 1, 1]),
    }
    return graph, inputs


def test_every_kind_of_operation() -> None:
    torch.manual_seed(5)
    graph, inputs = kinds()
    compute = by_runtime(to_model(graph, "kinds"))
    assert_close(compute(inputs), run(graph, inputs), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("cell", "size", "both", "made"),
    [
        ("lstm", 64, False, "DynamicQuantizeLSTM"),
        ("gru", 64, False, "GRU"),
        ("gru", 40, True, "GRU"),
        ("gru", 256, False, "MatMulInteger"),
        ("rnn", 64, False, "RNN"),
        ("rnn", 256, False, "MatMulInteger"),
        ("mgu", 64, False, "MatMulInteger"),
    ],
)
@pytest.mark.parametrize("form", ["sequence", "step"])
def test_int8_is_smaller_and_near(
    cell: str, size: int, *, both: bool, made: str, form: str
) -> None:
    """Products of int8, or an operator of float32 whose weights are stored as int8."""
    if both and form == "step":
        return
    torch.manual_seed(0)
    layer = elman.layer(cell, size, size, bidirectional=both).eval()
    spec = layer.export_spec()
    model = to_model(spec.graph(form), form, DECOMPOSED[form])
    small = quantised(model)
    assert len(small.SerializeToString()) < 0.35 * len(model.SerializeToString())
    assert set(operators(small.graph)) & {*DECOMPOSED["step"], "MatMulInteger", made} == {made}
    first, second = by_runtime(model), by_runtime(small)
    for _, inputs in cases(spec, form):
        expected, found = first(inputs), second(inputs)
        for name, value in expected.items():
            assert found[name].shape == value.shape
            assert not value.numel() or float((found[name] - value).abs().max()) < 0.1


def test_a_runtime_warns_of_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for name, graph in elman.GRU(3, 4, num_layers=2).export_spec().graphs.items():
        for model in (to_model(graph, name), quantised(to_model(graph, name, DECOMPOSED[name]))):
            onnxruntime.InferenceSession(model.SerializeToString())
    assert capfd.readouterr().err == ""


def test_what_a_model_says_of_itself() -> None:
    graph = elman.GRU(2, 3).export_spec().graph("step")
    built = build({"step": graph}, Options())
    files = built.files({"task": "none", "labels": "a\nb"})
    model = onnx.load_from_string(files["step.onnx"])
    assert {each.key: each.value for each in model.metadata_props} == {
        "task": "none",
        "labels": "a\nb",
    }
    assert model.producer_name == "elman"
    assert [each.version for each in model.opset_import] == [17]
    shapes = {
        each.name: [d.dim_param or d.dim_value for d in each.type.tensor_type.shape.dim]
        for each in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"x": ["B", 2], "h": [1, "B", 3], "y": ["B", 3], "new_h": [1, "B", 3]}


def test_weights_are_not_written_twice() -> None:
    layer = nn.Sequential(nn.Linear(64, 64))
    graph = Graph("step")
    from elman.nn.graph_modules import describe

    graph.output("y", describe(graph, layer, graph.input("x", ("B", 64))))
    assert len(to_model(graph, "step").SerializeToString()) < 1.1 * 4 * 64 * 65


def test_tied_weights_are_stored_once() -> None:
    """A table that is also the matrix of the scores; and equal constants of two names."""
    from elman.nn.graph_ops import embedding, linear

    torch.manual_seed(0)
    table, ids = torch.randn(50, 8), torch.tensor([3, 49])
    graph = Graph("step")
    vectors = embedding(graph, graph.input("ids", ("B",), "int64", below=50), table)
    graph.output("scores", linear(graph, vectors, table, torch.zeros(50)))
    graph.output("others", linear(graph, vectors, table, torch.zeros(50)))
    expected = torch.cat(list(run(graph, {"ids": ids}).values()))
    for decomposed, copies in ((None, 1), (DECOMPOSED["step"], 2)):
        model = to_model(graph, "step", decomposed)
        sizes = [list(each.dims) for each in model.graph.initializer]
        assert len([size for size in sizes if sorted(size) == [8, 50]]) == copies
        assert sizes.count([50]) == 1
        found = torch.cat(list(by_runtime(model)({"ids": ids}).values()))
        assert_close(found, expected)
    small = quantised(to_model(graph, "step", DECOMPOSED["step"]))
    assert operators(small.graph)["MatMulInteger"] >= 1
    sizes = [list(each.dims) for each in small.graph.initializer]
    assert [size for size in sizes if sorted(size) == [8, 50]] == [[50, 8]]
    found = torch.cat(list(by_runtime(small)({"ids": ids}).values()))
    assert_close(found, expected, atol=0.2, rtol=0)


def test_a_table_that_is_no_matrix_stays_in_int8() -> None:
    from elman.nn.graph_ops import embedding, linear

    torch.manual_seed(0)
    graph = Graph("step")
    vectors = embedding(graph, graph.input("ids", ("B",), "int64", below=50), torch.randn(50, 8))
    graph.output("scores", linear(graph, vectors, torch.randn(50, 8), torch.zeros(50)))
    small = quantised(to_model(graph, "step", DECOMPOSED["step"]))
    sizes = [list(each.dims) for each in small.graph.initializer]
    assert [50, 8] in sizes
    assert [8, 50] in sizes
