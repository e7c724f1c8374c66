"""Heads that predict several labels, each with a threshold of its own."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from elman.nn import LockedDropout, Pooling
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, linear
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.classify.losses import mean_scores

_MOST_NAMED = 20


class Scored(NamedTuple):
    """The scores (logits) of labels, (C,) of a clip or (T, C) of its frames, and the score
    from which on each label is predicted, (C,)."""

    scores: Tensor
    thresholds: Tensor

    @property
    def is_told(self) -> Tensor:
        """The labels that are predicted: bool, of the shape of the scores."""
        return self.scores > self.thresholds


def mean_scored(networks: Sequence[Scored]) -> Scored:
    """The scores of the mean of the probabilities that networks give, and so the thresholds."""
    if len(networks) == 1:
        return networks[0]
    scores = mean_scores([each.scores for each in networks], several=True)
    return Scored(scores, mean_scores([each.thresholds for each in networks], several=True))


def mean_outputs(outputs: Sequence[Sequence[Scored]]) -> list[Scored]:
    """The same of each clip, from what each network gives of all."""
    return [mean_scored(each) for each in zip(*outputs, strict=True)]


def threshold_words(labels: Sequence[str], thresholds: Tensor) -> str:
    """The probability thresholds of labels, as many as fit into a line."""
    some = zip(labels[:_MOST_NAMED], thresholds.sigmoid().tolist(), strict=False)
    words = ", ".join(f"{label} {threshold:.2f}" for label, threshold in some)
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return f"Predicted above a probability of: {words}{more}"


class MultiLabelHead(ClassifyHead):
    """Pool the steps and score the labels, (T, B, H) to (B, labels); `thresholds`, (labels,), are
    the scores from which on each is predicted."""

    thresholds: Tensor

    def __init__(
        self,
        pooling: Pooling,
        labels: int,
        *,
        dropout: float = 0.0,
        linear: Literal["ngram", "summary"] | None = None,
    ) -> None:
        super().__init__(pooling, labels, dropout=dropout, linear=linear)
        self.register_buffer("thresholds", torch.zeros(labels))


class FrameHead(nn.Module):
    """Score the labels at each step: (T, B, H) to (T, B, labels).

    Without training the scores are divided by `temperature`, which calibrates them; `thresholds`,
    (labels,), are those from which on each label is predicted.
    """

    temperature: Tensor
    thresholds: Tensor

    def __init__(self, size: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = LockedDropout(dropout)
        self.linear = nn.Linear(size, labels)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("thresholds", torch.zeros(labels))

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The scores (logits) of each label."""
        scores: Tensor = self.linear(self.dropout(output))
        return scores if self.training else scores / self.temperature

    def to_graph(self, graph: Graph, output: Value, lengths: Value | None) -> Value:  # noqa: ARG002
        """The scores in a graph to export."""
        scores = linear(graph, output, self.linear.weight, self.linear.bias)
        return apply(graph, "div", scores, float(self.temperature))
