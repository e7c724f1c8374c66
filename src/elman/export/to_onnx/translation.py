"""How torch's own exporter writes elman's layers within a module of yours, in ONNX."""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from elman.compiler.expression import read
from elman.compiler.operands import FIXED, Operands
from elman.compiler.trace import Equations, parse_equations
from elman.errors import ExportError
from elman.export.to_onnx.expressions import evaluate

_EPSILON = 1e-5  # of layer normalisation within a layer
_VERSION = 18  # of the operators written; torch's exporter brings them to the one asked for


def translation_table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What `torch.onnx.export(..., dynamo=True, custom_translation_table=)` needs for modules that
    contain elman layers: each layer becomes a Scan over its equations, with free T and B.

    A layer must be in eval mode, or without dropout and zoneout, be without a projection, and run
    without `resets`; T is 1 at least. Raises `ExportError` where onnxscript is not installed.

    >>> from elman.export.to_onnx.translation import translation_table
    >>> len(translation_table())
    2
    """
    if not find_spec("onnxscript"):
        raise ExportError("onnxscript is not installed: pip install 'elman[export]'")
    import_module("elman.compiler.cpu.torch_ops")  # registers the operators
    return {torch.ops.elman.infer.default: _infer, torch.ops.elman.train.default: _train}


class _Nodes:
    """Nodes that are added to what torch's exporter writes, or to a graph within."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = nodes

    def add(self, operator: str, *inputs: Any, **attributes: Any) -> Any:
        """A node with one output."""
        return self.add_many(operator, *inputs, count=1, **attributes)[0]

    def add_many(self, operator: str, *inputs: Any, count: int, **attributes: Any) -> list[Any]:
        """A node with several outputs."""
        import onnx_ir as ir

        given = ir.convenience.convert_attributes(attributes)
        node = ir.Node("", operator, inputs, given, num_outputs=count, version=_VERSION)
        self.nodes.append(node)
        return list(node.outputs)

    def constant(self, value: Any, kind: Any) -> Any:
        """A constant."""
        import onnx_ir as ir

        return self.add("Constant", value=ir.tensor(np.array(value, kind)))

    def number(self, value: float) -> Any:
        """A constant float32 scalar."""
        return self.constant(value, np.float32)

    def whole(self, *numbers: int) -> Any:
        """A constant vector of int64."""
        return self.constant(numbers, np.int64)


