"""A recogniser of handwriting to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.baselines.standard import FARTHEST
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, linear
from elman.tasks.ensemble import only_network
from elman.tasks.handwriting import graph as graphs
from elman.tasks.handwriting.shape import shape as shape_of
from elman.tasks.handwriting.steps import LONGEST, SMALLEST
from elman.tasks.sequence_export import Ending, measured, named, probabilities, sequence_spec
from elman.tasks.summary_export import with_linear
from elman.tasks.transcription.described import CTC, described_search

if TYPE_CHECKING:
    from elman.tasks.handwriting.preprocessing import HandwritingPreprocessing
    from elman.tasks.handwriting.task import Handwriting

_STEPS = (
    "x to the right, y downwards. `middle` is that of the box of all points. size is"
    " `size_of_ink`, at least `smallest` * `size`, at least resolution * (sum of the strokes'"
    " lengths) / longest. Each stroke of (points - middle) / size becomes points evenly along it:"
    " round(length * resolution) parts, half to even, at least one; a stroke that stays in one"
    " place is one point. Steps are x, y, 1 where a stroke begins, 1 (0 is padding), (middle's y -"
    " `top`) / `size` within -10 to 10, size / `size` up to 1000"
)
_SIZE = {
    True: "the height between the 5th and the 95th percentile (linear) of the y of points evenly"
    " along the strokes, as below, in parts of about 1/200 of the longer side of the box; at least"
    " a quarter of the box's height",
    False: "the longer side of the box",
}


def export_spec(task: "Handwriting") -> ExportSpec:
    """Graphs from steps of ink to log probabilities of characters at every step, or to `scores`
    and `probabilities` of symbols."""
    known, model = task.preprocessing, only_network(task)
    ending = named("log_probabilities") if known.is_text else _of_symbols(known, model.head)
    ink = {"resolution": known.steps.resolution, "size": known.steps.size, "top": known.steps.top}
    ink |= {"smallest": SMALLEST, "longest": LONGEST}
    answers: dict[str, Any] = {"labels": known.labels}
    notes: tuple[str, ...] = ()
    if known.texts is not None:
        answers, notes = described_search(task.settings, known.texts, CTC)
    return replace(
        sequence_spec(model, ending, states=False),
        preprocessing={
            "task": task.name,
            "ink": {**ink, "size_of_ink": _SIZE[known.is_text], "steps": _STEPS},
            **answers,
        },
        metadata={"task": task.name},
        notes=notes,
        batches=lambda data: _batches(task, data),
        metrics=lambda runs, data: measured(task, data, lambda batch: _outputs(task, runs, batch)),
        shortest=1,
        draw={"x": _drawn},
        objective=(task.objective.name, bool(task.objective.maximize)),
    )


def _of_symbols(known: "HandwritingPreprocessing", head: Any) -> Ending:
    """Scores, with those of the model of shapes if there is one, and probabilities."""
    last, shape, resolution = probabilities(), known.shape, known.steps.resolution
    if shape is None:
        return last

    def in_graph(graph: Graph) -> Value:
        x = next(value for value in graph.inputs if value.name == "x")
        values = graphs.shape(graph, x, resolution, keep_size=shape.keep_size)
        centred = apply(graph, "sub", values, graph.constant("mean", shape.mean))
        values = apply(graph, "mul", centred, graph.constant("scale", shape.scale))
        values = apply(graph, "minimum", apply(graph, "maximum", values, -FARTHEST), FARTHEST)
        return linear(graph, values, shape.weight.T.contiguous(), shape.bias)

    def of_inputs(inputs: Mapping[str, Tensor]) -> Tensor:
        found = shape_of(inputs["x"], resolution, keep_size=shape.keep_size)
        return shape.scores_of(found.numpy())

    return with_linear(last, head, in_graph, of_inputs)


def _drawn(shape: list[int], generator: torch.Generator) -> Tensor:
    """Steps of a pen that moves at random."""
    steps = torch.randn(shape, generator=generator)
    steps[..., 2], steps[..., 3] = (steps[..., 2] > 1).float(), 1.0
    steps[..., 4:] = steps[:1, :, 4:]
    steps[..., 5] = steps[..., 5].abs() + 0.1
    return steps


def _named(batch: Any) -> dict[str, Tensor]:
    return {"x": batch.inputs, "lengths": batch.lengths}


def _batches(task: "Handwriting", data: Any) -> Iterator[dict[str, Tensor]]:
    dataset = task.read(data, labelled=False)
    yield from map(_named, task.batches(task.preprocessing, dataset, training=False).epoch(0))


def _outputs(task: "Handwriting", runs: Mapping[str, Run], batch: Any) -> Any:
    found = runs["sequence"](_named(batch))
    if not task.preprocessing.is_text:
        return found["scores"]
    both = zip(found["log_probabilities"].unbind(1), batch.lengths.tolist(), strict=True)
    return [each[:length] for each, length in both]
