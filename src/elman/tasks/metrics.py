"""Metrics of classification, and the temperature that calibrates probabilities."""

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor


def confusion(predicted: Tensor, true: Tensor, classes: int) -> Tensor:
    """How often each true class (row) was predicted as each (column): int64 (C, C).

    >>> confusion(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2)
    tensor([[1, 1],
            [0, 1]])
    """
    return torch.bincount(true * classes + predicted, minlength=classes**2).view(classes, classes)


def f1(true_positive: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    """The harmonic mean of precision and recall of each class, from counts; 0 where it has none."""
    return 2 * true_positive / (predicted + true).clamp(min=1)


def single_label(logits: Tensor, targets: Tensor) -> dict[str, float]:
    """Metrics of logits (N, C) against classes (N,).

    **Returns:** `accuracy`, `macro_f1` (over the classes that occur or are predicted), `loss`
    (nats) and `calibration_error` (expected over 15 bins of confidence; Guo et al. 2017).
    """
    table = confusion(logits.argmax(-1), targets, logits.shape[-1]).double()
    hits, predicted, true = table.diagonal(), table.sum(0), table.sum(1)
    seen = predicted + true > 0
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "macro_f1": float(f1(hits, predicted, true)[seen].mean()),
        "loss": float(F.cross_entropy(logits, targets)),
        "calibration_error": calibration_error(logits.softmax(-1), targets),
    }


def multi_label(
    logits: Tensor, targets: Tensor, thresholds: Tensor | float = 0.0
) -> dict[str, float]:
    """Metrics of logits (N, C) against targets 0 or 1, (N, C); labels above `thresholds`, (C,) or
    one for all, are predicted.

    **Returns:** `accuracy` (all labels of an example right), `micro_f1`, `macro_f1` (over the
    labels that occur or are predicted) and `loss` (nats a label).
    """
    predicted, true = logits > thresholds, targets > 0.5
    hits, guessed, real = (x.sum(0).double() for x in (predicted & true, predicted, true))
    seen = guessed + real > 0
    return {
        "accuracy": float((predicted == true).all(-1).double().mean()),
        "micro_f1": float(f1(hits.sum(), guessed.sum(), real.sum())),
        "macro_f1": float(f1(hits, guessed, real)[seen].mean()) if bool(seen.any()) else 1.0,
        "loss": float(F.binary_cross_entropy_with_logits(logits, targets)),
    }


def best_thresholds(logits: Tensor, targets: Tensor) -> Tensor:
    """For each label the threshold of its logits (N, C) with the highest F1, (C,).

    It lies in the middle between the logits that it parts; 0 for a label that no target (N, C) has.

    >>> best_thresholds(torch.tensor([[-3.0], [-2.0], [-1.0]]), torch.tensor([[0.0], [1.0], [1.0]]))
    tensor([-2.5000])
    """
    found = torch.zeros(logits.shape[1], dtype=logits.dtype)
    for i in range(logits.shape[1]):
        order = logits[:, i].argsort(descending=True)
        values, true = logits[order, i], targets[order, i].double()
        if not bool(true.any()):
            continue
        count = torch.arange(1, len(true) + 1)
        quality = f1(true.cumsum(0), count, true.sum())
        below = torch.cat([values[1:], values[-1:] - 1])
        quality[values == below] = -1  # equal logits are not parted
        best = int(quality.argmax())
        found[i] = (values[best] + below[best]) / 2
    return found


def mean_average_precision(logits: Tensor, targets: Tensor) -> float:
    """The mean over the labels that occur of the average precision of logits (N, C), equal ones
    taken together; NaN where none occurs.

    >>> mean_average_precision(torch.tensor([[3.0], [2.0], [1.0]]), torch.tensor([[1], [0], [1]]))
    0.8333333333333333
    """
    found = []
    for values, true in zip(logits.T, targets.T.double(), strict=True):
        if not bool(true.any()):
            continue
        order = values.argsort(descending=True)
        hits, count = true[order].cumsum(0), torch.arange(1, len(true) + 1)
        is_last = torch.cat([values[order][1:] != values[order][:-1], torch.tensor([True])])
        gained = torch.diff(hits[is_last], prepend=hits.new_zeros(1))
        found.append(float((gained * hits[is_last] / count[is_last]).sum() / hits[-1]))
    return sum(found) / len(found) if found else float("nan")


def calibration_error(probabilities: Tensor, targets: Tensor, bins: int = 15) -> float:
    """Expected difference of confidence and accuracy (Guo et al. 2017, arXiv:1706.04599).

    >>> calibration_error(torch.tensor([[0.75, 0.25]] * 4), torch.tensor([0, 0, 0, 1]))
    0.0
    """
    confidence, predicted = probabilities.max(-1)
    right = (predicted == targets).to(confidence.dtype)
    index = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=confidence.dtype).index_add(0, index, right - confidence)
    return float(gap.abs().sum() / len(targets))


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The number to divide logits by so that the targets are most likely (Guo et al. 2017).

    Targets are classes (N,), or 0 and 1 of shape (N, C) with several labels. As in Platt's rule,
    certainty is bounded by the number of examples: of N right answers one more may be wrong.

    >>> right = torch.arange(2).repeat(10)
    >>> round(fit_temperature(torch.eye(2)[right] * 0.1, right), 3)
    0.033
    """
    return _calibrated(logits, targets)[0]


def calibrated_loss(logits: Tensor, targets: Tensor) -> float:
    """The mean loss of the targets, in nats, at the temperature that fits them best."""
    return _calibrated(logits, targets)[1]


def calibrated(logits: Tensor, targets: Tensor, *, told: bool) -> dict[str, float]:
    """`single_label`, with the `calibrated_loss` and, if it is to be `told`, its `standard_error`.

    >>> "standard_error" in calibrated(torch.eye(2), torch.arange(2), told=False)
    False
    """
    metrics = {**single_label(logits, targets), "calibrated_loss": calibrated_loss(logits, targets)}
    if told:
        metrics["standard_error"] = loss_error(logits, targets)
    return metrics


def loss_error(logits: Tensor, targets: Tensor) -> float:
    """The standard error of the mean loss of classes (N,), in nats, at the best temperature.

    >>> loss_error(torch.eye(2)[[0, 1, 0, 1]], torch.tensor([0, 1, 0, 1]))
    0.0
    """
    temperature = fit_temperature(logits, targets)
    losses = F.cross_entropy(logits.double() / temperature, targets, reduction="none")
    return float(losses.std(correction=0) / len(targets) ** 0.5)


def _calibrated(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    logits = logits.double()
    doubt = 1 / (len(targets) + 2)
    low, loss = doubt, cast(Callable[[Tensor, Tensor], Tensor], F.binary_cross_entropy_with_logits)
    if targets.dim() == 1:
        targets = F.one_hot(targets, logits.shape[-1])
        low, loss = doubt / (logits.shape[-1] - 1), F.cross_entropy
    likely = targets * (1 - doubt) + (1 - targets) * low
    candidates = torch.logspace(-2, 2, 401, dtype=torch.float64)
    losses = torch.stack([loss(logits / temperature, likely) for temperature in candidates])
    return float(candidates[losses.argmin()]), float(losses.min())