def _infer(
    tensors: Sequence[Any],
    absent: Sequence[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Any,
    resets: Any,
) -> list[Any]:
    """The states at each step, of all of them or the first, and the last states."""
    from onnxscript import evaluator

    if resets is not None:
        raise ExportError("resets cannot be exported: call the layer for each part")
    equations = parse_equations(step)
    if equations.masked or equations.zones:
        raise ExportError("a layer that trains with dropout or zoneout cannot be exported: eval()")
    flat = list(tensors)
    for index in absent:
        flat.insert(index, None)
    count = FIXED + equations.params
    x, ih, hh, bias_ih, bias_hh, h_mask, norm = flat[:FIXED]
    params, states = tuple(flat[FIXED:count]), tuple(flat[count:])
    given = Operands(x, ih, hh, bias_ih, bias_hh, h_mask, norm, params, states, (), ())
    recorder: Any = evaluator.default()
    nodes = _Nodes(recorder.nodes)
    return _scan(nodes, equations, given, lengths, reverse=reverse, every_state=every_state)


def _train(tensors: Sequence[Any], absent: Sequence[int], step: str, *rest: Any) -> list[Any]:
    """The same, and for what a derivative would need, which ONNX has not, nothing."""
    from onnxscript import evaluator

    found = _infer(tensors, absent, step, *rest)
    recorder: Any = evaluator.default()
    nodes = _Nodes(recorder.nodes)
    kept = parse_equations(step).states + 6  # as `torch_ops._train` gives them
    return [*found, *(nodes.number(0.0) for _ in range(kept))]


def _scan(
    nodes: _Nodes,
    equations: Equations,
    given: Operands,
    lengths: Any,
    *,
    reverse: bool,
    every_state: bool,
) -> list[Any]:
    gates: Any = given.x
    if given.ih is not None:
        gates = _product(nodes, gates, _turned(nodes, given.ih), given.bias_ih, None)
    elif given.bias_ih is not None:
        gates = nodes.add("Add", gates, given.bias_ih)
    inputs = [gates]
    if lengths is not None:
        inputs.append(_mask(nodes, gates, lengths))
    hh = None if given.hh is None else _turned(nodes, given.hh)
    body = _body(equations, given, hh, masked=lengths is not None, every_state=every_state)
    outputs = equations.states if every_state else 1
    backwards = [int(reverse)]
    found = nodes.add_many(
        "Scan",
        *given.state,
        *inputs,
        count=equations.states + outputs,
        body=body,
        num_scan_inputs=len(inputs),
        scan_input_directions=backwards * len(inputs),
        scan_output_directions=backwards * outputs,
    )
    return [*found[equations.states :], *found[: equations.states]]


def _mask(nodes: _Nodes, like: Any, lengths: Any) -> Any:
    """Which steps are real, (T, B, 1)."""
    end = nodes.add("Squeeze", nodes.add("Shape", like, start=0, end=1))
    first, one = (nodes.constant(number, np.int64) for number in (0, 1))
    steps = nodes.add("Unsqueeze", nodes.add("Range", first, end, one), nodes.whole(1))
    mask = nodes.add("Less", steps, nodes.add("Unsqueeze", lengths, nodes.whole(0)))
    return nodes.add("Unsqueeze", mask, nodes.whole(2))


def _body(
    equations: Equations, given: Operands, hh: Any, *, masked: bool, every_state: bool
) -> Any:
    """One step as a graph of its own, which reads the weights of the graph around it."""
    import onnx_ir as ir

    def value(name: str, kind: Any = ir.DataType.FLOAT) -> Any:
        return ir.Value(name=name, type=ir.TensorType(kind))

    old = [value(f"old_{i}") for i in range(equations.states)]
    gates, mask = value("gates"), value("mask", ir.DataType.BOOL)
    nodes = _Nodes([])
    read_from = {read("s", i): each for i, each in enumerate(old)}
    read_from |= {read("p", i): each for i, each in enumerate(given.params)}
    parts = _split(nodes, gates, equations.gates)
    read_from |= {read("x", i): each for i, each in enumerate(parts)}
    if hh is not None:
        products = _product(nodes, old[0], hh, given.bias_hh, given.norm)
        parts = _split(nodes, products, len(equations.recurrent))
        read_from |= {read("r", i): each for i, each in enumerate(parts)}
    new = evaluate(nodes, equations.new, read_from)
    seen = new if every_state else new[:1]
    if masked:
        seen = [nodes.add("Where", mask, each, nodes.number(0.0)) for each in seen]
        new = [nodes.add("Where", mask, a, b) for a, b in zip(new, old, strict=True)]
    outputs = [nodes.add("Identity", each) for each in (*new, *seen)]
    for number, each in enumerate(outputs):
        each.name, each.type = f"new_{number}", ir.TensorType(ir.DataType.FLOAT)
    inputs = [*old, gates, *([mask] if masked else [])]
    return ir.Graph(inputs, outputs, nodes=nodes.nodes, name="step")


def _turned(nodes: _Nodes, matrix: Any) -> Any:
    return nodes.add("Transpose", matrix, perm=[1, 0])


def _product(nodes: _Nodes, x: Any, matrix: Any, bias: Any, gain: Any) -> Any:
    found = nodes.add("MatMul", x, matrix)
    if gain is not None:
        terms = [gain] if bias is None else [gain, bias]
        return nodes.add("LayerNormalization", found, *terms, axis=-1, epsilon=_EPSILON)
    return found if bias is None else nodes.add("Add", found, bias)


def _split(nodes: _Nodes, x: Any, count: int) -> list[Any]:
    if count == 1:
        return [x]
    return nodes.add_many("Split", x, count=count, axis=-1, num_outputs=count)
