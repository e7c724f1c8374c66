"""The head of a classifier: one vector of many steps, and the scores of the classes."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from elman.nn import LockedDropout, Pooling
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, linear
from elman.tasks.linear_weight import fitted_weight
from elman.tasks.metrics import calibrated_loss, fit_temperature


class ClassifyHead(nn.Module):
    """Pool the steps and score the classes: (T, B, H) to (B, classes).

    Without training the scores are divided by `temperature`, which calibrates them. The scores of
    a `linear` model, of n-grams, summary statistics or shapes, may be added, times `linear_weight`.
    """

    temperature: Tensor

    def __init__(
        self,
        pooling: Pooling,
        classes: int,
        *,
        dropout: float = 0.0,
        linear: Literal["ngram", "summary", "shape"] | None = None,
    ) -> None:
        super().__init__()
        self.locked = LockedDropout(dropout)
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(pooling.output_size, classes)
        self.register_buffer("temperature", torch.ones(()))
        self._weight = None if linear is None else f"{linear}_weight"
        if self._weight is not None:
            self.register_buffer(self._weight, torch.zeros(()))

    @property
    def linear_weight(self) -> Tensor:
        """How much the linear model's scores count, ()."""
        assert self._weight is not None
        found: Tensor = getattr(self, self._weight)
        return found

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The scores (logits) of each class."""
        return self.score(self.pooling(self.locked(output), lengths))

    def stepped(
        self, output: Tensor, inputs: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The scores after one step more, (B, H), and what pooling remembers, as a graph of one
        step has it: from states `pooling_<name>`, (1, B, .), to `new_pooling_<name>`."""
        before = {
            name.removeprefix("pooling_"): state[0]
            for name, state in inputs.items()
            if name.startswith("pooling_")
        }
        seen = self.pooling.gather(output.unsqueeze(0), before or None)
        after = {f"new_pooling_{name}": seen[name].unsqueeze(0) for name in before}
        return self.score(self.pooling.pooled(seen)), after

    def to_graph(self, graph: Graph, output: Value, lengths: Value | None) -> Value:
        """The scores in a graph to export."""
        pooled = self.pooling.to_graph(graph, output, lengths)
        scores = linear(graph, pooled, self.linear.weight, self.linear.bias)
        return apply(graph, "div", scores, float(self.temperature))

    def with_linear(self, scores: Tensor, linear: Tensor | None) -> Tensor:
        """The network's scores and those of a linear model, (B, classes) both."""
        if linear is None:
            return scores
        beside = self.linear_weight * linear.to(scores)
        return scores + (beside if self.training else beside / self.temperature)

    def reset(self) -> None:
        """Give the network's own scores: no temperature, no linear model."""
        self.temperature.fill_(1)
        if self._weight is not None:
            self.linear_weight.zero_()

    def calibrate(self, scores: Tensor, linear: Tensor | None, targets: Tensor) -> Tensor:
        """Set the linear model's weight and the temperature by examples that were held out.

        **Arguments:** `scores`: of the network after `reset`, (N, classes); `linear`: of the linear
        model, if there is one; `targets`: (N,) or, of several labels, 0 and 1, (N, classes).

        **Returns:** the calibrated scores.
        """
        if linear is not None:
            usual = fit_temperature(scores, targets)  # the calibrated network's counts as much
            weight = fitted_weight(
                scores, linear, lambda both: calibrated_loss(both, targets), usual
            )
            self.linear_weight.fill_(weight)
            scores = scores + weight * linear
        temperature = fit_temperature(scores, targets)
        self.temperature.fill_(temperature)
        return scores / temperature

    def score(self, pooled: Tensor) -> Tensor:
        """The scores of each class from the pooled steps, (B, pooled) to (B, classes)."""
        scores: Tensor = self.linear(self.dropout(pooled))
        return scores if self.training else scores / self.temperature
