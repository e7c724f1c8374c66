"""The density of the next point: a mixture of bivariate Gaussians, and what the pen then does."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DRAW, LIFT, END = range(3)  # after a point: the stroke goes on, it ends, the writing ends
PEN_STATES = 3
SMALLEST_DEVIATION = 0.01  # in deviations of the training data's offsets
LARGEST_CORRELATION = 0.99
_PARAMETERS = 6  # of a component: weight, two means, two deviations, correlation


class MixtureDensity(nn.Module):
    """Mixture density output of a recurrent network (Bishop 1994, Graves 2013).

    It gives raw scores, (..., 6 M + 3), of `components` = M Gaussians and of the three pen states
    (Ha & Eck 2017); `offset_log_density`, `pen_log_probability` and `draw` take these. All is
    computed of logarithms; deviations are at least 0.01, correlations within 0.99 of 0, so that
    the density is bounded.

    >>> head = MixtureDensity(8, components=5)
    >>> scores = head(torch.zeros(2, 8))
    >>> scores.shape, offset_log_density(scores, torch.zeros(2, 2)).shape
    (torch.Size([2, 33]), torch.Size([2]))
    """

    def __init__(self, input_size: int, components: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, _PARAMETERS * components + PEN_STATES)
        with torch.no_grad():  # means apart from the first step on
            means = self.linear.bias[components : 3 * components]
            means.copy_(torch.randn(len(means)) / 2)

    def forward(self, hidden: Tensor) -> Tensor:
        """The scores, (..., 6 M + 3), of hidden units (..., H)."""
        scores: Tensor = self.linear(hidden)
        return scores


def components_of(scores: Tensor, bias: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logarithms of the weights (..., M), means and deviations (..., 2, M), correlations (..., M).

    `bias`: above 0 the more likely components gain weight and deviations shrink (Graves 2013, 5.4).
    """
    weights, means, deviations, correlations = _split(scores)
    logs = F.log_softmax(weights * (1 + bias), -1)
    spread = SMALLEST_DEVIATION + F.softplus(deviations)
    if bias:
        spread = spread * math.exp(-bias)
    return logs, means, spread, LARGEST_CORRELATION * torch.tanh(correlations)


def offset_log_density(scores: Tensor, offsets: Tensor) -> Tensor:
    """The logarithm of the density at offsets (..., 2), (...)."""
    logs, means, deviations, correlation = components_of(scores)
    x, y = ((offsets.unsqueeze(-1) - means) / deviations).unbind(-2)
    rest = 1 - correlation.square()
    distance = (x.square() + y.square() - 2 * correlation * x * y) / rest
    volume = math.log(2 * math.pi) + deviations.log().sum(-2) + rest.log() / 2
    return (logs - volume - distance / 2).logsumexp(-1)


def pen_log_probability(scores: Tensor, states: Tensor) -> Tensor:
    """The logarithm of the probability of pen states, (...) int64, (...)."""
    logs = F.log_softmax(scores[..., -PEN_STATES:], -1)
    return logs.gather(-1, states.unsqueeze(-1)).squeeze(-1)


def draw(scores: Tensor, bias: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Offsets (B, 2) and pen states (B,) drawn from scores (B, 6 M + 3)."""
    logs, means, deviations, correlation = components_of(scores, bias)
    chosen = torch.multinomial(logs.exp(), 1, generator=generator)
    both = chosen.unsqueeze(1).expand(-1, 2, 1)
    mean, deviation = means.gather(-1, both)[..., 0], deviations.gather(-1, both)[..., 0]
    rho = correlation.gather(-1, chosen)[..., 0]
    x, y = torch.randn(len(scores), 2, generator=generator, dtype=scores.dtype).unbind(1)
    y = rho * x + (1 - rho.square()).sqrt() * y
    pens = torch.multinomial(scores[:, -PEN_STATES:].softmax(-1), 1, generator=generator)
    return mean + deviation * torch.stack([x, y], 1), pens[:, 0]


def _split(scores: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    count = (scores.shape[-1] - PEN_STATES) // _PARAMETERS
    sizes = [count, 2 * count, 2 * count, count]
    weights, means, deviations, correlations = torch.split(scores[..., :-PEN_STATES], sizes, -1)
    shape = (*scores.shape[:-1], 2, count)
    return weights, means.reshape(shape), deviations.reshape(shape), correlations
