"""A linear model of summary statistics in graphs to export: the statistics are an input."""

from collections.abc import Mapping
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


def with_summary(last: Ending, summary: SummaryModel, head: ClassifyHead) -> Ending:
    """An ending whose scores have those of the linear model, of `statistics` (B, D), added."""

    def graph_of(graph: Graph, scores: Value) -> dict[str, Value]:
        share = float(head.linear_weight) / float(head.temperature)
        values = graph.input("statistics", ("B", len(summary.weight)))
        found = linear(graph, values, summary.weight.T.contiguous(), summary.bias)
        return last.graph(graph, apply(graph, "add", scores, apply(graph, "mul", found, share)))

    def native(inputs: Mapping[str, Tensor], scores: Tensor) -> dict[str, Tensor]:
        found = inputs["statistics"] @ summary.weight + summary.bias
        return last.native(inputs, head.with_linear(scores, found))

    return Ending(graph_of, native)


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
