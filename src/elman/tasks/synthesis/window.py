"""The soft window on a text (Graves 2013, 5.1): which character is written at which point."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NARROWEST = 0.05  # smallest precision: no Gaussian is wider than some three characters


class Window(nn.Module):
    """K Gaussians over the characters' numbers, whose places only ever move on.

    **Arguments:**

    - `input_size`: units of the layer below.
    - `count`: K.
    - `pace`: characters a point, as the training data has it, by which the Gaussians move on
      before they have learnt to do better.

    The window depends on the layer below alone and not on the window before, so that the places of
    all points are one cumulative sum and each layer runs over the whole sequence.

    >>> window = Window(8, count=3, pace=0.1)
    >>> text, lengths = torch.zeros(2, 5, 4), torch.tensor([5, 3])
    >>> found, last = window(torch.zeros(7, 2, 8), text, lengths, None)
    >>> found.shape, last.shape
    (torch.Size([7, 2, 4]), torch.Size([1, 2, 3]))
    """

    def __init__(self, input_size: int, count: int, pace: float) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, 3 * count)
        self.narrowest = _NARROWEST
        with torch.no_grad():
            self.linear.bias[2 * count :] = math.log(math.expm1(min(max(pace, 1e-4), 10.0)))

    def forward(
        self, hidden: Tensor, text: Tensor, lengths: Tensor, places: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What is seen of the text at each point.

        **Arguments:** `hidden`: (T, B, H); `text`: the characters' vectors, (B, U, E), `lengths` of
        them, (B,); `places`: of the Gaussians before the first point, (1, B, K), 0 if None.

        **Returns:** (T, B, E), and the places after the last point.
        """
        weights, precision, moves = self.linear(hidden).chunk(3, -1)
        weights = weights.softmax(-1)
        precision = _NARROWEST + F.softplus(precision)
        found = F.softplus(moves).cumsum(0)
        if places is not None:
            found = found + places
        numbers = torch.arange(text.shape[1], device=text.device)
        distances = found.unsqueeze(-1) - numbers
        seen = (weights.unsqueeze(-1) * (-precision.unsqueeze(-1) * distances.square()).exp()).sum(
            2
        )
        seen = seen.masked_fill(numbers >= lengths.unsqueeze(-1), 0)
        return torch.einsum("tbu,bue->tbe", seen, text), found[-1:]
