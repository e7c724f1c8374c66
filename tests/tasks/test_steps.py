"""Requests of several sessions answered together."""

from typing import Any

import pytest
import torch

from elman.nn import Recurrent
from elman.nn.state import as_tuple
from elman.tasks.session import Update
from elman.tasks.steps import Ask, Run, Steps, alone, together


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
def test_runs_of_any_lengths_give_what_each_gives_alone(cell: str) -> None:
    layer = Recurrent(cell, 3, 5, 2).eval()
    torch.manual_seed(0)
    states: list[Any] = [(), as_tuple(layer(torch.randn(4, 1, 3))[1])] * 4
    runs = [
        Run(layer, torch.randn(steps, 1, 3), state)
        for steps, state in zip([1, 1, 5, 7, 2, 9, 1, 30], states, strict=True)
    ]
    with torch.no_grad():
        for run, (output, state) in zip(runs, together(runs), strict=True):
            expected, last = layer(run.inputs, run.state or None)
            torch.testing.assert_close(output, expected, rtol=0, atol=2e-6)
            for mine, other in zip(state, as_tuple(last), strict=True):
                torch.testing.assert_close(mine, other, rtol=0, atol=2e-6)


def test_a_state_is_in_memory_of_its_own() -> None:
    layer = Recurrent("gru", 3, 5).eval()
    answers = together([Run(layer, torch.randn(2, 1, 3)) for _ in range(4)])
    for output, (state,) in answers:
        assert state.untyped_storage().nbytes() == state.numel() * 4
        assert output.untyped_storage().nbytes() == output.numel() * 4


def test_nan_in_one_stays_there() -> None:
    layer = Recurrent("lstm", 3, 5).eval()
    poison = tuple(torch.full((1, 1, 5), torch.nan) for _ in range(2))
    clean = tuple(torch.zeros(1, 1, 5) for _ in range(2))
    runs = [Run(layer, torch.randn(3 + i % 2, 1, 3), poison if i == 2 else clean) for i in range(5)]
    bad = [bool(output.isnan().any()) for output, _ in together(runs)]
    assert bad == [False, False, True, False, False]


def test_inputs_are_asked_together_and_a_bad_one_fails_alone() -> None:
    calls: list[list[int]] = []

    def halves(values: list[int], *, by: int = 2) -> list[int]:
        calls.append(list(values))
        if any(value % by for value in values):
            raise ValueError("odd")
        return [value // by for value in values]

    found = together([Ask(halves, [2, 4]), Ask(halves, [3]), Ask(halves, [9], {"by": 3})])
    assert (found[0], found[2]) == ([1, 2], [3])
    assert isinstance(found[1], ValueError)
    assert calls == [[2, 4, 3], [2, 4], [3], [9]]


def test_alone_answers_all_and_raises_within() -> None:
    def steps() -> Steps[list[Any]]:
        found = [(yield Ask(list, [1, 2]))]
        yield Update("on the way")
        try:
            yield Ask(lambda values: [1 / 0 for _ in values], [1])
        except ZeroDivisionError:
            found.append("caught")
        return found

    assert alone(steps()) == [[1, 2], "caught"]
