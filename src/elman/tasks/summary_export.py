"""A linear model of summary statistics in graphs to export: the statistics are an input."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from elman.baselines.summary_linear import QUANTILES
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, linear
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.sequence_export import Ending
from elman.tasks.summary_model import SummaryModel

WHOLE = (
    "a model with a linear model beside it has no step form, as that is of the whole sequence:"
    " export the sequence form, or train with {linear}_model=False"
)


def with_linear(
    last: Ending,
    head: ClassifyHead,
    in_graph: Callable[[Graph], Value],
    of_inputs: Callable[[Mapping[str, Tensor]], Tensor],
) -> Ending:
    """An ending whose scores have those of a linear model added, (B, classes): as a graph computes
    them, and from a graph's inputs by torch."""

    def graph_of(graph: Graph, scores: Value) -> dict[str, Value]:
        share = float(head.linear_weight) / float(head.temperature)
        beside = apply(graph, "mul", in_graph(graph), share)
        return last.graph(graph, apply(graph, "add", scores, beside))

    def native(inputs: Mapping[str, Tensor], scores: Tensor) -> dict[str, Tensor]:
        return last.native(inputs, head.with_linear(scores, of_inputs(inputs)))

    return Ending(graph_of, native)


def with_summary(last: Ending, summary: SummaryModel, head: ClassifyHead) -> Ending:
    """The same with the model of summary statistics, of the input `statistics`, (B, D)."""

    def in_graph(graph: Graph) -> Value:
        values = graph.input("statistics", ("B", len(summary.weight)))
        return linear(graph, values, summary.weight.T.contiguous(), summary.bias)

    def of_inputs(inputs: Mapping[str, Tensor]) -> Tensor:
        return inputs["statistics"] @ summary.weight + summary.bias

    return with_linear(last, head, in_graph, of_inputs)


def described(summary: SummaryModel, of: str) -> dict[str, Any]:
    """How a program makes the statistics, of such numbers."""
    return {
        "of": of,
        "order": "for all numbers of a step the mean, then for all the deviation (divided by the"
        " number of steps), the least, the most, the first, the last, the mean absolute change from"
        " step to step (0 of one step), each of `quantiles` (between two steps linear); at the end"
        " the natural logarithm of the number of steps",
        "quantiles": list(QUANTILES),
        "mean": summary.mean.tolist(),
        "scale": summary.scale.tolist(),
        "values": "(statistic - mean) * scale, at least -10 and at most 10",
    }
