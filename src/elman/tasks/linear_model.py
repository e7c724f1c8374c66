"""A linear model of standardised numbers, to stand beside a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines.standard import scaled
from elman.baselines.summary_linear import Fitted
from elman.errors import ModelError
from elman.tensor_files import misfits, read_tensors, write_tensors
from elman.train.eager import eager

_NAMES = ("mean", "scale", "weight", "bias")


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Scores of classes from numbers, (D,) of each example.

    `mean`, `scale` (D,) standardise the numbers; `weight` (D, classes), `bias` (classes,).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, found: Fitted, classes: Sequence[str]) -> Self:
        """One that was fitted, with all `classes`: those without an example are unlikely."""
        return cls(found.mean, found.scale, *found.model.of_classes(classes, found.examples))

    def scores_of(self, values: NDArray[np.floating]) -> Tensor:
        """The scores (logits) of each class, (N, classes), from numbers (N, D)."""
        return torch.from_numpy(scaled(values, self.mean, self.scale)) @ self.weight + self.bias

    def adapted(self, values: NDArray[np.floating], targets: Tensor, strength: float) -> Self:
        """One that was trained on, with few examples: numbers (N, D), classes (N,).

        `strength / 2` times the squared distance to the weights before is added to their losses.
        """
        inputs = torch.from_numpy(scaled(values, self.mean, self.scale))
        weight, bias = (each.clone().requires_grad_() for each in (self.weight, self.bias))
        optimizer = eager(torch.optim.LBFGS)([weight, bias], max_iter=30)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(inputs @ weight + bias, targets, reduction="sum")
            away = (weight - self.weight).square().sum() + (bias - self.bias).square().sum()
            total = loss + strength / 2 * away
            total.backward()  # type: ignore[no-untyped-call]
            return total

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return replace(self, weight=weight.detach(), bias=bias.detach())

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        scaling = (torch.from_numpy(self.mean), torch.from_numpy(self.scale))
        tensors = (*scaling, self.weight.contiguous(), self.bias.contiguous())
        write_tensors(path, dict(zip(_NAMES, tensors, strict=True)))

    @classmethod
    def read(cls, path: Path, classes: int, width: int, what: str) -> Self:
        """Read what `save` wrote; ModelError if it does not fit so many classes and numbers, with
        `what` it is."""
        tensors, _ = read_tensors(path)
        if set(tensors) != set(_NAMES):
            raise ModelError(f"{path} does not hold a model of {what}")
        forms = {
            "mean": (torch.float64, (width,)),
            "scale": (torch.float64, (width,)),
            "weight": (torch.float32, (width, classes)),
            "bias": (torch.float32, (classes,)),
        }
        if wrong := misfits(tensors, forms):
            raise ModelError(
                f"{path}: {', '.join(wrong)} do not fit a model of {classes} classes and"
                f" {width} numbers"
            )
        mean, scale, weight, bias = (tensors[name] for name in _NAMES)
        return cls(mean.numpy(), scale.numpy(), weight, bias)
