"""The graphs of a transducer's head to export: what reads its own text, and the joint."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from elman.nn import graph_ops as ops
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph
from elman.nn.graph_layers import declare_states
from elman.nn.graph_modules import describe
from elman.nn.state import as_tuple
from elman.tasks.transcription.transducer_head import ReadingHead


def with_head(spec: ExportSpec, head: ReadingHead) -> ExportSpec:
    """With the graphs `predict`, from a character's id and states to what was `read`, and `join`,
    from a step that was `heard` and what was `read` to `scores` of the next character."""
    return replace(
        spec,
        graphs={**spec.graphs, "predict": _predict(head), "join": _join(head)},
        native={
            **spec.native,
            "predict": lambda inputs: _native(head, inputs),
            "join": lambda inputs: {"scores": head.join(inputs["heard"], inputs["read"])},
        },
    )


def _predict(head: ReadingHead) -> Graph:
    graph = Graph("step")
    ids = graph.input("tokens", ("B",), "int64", below=head.embedding.num_embeddings)
    states = declare_states(graph, head.recurrent)
    vectors = describe(graph, head.embedding, ids)
    output, after = head.recurrent.to_graph(graph, vectors, states)
    graph.output("read", describe(graph, head.read, output))
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _join(head: ReadingHead) -> Graph:
    graph = Graph("step")
    heard, read = (graph.input(name, ("B", head.output_size)) for name in ("heard", "read"))
    total = ops.apply(graph, "tanh", ops.apply(graph, "add", heard, read))
    graph.output("scores", describe(graph, head.scores, total))
    return graph


def _native(head: ReadingHead, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = head.recurrent.cell.state
    read, after = head.predict(inputs["tokens"], tuple(inputs[name] for name in names))
    pairs = zip(names, as_tuple(after), strict=True)
    return {"read": read, **{f"new_{name}": part for name, part in pairs}}
