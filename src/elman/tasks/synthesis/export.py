"""The step of a writer to export, and what a program has to do before and after."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elman.nn import graph_ops as ops
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.graph_layers import declare_states
from elman.nn.graph_modules import describe
from elman.tasks.ensemble import only_network
from elman.tasks.synthesis.mixture import LARGEST_CORRELATION, SMALLEST_DEVIATION
from elman.tasks.synthesis.network import CHANNELS, Texts, WriterNetwork

if TYPE_CHECKING:
    from elman.tasks.synthesis.task import Synthesis

_REFUSED = "a writer draws point by point and has no sequence form: export step (--streaming)"
_READING = (
    "M = (scores - 3) / 6 components: M weights (softmax), M means of x, M of y, M deviations of x,"
    " M of y (smallest_deviation + softplus), M correlations (largest_correlation * tanh), then"
    " three pen states (softmax): the stroke goes on, it ends, the writing ends"
)
_POINTS = (
    "the offset (x, y) from the point before in units of scale, and the pen state after it as"
    " three numbers, one of them 1; before the first point five zeros. Ink becomes points as it"
    " is, or, with `spacing` above 0, evenly along each stroke: round(length / spacing) parts,"
    " half to even, at least one; a stroke that stays in one place is one point"
)
_WRITING = (
    "draw a component by the weights, an offset from its Gaussian, a pen state, and read that"
    " point next; the first offset is (0, 0). With a bias b the weights' scores are first times 1"
    " + b, the deviations times exp(-b). Where is_integer, an offset times scale is rounded, half"
    " to even. With a text, the writing cannot end while the middle one of `new_places` (the lower"
    " of two) is below character_counts - 2, and is over when that is above character_counts. At"
    " most round(3 * characters / pace) + 50 points, without a text 3 * longest + 50. elman draws"
    " with torch's random numbers: other programs write other ink of the same distribution"
)
_NATS = (
    "of a sample the negative sum, divided by its points, of the log probabilities of its pen"
    " states and the log densities of its offsets but the first, each less 2 ln scale; where"
    " is_integer, offsets have uniform noise from -0.5 to 0.5 of a unit, by numpy"
    " (default_rng(0).random(shape, float32) - 0.5) / scale; what the network reads has none"
)


def export_spec(task: "Synthesis") -> ExportSpec:
    """The graph `step`: from a point, and a text's characters, to the `scores` of the next."""
    known, network = task.preprocessing, only_network(task)
    graph = _graph(network)
    return ExportSpec(
        {"step": graph},
        {"step": lambda inputs: _native(network, inputs)},
        {"sequence": _REFUSED},
        preprocessing={
            "task": task.name,
            **known.to_config(),
            "points": _POINTS,
            "scores": _READING,
            "writing": _WRITING,
            "nats": _NATS,
            "smallest_deviation": SMALLEST_DEVIATION,
            "largest_correlation": LARGEST_CORRELATION,
            "characters_first_id": 1,
            "text": "ids of all characters, then 0; character_counts counts that, too",
        },
        metadata={"task": task.name},
    )


def _graph(network: WriterNetwork) -> Graph:
    graph = Graph("step")
    x = graph.input("x", ("B", CHANNELS))
    if not network.has_text:
        states = declare_states(graph, network.recurrent)
        output, after = network.recurrent.to_graph(graph, x, states)
        seen_by_head = output
    else:
        count = network.embedding.num_embeddings
        ids = graph.input("characters", ("U", "B"), "int64", below=count)
        lengths = graph.input("character_counts", ("B",), "int64", below=6)
        first = declare_states(graph, network.first, "first_")
        places = graph.state("places", np.zeros((1, 1, network.window.linear.out_features // 3)))
        above = declare_states(graph, network.recurrent)
        below, after_first = network.first.to_graph(graph, x, first)
        seen, moved = _window(graph, network, below, ids, lengths, places)
        both = ops.concat(graph, -1, x, below, seen)
        output, after_above = network.recurrent.to_graph(graph, both, above)
        seen_by_head = ops.concat(graph, -1, below, seen, output)
        states, after = (*first, places, *above), (*after_first, moved, *after_above)
    graph.output("scores", describe(graph, network.head.linear, seen_by_head))
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _window(
    graph: Graph, network: WriterNetwork, below: Value, ids: Value, lengths: Value, places: Value
) -> tuple[Value, Value]:
    """What is seen of the text, (B, E), and the places after it, (1, B, K)."""
    linear = describe(graph, network.window.linear, below)
    count = network.window.linear.out_features // 3
    parts = [ops.cut(graph, linear, -1, i * count, (i + 1) * count) for i in range(3)]
    weights = ops.softmax(graph, parts[0], -1)
    softened = [ops.apply(graph, "softplus", part) for part in parts[1:]]
    precision = ops.apply(graph, "add", softened[0], network.window.narrowest)
    moved = ops.apply(graph, "add", places, ops.reshape(graph, softened[1], 1, "B", count))
    numbers = graph.add("steps", ids, shapes=[("U",)])[0]
    distance = ops.apply(graph, "sub", moved, ops.reshape(graph, numbers, "U", 1, 1))
    square = ops.apply(graph, "mul", distance, distance)
    near = ops.apply(
        graph, "exp", ops.apply(graph, "neg", ops.apply(graph, "mul", square, precision))
    )
    shares = ops.reduced(graph, "sum", ops.apply(graph, "mul", near, weights), [-1], keep=True)
    vectors = describe(graph, network.embedding, ids)
    mask = ops.step_mask(graph, lengths, vectors)
    shares = ops.apply(graph, "where", mask, shares, 0.0)
    return ops.reduced(graph, "sum", ops.apply(graph, "mul", shares, vectors), [0]), moved


def _native(network: WriterNetwork, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    texts = None
    names = [*network.recurrent.cell.state]
    if network.has_text:
        texts = Texts(inputs["characters"].T, inputs["character_counts"])
        names = [*(f"first_{name}" for name in network.first.cell.state), "places", *names]
    state: Any = tuple(inputs[name] for name in names)
    scores, after = network(inputs["x"].unsqueeze(0), texts, state)
    found = {f"new_{name}": part for name, part in zip(names, after, strict=True)}
    return {"scores": torch.as_tensor(scores[0]), **found}
