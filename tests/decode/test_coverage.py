"""The coverage penalty against its formula written out, and n-best lists ranked by it."""

import math

import pytest
import torch

from elman.decode.coverage import coverage_penalty, rerank
from elman.decode.search import TokenSequence
from elman.errors import SettingsError


def test_it_is_the_formula_over_what_is_real() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(6, 4, 5, generator=generator, dtype=torch.float64).softmax(-1)
    lengths, source_lengths = torch.tensor([6, 1, 3, 0]), torch.tensor([5, 2, 3, 0])
    actual = coverage_penalty(weights, lengths, source_lengths)
    for n, (tokens, steps) in enumerate(zip(lengths, source_lengths, strict=True)):
        sums = [sum(float(weights[u, n, t]) for u in range(tokens)) for t in range(steps)]
        expected = sum(math.log(min(each, 1.0)) for each in sums)
        assert float(actual[n]) == pytest.approx(expected, rel=1e-12)
    assert float(actual[1]) < 0
    torch.testing.assert_close(coverage_penalty(weights)[:1], actual[:1])


def test_padding_does_not_count() -> None:
    weights = torch.rand(3, 2, 4)
    lengths, source_lengths = torch.tensor([2, 3]), torch.tensor([3, 4])
    expected = coverage_penalty(weights, lengths, source_lengths)
    weights[2, 0], weights[:, 0, 3] = torch.nan, torch.nan
    assert torch.equal(coverage_penalty(weights, lengths, source_lengths), expected)


def test_a_step_without_attention_is_finite() -> None:
    penalty = coverage_penalty(torch.tensor([[[1.0, 0.0]]]))
    assert float(penalty) == pytest.approx(math.log(torch.finfo(torch.float32).tiny))


def test_lists_are_ranked_by_score_and_penalty() -> None:
    lists = [
        [TokenSequence([n], -1.0, -1.0 - n, True) for n in range(3)],
        [],
        [TokenSequence([7], -2.0, -2.0, False)],
    ]
    penalties = torch.tensor([-10.0, -1.0, 0.0, -3.0])
    again = rerank(lists, penalties, 1.0)
    assert [[one.ids for one in each] for each in again] == [[[1], [2], [0]], [], [[7]]]
    assert [one.score for one in again[0]] == [-3.0, -3.0, -11.0]
    assert again[2][0] == TokenSequence([7], -2.0, -5.0, False)
    assert rerank(lists, penalties, 0.0) == lists


def test_what_cannot_be_ranked() -> None:
    lists = [[TokenSequence([7], -2.0, -2.0, False)]]
    with pytest.raises(SettingsError, match="1 hypotheses need as many penalties, got 2"):
        rerank(lists, torch.zeros(2), 1.0)
    with pytest.raises(SettingsError, match="beta must be a number from 0, got -1"):
        rerank(lists, torch.zeros(1), -1.0)
    with pytest.raises(ValueError, match=r"weights must have shape \(U, N, T\), got \(2, 3\)"):
        coverage_penalty(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="lengths"):
        coverage_penalty(torch.zeros(2, 3, 4), torch.tensor([1]))
