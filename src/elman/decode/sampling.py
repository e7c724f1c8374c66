"""The next token, drawn from a model's scores."""

import sys
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor

from elman.data.values import shown
from elman.errors import SettingsError


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn.

    **Fields:**

    - `temperature`: scores are divided by it; below 1 the likely become more likely, 0 takes the
      most likely always.
    - `top_k`: only the k most likely tokens are drawn from (Fan et al. 2018).
    - `top_p`: only the fewest tokens that together have this probability (nucleus sampling,
      Holtzman et al. 2020).

    >>> sampling = Sampling(temperature=0.0)
    >>> sampling.draw(torch.tensor([0.1, 2.0, 1.0]), torch.Generator())
    1
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        temperature, top_k, top_p = self.temperature, self.top_k, self.top_p
        if not isinstance(temperature, Real) or not 0 <= temperature <= sys.float_info.max:
            raise SettingsError(f"temperature must be 0 or more, got {shown(temperature)}")
        if top_k is not None and (not isinstance(top_k, Integral) or top_k < 1):
            raise SettingsError(f"top_k must be a whole number, 1 or more, got {shown(top_k)}")
        if top_p is not None and (not isinstance(top_p, Real) or not 0 < top_p <= 1):
            raise SettingsError(f"top_p must be above 0 and at most 1, got {shown(top_p)}")

    def probabilities(self, scores: Tensor) -> Tensor:
        """Scores (V,) to the probabilities that are drawn from, (V,) float64."""
        if self.temperature == 0:
            return torch.nn.functional.one_hot(scores.argmax(), len(scores)).double()
        scores = (scores.double() - scores.max()) / self.temperature
        if self.top_k is None and self.top_p is None:
            return scores.softmax(0)
        order = scores.argsort(descending=True, stable=True)
        probabilities = scores[order].softmax(0)
        if self.top_k is not None:
            probabilities[self.top_k :] = 0
        if self.top_p is not None:
            before = probabilities.cumsum(0) - probabilities
            probabilities[before >= self.top_p * probabilities.sum()] = 0
        result = torch.zeros_like(probabilities)
        result[order] = probabilities / probabilities.sum()
        return result

    def draw(self, scores: Tensor, generator: torch.Generator) -> int:
        """The id of the next token."""
        if self.temperature == 0:
            return int(scores.argmax())
        return int(torch.multinomial(self.probabilities(scores.cpu()), 1, generator=generator))
