"""From outputs at every step to one vector a sequence, padding left out."""

import math
from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.messages import shown
from elman.nn import graph_pooling
from elman.nn.graph import Graph, Value
from elman.nn.lengths import last_step, mask_of

Kind = Literal["attention", "mean", "max", "mean_max", "last"]


class Pooling(nn.Module):
    """Pool the steps of each sequence.

    - `"mean"`, `"max"`, `"mean_max"` (both, side by side): over the real steps.
    - `"last"`: the last real step, and of a bidirectional layer's backward half the first one.
    - `"attention"`: a weighted mean, the weights a softmax over time of a learned score
      `v · tanh(A h)` (Yang et al. 2016, *Hierarchical Attention Networks*).

    >>> pool = Pooling("mean", 2)
    >>> output = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]], [[0.0, 0.0]]])
    >>> pool(output, torch.tensor([2]))
    tensor([[2., 3.]])
    """

    def __init__(self, kind: Kind, size: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        if not isinstance(kind, str) or kind not in get_args(Kind):
            raise SettingsError(
                f"kind must be one of {', '.join(get_args(Kind))}, got {shown(kind)}"
            )
        self.kind, self.bidirectional = kind, bidirectional
        self.output_size = 2 * size if kind == "mean_max" else size
        self.score = (
            nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 1, bias=False))
            if kind == "attention"
            else None
        )

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool `output`, shape (T, B, size), over the first `lengths` steps, (B,); all if None.

        **Returns:** shape (B, output_size); zeros for a sequence of length 0.
        """
        if lengths is None:
            lengths = torch.full((output.shape[1],), len(output), device=output.device)
        if not len(output):  # a step of padding, as there is nothing to take the largest of
            output = output.new_zeros(1, *output.shape[1:])
        lengths = lengths.to(output.device)
        padding = ~mask_of(lengths, len(output)).unsqueeze(-1)
        output = output.masked_fill(padding, 0)
        if self.kind == "last":
            return self._last(output, lengths)
        if self.score is not None:
            scores = self.score(output).masked_fill(padding, -math.inf)
            weights = scores.softmax(0).nan_to_num()  # a sequence of length 0 has no weights
            mean: Tensor = (weights * output).sum(0)
            return mean
        parts = []
        if self.kind in ("mean", "mean_max"):
            count = lengths.clamp(min=1).unsqueeze(-1)
            parts.append(output.sum(0) / count)
        if self.kind in ("max", "mean_max"):
            largest = output.masked_fill(padding, -math.inf).amax(0)
            parts.append(largest.masked_fill((lengths == 0).unsqueeze(-1), 0))
        return torch.cat(parts, -1)

    def gather(
        self, output: Tensor, before: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """What to remember of steps (T, B, size), T at least 1, to pool them with those to come.

        `before` is what is remembered of the steps before; it stays as it is. The layer must read
        forwards only. `pooled` gives the vector of all steps so far.

        >>> pool, steps = Pooling("mean_max", 1), torch.tensor([4.0, 1.0, 7.0]).view(3, 1, 1)
        >>> pool.pooled(pool.gather(steps[2:], pool.gather(steps[:2])))
        tensor([[4., 7.]])
        """
        if self.bidirectional:
            raise ValueError("steps of a bidirectional layer cannot be pooled one by one")
        if self.kind == "last":
            return {"last": output[-1]}
        if self.score is not None:
            return self._attended(output, before)
        found: dict[str, Tensor] = {}
        if self.kind in ("mean", "mean_max"):
            count = torch.tensor(float(len(output)), dtype=output.dtype, device=output.device)
            found |= {"sum": output.sum(0), "count": count}
        if self.kind in ("max", "mean_max"):
            found["max"] = output.amax(0)
        if before is None:
            return found
        return {
            name: torch.maximum(before[name], new) if name == "max" else before[name] + new
            for name, new in found.items()
        }

    def pooled(self, seen: Mapping[str, Tensor]) -> Tensor:
        """The vector, (B, output_size), of the steps that `gather` has seen."""
        if self.kind == "last":
            return seen["last"]
        if self.score is not None:
            return seen["sum"] / seen["weight"]
        parts = []
        if "sum" in seen:
            parts.append(seen["sum"] / seen["count"])
        if "max" in seen:
            parts.append(seen["max"])
        return torch.cat(parts, -1)

    def to_graph(self, graph: Graph, output: Value, lengths: Value | None = None) -> Value:
        """Pooling in a graph to export: of one step with those before, which become its states."""
        return graph_pooling.describe(graph, self, output, lengths)

    def _attended(self, output: Tensor, before: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        """Sums weighed by the exponentials of the scores, less the highest score so far."""
        assert self.score is not None
        scores = self.score(output)
        highest = scores.amax(0)
        if before is not None:
            highest = torch.maximum(highest, before["highest"])
        weights = (scores - highest).exp()
        found = {"sum": (weights * output).sum(0), "weight": weights.sum(0)}
        if before is not None:
            faded = (before["highest"] - highest).exp()
            found = {name: before[name] * faded + new for name, new in found.items()}
        return {**found, "highest": highest}

    def _last(self, output: Tensor, lengths: Tensor) -> Tensor:
        last = last_step(output, lengths, torch.zeros_like(output[0]))
        if not self.bidirectional:
            return last
        half = output.shape[-1] // 2
        return torch.cat([last[:, :half], output[0, :, half:]], -1)
