"""A classifier's loss, the loss of a constant prediction, and the mean of several networks."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.tasks.classify.preprocessing import ClassifyPreprocessing


def cross_entropy(
    logits: Tensor, targets: Tensor, known: ClassifyPreprocessing, smoothing: float
) -> Tensor:
    """The mean loss of scores (B, classes), with smoothed and, if asked for, weighted labels."""
    weights = None if known.class_weights is None else known.class_weights.to(logits.device)
    if known.several:
        targets = smoothed(targets, smoothing)
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
    return F.cross_entropy(logits, targets, weights, label_smoothing=smoothing)


def smoothed(targets: Tensor, smoothing: float) -> Tensor:
    """Targets of labels that are there or not, 1 and 0, nearer to one half."""
    return targets * (1 - smoothing) + smoothing / 2


def constant_loss(targets: Tensor, known: ClassifyPreprocessing, smoothing: float) -> float:
    """The lowest `cross_entropy` that the same scores for all examples have."""
    classes = len(known.labels)
    weights = torch.ones(classes) if known.class_weights is None else known.class_weights
    if known.several:
        share = smoothed(targets.mean(0), smoothing)
        scores = (weights * share / (1 - share)).log().clamp(-30, 30)
    else:
        share = torch.bincount(targets, minlength=classes) / len(targets)
        share = share * (1 - smoothing) + smoothing / classes
        scores = (weights * share).log().clamp(min=-30)
    return float(cross_entropy(scores.expand(len(targets), -1), targets, known, smoothing))


def mean_scores(scores: Sequence[Tensor], *, several: bool) -> Tensor:
    """The scores of the mean of the probabilities that several networks give, (B, classes) each.

    >>> one, two = torch.tensor([[0.2, 0.8]]).log(), torch.tensor([[0.6, 0.4]]).log()
    >>> mean_scores([one, two], several=False).exp()
    tensor([[0.4000, 0.6000]])
    """
    stacked = torch.stack(list(scores)).double()
    if several:
        return stacked.sigmoid().mean(0).logit(1e-12).to(scores[0])
    return (stacked.log_softmax(-1).logsumexp(0) - math.log(len(scores))).to(scores[0])
