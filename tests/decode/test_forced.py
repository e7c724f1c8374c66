"""Scores of given sequences, by step, against searches and whole targets."""

from collections.abc import Callable

import pytest
import torch
from exhaustive import END, START, Given, log_probability, row, table, translator
from tiny_translator import sources

from elman.decode.forced import forced_scores
from elman.decode.search import Limits, beam
from elman.errors import SettingsError

SEQUENCES = [[2, 3, END], [], [3], [2, 2, 3, 0, END], [3, 2]]


@pytest.mark.parametrize("make", [table, translator])
def test_they_are_sums_over_steps(make: Callable[[int], Given]) -> None:
    found = forced_scores(*make(5), SEQUENCES)
    for b, (logs, ids) in enumerate(zip(found, SEQUENCES, strict=True)):
        assert len(logs) == len(ids)
        for t, log in enumerate(logs):
            before, upto = (log_probability(row(make(5), b), ids[: t + n]) for n in (0, 1))
            assert log == pytest.approx(upto - before, rel=1e-9)


def test_they_are_those_of_a_search_and_of_the_whole_target() -> None:
    model, ids, state = translator(4)
    found = [best for [best] in beam(model, ids, state, Limits(6, END, never=[START]), width=3)]
    forced = forced_scores(model, ids, state, [best.ids for best in found])
    source, lengths = sources(4)
    for b, (best, own) in enumerate(zip(found, forced, strict=True)):
        target = torch.tensor([START, *best.ids]).unsqueeze(1)
        with torch.no_grad():
            scores = model(source[:, b : b + 1], lengths[b : b + 1], target[:-1])
        whole = scores.log_softmax(-1).gather(-1, target[1:].unsqueeze(-1)).flatten()
        assert own == pytest.approx(whole.tolist(), rel=1e-9)
        assert sum(own) == pytest.approx(best.log_probability, rel=1e-9)


def test_nothing_and_too_little() -> None:
    assert forced_scores(*table(2), [[], []]) == [[], []]
    assert forced_scores(*table(0), []) == []
    with pytest.raises(
        SettingsError, match="2 tokens to continue from need as many sequences, got 1"
    ):
        forced_scores(*table(2), [[1]])
    with pytest.raises(SettingsError, match="sequences hold ids from 0 to 3, got 4"):
        forced_scores(*table(1), [[4]])
