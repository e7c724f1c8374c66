"""A graph as an ONNX model."""

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import helper

from elman.export.to_onnx.operations import write
from elman.export.to_onnx.writer import FORMAT, OPSET, Writer, described
from elman.nn.graph import Graph
from elman.version import __version__


def to_model(graph: Graph, name: str, decomposed: Mapping[str, int] | None = None) -> Any:
    """The model, checked by `onnx.checker`; constants that no node reads are left out."""
    writer = Writer(graph, decomposed)
    for operation in graph.operations:
        write(writer, operation)
    outputs = [*graph.outputs, *(after for _, after in graph.states)]
    inputs = [*graph.inputs, *(before for before, _ in graph.states)]
    used = _read_names(writer.nodes)
    model = helper.make_model(
        helper.make_graph(
            writer.nodes,
            name,
            [described(value) for value in inputs],
            [described(value) for value in outputs],
            [each for each in writer.initializers if each.name in used],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=FORMAT,
        producer_name="elman",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def with_metadata(model: Any, about: Mapping[str, str]) -> Any:
    """The same model that says these things of itself."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    helper.set_model_props(copy, dict(about))
    return copy


def _read_names(nodes: Any) -> set[str]:
    """All names that nodes read, those within a Scan among them."""
    names: set[str] = set()
    for node in nodes:
        names.update(node.input)
        for attribute in node.attribute:
            names |= _read_names(attribute.g.node)
    return names
