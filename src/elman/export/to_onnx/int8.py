"""ONNX models with weights of 8 bits."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Operators that ONNX Runtime does not quantise, by the form of a graph, and the hidden units from
# which on int8 products and elementwise nodes are faster than the operator.
DECOMPOSED = {"sequence": {"GRU": 240, "RNN": 144}, "step": {"GRU": 112, "RNN": 112}}
_LARGEST = 127


def quantised(model: Any) -> Any:
    """The model with int8 weights; activations are quantised as they arrive (dynamically).

    Weights keep to 7 bits (`reduce_range`): processors without VNNI add up pairs of products in 16
    bits, which 8 bits overflow. A table that is also a matrix, transposed, is kept once, with the
    table's 8 bits without a sign, which do not overflow. The weights of operators that are not
    quantised are stored as int8, a scale a row, and computed with as float32.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)  # the quantiser's advice is for models of other makers
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            quantize_dynamic(
                model,
                path,
                weight_type=QuantType.QInt8,
                reduce_range=True,
                extra_options={"EnableSubgraph": True},
            )
            found = onnx.load(path)
    finally:
        logger.setLevel(level)
    _forget_shapes(found.graph)
    for matrix, table in _tied(model).items():
        _share(found.graph, matrix, table)
    _store(found.graph)
    return found


def _store(graph: Any) -> None:
    """Keep the weights of recurrent operators as int8, a scale a row, from which a runtime makes
    float32 once, when it loads the model."""
    own = {each.name: each for each in graph.initializer}
    names = {
        n for node in graph.node if node.op_type in DECOMPOSED["step"] for n in node.input[1:3]
    }
    made = []
    for name in sorted(names):
        values = numpy_helper.to_array(own[name])  # (directions, gates * hidden, inputs)
        scale = np.abs(values).max((0, 2))[:, None] / np.float32(_LARGEST)
        scale[scale == 0] = 1
        stored, scales, whole = (f"{name}_{part}" for part in ("quantized", "scale", "whole"))
        graph.initializer.remove(own[name])
        for part, numbers in ((stored, np.rint(values / scale).astype(np.int8)), (scales, scale)):
            graph.initializer.append(numpy_helper.from_array(numbers, part))
        made.append(helper.make_node("Cast", [stored], [whole], to=TensorProto.FLOAT))
        made.append(helper.make_node("Mul", [whole, scales], [name]))
    others = [*graph.node]
    del graph.node[:]
    graph.node.extend([*made, *others])


def _forget_shapes(graph: Any) -> None:
    """Take off the shapes that the quantiser inferred within: of a Split in a Scan, whose sizes lie
    outside, they are wrong, and runtimes warn."""
    del graph.value_info[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _forget_shapes(attribute.g)


def _tied(model: Any) -> dict[str, str]:
    """Matrices that are a table transposed, by name, with that table."""
    tables = {n.input[0] for n in model.graph.node if n.op_type == "Gather"}
    arrays = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    return {
        matrix: table
        for matrix in arrays.keys() - tables
        for table in tables & arrays.keys()
        if arrays[matrix].ndim == 2 and np.array_equal(arrays[matrix].T, arrays[table])
    }


def _share(graph: Any, matrix: str, table: str) -> None:
    """Have products read the quantised table, transposed, in place of the quantised matrix."""
    parts = ("_quantized", "_scale", "_zero_point")
    own = {each.name: each for each in graph.initializer}
    if any(f"{name}{part}" not in own for name in (matrix, table) for part in parts):
        return
    turned = f"{matrix}_of_{table}"
    names = {f"{matrix}{part}": f"{table}{part}" for part in parts}
    _rename(graph, names | {f"{matrix}_quantized": turned})
    for name in names:
        graph.initializer.remove(own[name])
    transpose = helper.make_node("Transpose", [f"{table}_quantized"], [turned], perm=[1, 0])
    graph.node.insert(0, transpose)


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Change what nodes read, also those within a Scan."""
    for node in graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = names.get(name, name)
        for attribute in node.attribute:
            _rename(attribute.g, names)
