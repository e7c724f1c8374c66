"""From outputs at every step to one vector a sequence, padding left out."""

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.messages import shown
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

    def _last(self, output: Tensor, lengths: Tensor) -> Tensor:
        last = last_step(output, lengths, torch.zeros_like(output[0]))
        if not self.bidirectional:
            return last
        half = output.shape[-1] // 2
        return torch.cat([last[:, :half], output[0, :, half:]], -1)
