"""All sequences that a small model can write, with what it gives them: the oracle of searches."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_translator import sources, tiny_translator
from torch import Tensor

from elman.decode.search import Limits, TokenSequence, length_penalty

START, END, SYMBOLS = 0, 1, 4
Given = tuple[Any, Tensor, Any]  # a model, ids to go on from and the state


def translator(count: int) -> Given:
    model = tiny_translator(SYMBOLS, num_layers=2, kind="general", spread=3.0)
    with torch.no_grad():
        return model, torch.full((count,), START), model.encode(*sources(count))


def row(given: Given, b: int) -> Given:
    model, ids, state = given
    return model, ids[b : b + 1], state and tuple(part[:, b : b + 1] for part in state)


@torch.no_grad()
def log_probability(given: Given, ids: list[int]) -> float:
    model, token, state = given
    total = 0.0
    for id in ids:
        scores, state = model.step(token, state)
        total += float(scores[0].log_softmax(-1)[id])
        token = torch.tensor([id])
    return total


def all_sequences(limits: Limits) -> list[list[int]]:
    """Every sequence within the limits: with the end last, or as long as can be without one."""
    own = [id for id in range(SYMBOLS) if id not in (limits.end, *limits.never)]
    found = [list(each) for each in itertools.product(own, repeat=limits.max_length)]
    if limits.end is not None:
        for length in range(limits.min_length, limits.max_length):
            found += [[*each, limits.end] for each in itertools.product(own, repeat=length)]
    return found


def ranked(
    given: Given,
    limits: Limits,
    alpha: float,
    admits: Callable[[list[int]], bool] = lambda _: True,
) -> list[tuple[float, list[int]]]:
    """The sequences that are admitted, with their scores, the best first."""
    scored = [
        (log_probability(given, ids) / length_penalty(len(ids), alpha), ids)
        for ids in all_sequences(limits)
        if admits(ids)
    ]
    return sorted(scored, reverse=True)


def compare(found: list[TokenSequence], expected: list[tuple[float, list[int]]]) -> None:
    assert [each.ids for each in found] == [ids for _, ids in expected]
    for each, (score, _) in zip(found, expected, strict=True):
        assert each.score == pytest.approx(score, rel=1e-9)


class Table:
    """Scores by rows of a table, so that no sequence of a batch can touch another one's bits."""

    def __init__(self, symbols: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.scores = torch.randn(97, symbols, generator=generator).to(dtype) * 2

    def step(self, ids: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The row depends on all that was read."""
        which = (state[0][0, :, 0] * 31 + ids * 7 + 3) % len(self.scores)
        return self.scores[which], (which.view(1, -1, 1),)


def table(count: int, symbols: int = SYMBOLS, seed: int = 0, dtype: Any = torch.float64) -> Given:
    ids = torch.full((count,), START)
    return Table(symbols, seed, dtype), ids, (torch.arange(count).view(1, -1, 1) * 5,)
