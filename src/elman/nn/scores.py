"""Scores of many classes: their product, log probabilities and cross entropy, on a CPU by kernels
that read and write a row of scores as few times as can be."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from elman.nn import compiled

# Bytes: where rows begin at multiples of it, a product is written up to 1.5 times as fast.
_LINE = 64
# Rows and classes for which the own product was measured to be faster, 1.3 to 1.5 times.
_FEW, _MANY = range(8, 257), 256
# Classes from which on the own cross entropy with its gradients was measured to be faster: 1.02
# times with 257 classes, 1.1 with 600, 1.3 with 4,000 and more.
_SMALLEST = 256


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `torch.nn.functional.linear`; the result's rows may lie apart by more than they hold.

    >>> x, weight, bias = torch.randn(2, 3), torch.randn(5, 3), torch.randn(5)
    >>> torch.allclose(linear(x, weight, bias), F.linear(x, weight, bias), atol=1e-6)
    True
    """
    if torch.is_grad_enabled() or x.dim() < 2 or not _compiles((x, weight, bias)):
        return F.linear(x, weight, bias)
    rows = x.flatten(0, -2)
    few = len(rows) in _FEW and len(weight) >= _MANY
    found = _of_few_rows(rows, weight, bias) if few else _in_lines(rows, weight, bias)
    return found.view(*x.shape[:-1], len(weight))


def log_softmax(scores: Tensor, out: Tensor) -> Tensor:
    """The log probabilities of scores (N, V) in `out`, (N, V), without gradients."""
    if scores.is_contiguous() or scores.stride(-1) != 1 or not _compiles((scores, out)):
        return torch.log_softmax(scores, -1, out=out)
    from elman.compiler.cpu import log_softmax as kernels

    kernels.log_softmax(scores, out)
    return out


def cross_entropy(
    x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float = 0.0
) -> Tensor:
    """The cross entropy of targets (N,) by the scores `x weight^T + bias`, (N,).

    The scores' gradient, of which there would else be two copies beside the scores, takes their
    place.

    **Arguments:** `x`: (N, I); `weight`: (V, I); `bias`: (V,); `targets`: (N,) int64, 0 to V - 1;
    `smoothing`: the share of each target that is spread over all V.

    >>> x, weight, bias = torch.randn(2, 3), torch.randn(5, 3), torch.randn(5)
    >>> losses = cross_entropy(x, weight, bias, torch.tensor([4, 0]), 0.1)
    >>> losses.shape
    torch.Size([2])
    """
    own = len(x) > 0 and len(weight) >= _SMALLEST and targets.dtype == torch.int64
    if not own or not _compiles((x, weight, bias), [targets]):
        scores = F.linear(x, weight, bias)
        return F.cross_entropy(scores, targets, label_smoothing=smoothing, reduction="none")
    if not 0 <= int(targets.min()) <= int(targets.max()) < len(weight):
        raise ValueError(f"targets must be from 0 to {len(weight) - 1}")
    losses: Tensor = _CrossEntropy.apply(x, weight, bias, targets, smoothing)  # type: ignore[no-untyped-call]
    return losses


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float
    ) -> Tensor:
        from elman.compiler.cpu import log_softmax as kernels

        scores = _in_lines(x, weight, bias)
        share = scores.new_tensor(smoothing)
        losses = kernels.cross_entropy(scores, targets.contiguous(), share)
        ctx.save_for_backward(x, weight, scores)  # which are their gradient by now
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_losses: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, of_scores = ctx.saved_tensors
        each = of_losses.unsqueeze(1)
        return (
            (of_scores @ weight).mul_(each) if ctx.needs_input_grad[0] else None,
            of_scores.t() @ (x * each) if ctx.needs_input_grad[1] else None,
            of_losses @ of_scores if ctx.needs_input_grad[2] else None,
            None,
            None,
        )


def _in_lines(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The linear layer of rows (N, I), whose results (N, V) begin at multiples of a line."""
    rows = x.new_empty(len(x), _apart(weight))[:, : len(weight)]
    return torch.addmm(bias, x, weight.t(), out=rows)


def _of_few_rows(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    from elman.compiler.cpu.few_rows import product

    return product(x, weight, bias, _apart(weight))


def _apart(weight: Tensor) -> int:
    """How far from each other rows of scores are to lie."""
    line = _LINE // weight.element_size()
    return -(-len(weight) // line) * line


def _compiles(numbers: Sequence[Tensor], others: Sequence[Tensor] = ()) -> bool:
    return compiled.lack() is None and compiled.takes(numbers, others)
