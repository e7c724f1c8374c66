"""Whether attention covered the source: a penalty, and reranking of n-best lists by it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from elman.data.values import shown
from elman.decode.search import TokenSequence
from elman.errors import SettingsError
from elman.nn.lengths import check_lengths, mask_of


def coverage_penalty(
    weights: Tensor, lengths: Tensor | None = None, source_lengths: Tensor | None = None
) -> Tensor:
    """`sum_i log(min(sum_u a_ui, 1))` over the steps i of a source (Wu et al. 2016,
    arXiv:1609.08144, equation 14): 0 where each got attention of 1 or more in all, else below.

    **Arguments:** `weights`: attention weights (U, N, T), of U tokens of N hypotheses over T steps;
    `lengths`: (N,) int64, real tokens of the hypotheses, all if None; `source_lengths`: (N,) int64,
    real steps of their sources, all if None.

    **Returns:** (N,). A step without any attention counts as the log of the smallest normal number.

    >>> weights = torch.tensor([[[0.5, 0.5]], [[1.0, 0.0]]])
    >>> coverage_penalty(weights)
    tensor([-0.6931])
    >>> coverage_penalty(weights, source_lengths=torch.tensor([1]))
    tensor([0.])
    """
    if not isinstance(weights, Tensor) or weights.dim() != 3:
        actual = tuple(weights.shape) if isinstance(weights, Tensor) else type(weights).__name__
        raise ValueError(f"weights must have shape (U, N, T), got {actual}")
    tokens, count, steps = weights.shape
    if lengths is not None:
        real = mask_of(check_lengths(lengths, tokens, count).to(weights.device), tokens)
        weights = weights.masked_fill(~real.unsqueeze(-1), 0)
    covered = weights.sum(0).clamp(torch.finfo(weights.dtype).tiny, 1)
    if source_lengths is not None:
        real = mask_of(check_lengths(source_lengths, steps, count).to(weights.device), steps)
        covered = covered.masked_fill(~real.t(), 1)
    return covered.log().sum(-1)


def rerank(
    n_best: Sequence[Sequence[TokenSequence]], penalties: Tensor, beta: float
) -> list[list[TokenSequence]]:
    """N-best lists by `score + beta * penalty`, the best first; equal ones keep their order.

    **Arguments:** `n_best`: what a beam found; `penalties`: a number for each hypothesis, those of
    a list one after the other, (N,); `beta`: their weight, from 0.

    **Returns:** the lists, `score` the new one.

    >>> beam = [[TokenSequence([3, 1], -1.0, -1.0, True), TokenSequence([1], -1.2, -1.2, True)]]
    >>> [each.ids for each in rerank(beam, torch.tensor([-4.0, 0.0]), beta=0.2)[0]]
    [[1], [3, 1]]
    """
    if not 0 <= beta < torch.inf:
        raise SettingsError(f"beta must be a number from 0, got {shown(beta)}")
    if penalties.shape != (count := sum(map(len, n_best)),):
        raise SettingsError(f"{count} hypotheses need as many penalties, got {penalties.numel()}")
    left = iter(penalties.tolist())
    scored = [
        [replace(one, score=one.score + beta * next(left)) for one in each] for each in n_best
    ]
    return [sorted(each, key=lambda one: -one.score) for each in scored]
