"""The log-likelihood of points under the network's scores."""

import math

from torch import Tensor

from elman.nn.lengths import mask_of
from elman.tasks.synthesis.batches import Points
from elman.tasks.synthesis.mixture import offset_log_density, pen_log_probability


def log_likelihood(scores: Tensor, batch: Points, scale: float) -> tuple[Tensor, Tensor]:
    """Of each point the log density of its offset and the log probability of its pen state.

    **Arguments:** `scores`: (T, B, 6 M + 3); `scale`: the deviation by which offsets were divided,
    so that densities are those in the data's own units, nats an area of 1.

    **Returns:** two tensors (T, B), 0 on padding; the density of the first offset, which says where
    on the page the writing begins, is left out, 0.
    """
    real = mask_of(batch.lengths, len(scores))
    offsets = offset_log_density(scores, batch.offsets) - 2 * math.log(scale)
    pens = pen_log_probability(scores, batch.pens)
    moved = real.clone()
    moved[0] = False
    return offsets.masked_fill(~moved, 0), pens.masked_fill(~real, 0)
