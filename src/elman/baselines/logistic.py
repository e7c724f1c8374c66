"""Multinomial logistic regression, or one against the rest, with an L2 penalty, by L-BFGS."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines.result import Label, classes
from elman.baselines.text_features import Sparse
from elman.train.eager import eager

_MOST_ITERATIONS = 30
_HISTORY = 5  # of L-BFGS: each is as large as the weights


@dataclass(frozen=True, eq=False)
class Logistic:
    """A linear classifier: weights (D, C), bias (C,).

    >>> x = np.array([[0.0], [0.1], [0.9], [1.0]], np.float32)
    >>> Logistic.fit(x, ["low", "low", "high", "high"], strength=0.01).predict(x)
    ['low', 'low', 'high', 'high']
    """

    classes: list[str]
    several: bool
    weight: Tensor
    bias: Tensor

    @classmethod
    def fit(
        cls,
        inputs: Sparse | NDArray[np.float32],
        labels: Sequence[Label],
        *,
        several: bool = False,
        strength: float,
    ) -> Self:
        """Minimise the sum of the examples' losses and `strength / 2` times the squared weights.

        **Arguments:** inputs (N, D), labels of each, tuples if there may be `several`.
        """
        names = classes(labels)
        targets = _targets(labels, names)
        x, transposed = _matrix(inputs), _transposed(inputs)
        count = len(targets)
        weight = torch.zeros(x.shape[1], len(names), dtype=torch.float32)
        frequency = (targets.sum(0) + 0.5) / (count + 1)
        first = frequency.logit() if several else frequency.log()
        bias = first.contiguous()
        optimizer = eager(torch.optim.LBFGS)(
            [weight, bias],
            max_iter=_MOST_ITERATIONS,
            max_eval=2 * _MOST_ITERATIONS,
            history_size=_HISTORY,
            tolerance_grad=1e-5,
            tolerance_change=1e-6,
            line_search_fn="strong_wolfe",
        )

        def closure() -> float:
            scores = x @ weight + bias
            if several:
                loss = F.binary_cross_entropy_with_logits(scores, targets, reduction="sum")
                gradient = (scores.sigmoid() - targets) / count
            else:
                loss = F.cross_entropy(scores, targets, reduction="sum")
                gradient = (scores.softmax(-1) - targets) / count
            weight.grad = (transposed @ gradient).add_(weight, alpha=strength / count)
            bias.grad = gradient.sum(0)
            return (float(loss) + strength / 2 * float(weight.detach().square().sum())) / count

        with torch.no_grad():
            optimizer.step(closure)  # type: ignore[no-untyped-call]
        return cls(names, several, weight.detach(), bias.detach())

    def scores(self, inputs: Sparse | NDArray[np.float32]) -> Tensor:
        """Logits (N, C)."""
        return _matrix(inputs) @ self.weight + self.bias

    def of_classes(self, names: Sequence[str], count: int) -> tuple[Tensor, Tensor]:
        """Weights (D, C) and biases (C,) of the classes named, of `count` examples.

        Classes without an example are unlikely.
        """
        weight = torch.zeros(len(self.weight), len(names), dtype=torch.float32)
        bias = torch.full((len(names),), -math.log(2 * count + 1), dtype=torch.float32)
        at = [list(names).index(each) for each in self.classes]
        weight[:, at], bias[at] = self.weight, self.bias
        return weight, bias

    def predict(self, inputs: Sparse | NDArray[np.float32]) -> list[Label]:
        """The most likely label of each or, with several, the tuple of those above one half."""
        scores = self.scores(inputs)
        if self.several:
            return [tuple(np.compress(row, self.classes).tolist()) for row in (scores > 0).numpy()]
        return [self.classes[i] for i in scores.argmax(-1).tolist()]


def _tuple(label: Label) -> tuple[str, ...]:
    return (label,) if isinstance(label, str) else label


def _targets(labels: Sequence[Label], names: list[str]) -> Tensor:
    index = {label: i for i, label in enumerate(names)}
    targets = torch.zeros(len(labels), len(names), dtype=torch.float32)
    for row, label in enumerate(labels):
        targets[row, [index[each] for each in _tuple(label)]] = 1
    return targets


def _matrix(inputs: Sparse | NDArray[np.float32]) -> Tensor:
    if not isinstance(inputs, Sparse):
        return torch.from_numpy(inputs)
    shape = (len(inputs.starts) - 1, inputs.width)
    return _csr(inputs.starts, inputs.columns, inputs.values, shape)


def _transposed(inputs: Sparse | NDArray[np.float32]) -> Tensor:
    if not isinstance(inputs, Sparse):
        return torch.from_numpy(inputs).T
    count = len(inputs.starts) - 1
    rows = np.repeat(np.arange(count), np.diff(inputs.starts))
    order = np.argsort(inputs.columns, kind="stable")
    per_column = np.bincount(inputs.columns, minlength=inputs.width)
    starts = np.concatenate([[0], np.cumsum(per_column)])
    return _csr(starts, rows[order], inputs.values[order], (inputs.width, count))


def _csr(
    starts: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float32],
    shape: tuple[int, int],
) -> Tensor:
    arrays = (torch.from_numpy(starts), torch.from_numpy(columns), torch.from_numpy(values))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse")  # torch calls its products beta
        return torch.sparse_csr_tensor(*arrays, shape)
