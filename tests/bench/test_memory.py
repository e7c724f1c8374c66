"""The laboratory: cells are taught and measured, predictions ranked."""

import math

import pytest

from elman.bench import memory
from elman.bench.memory import (
    Outcome,
    check,
    correlations,
    network,
    page,
    rank_correlation,
    reached,
)
from elman.errors import SettingsError


def made(name: str, lag: int, predicted: float, score: float, task: str = "adding") -> Outcome:
    return Outcome(task, name, lag, lag, predicted, predicted, score, 0.1, 5, 1.0)


@pytest.mark.parametrize("task", memory.TASKS)
@pytest.mark.parametrize("name", memory.CONTENDERS)
def test_every_contender_does_every_task(name: str, task: str) -> None:
    outcome = memory.run(name, task, 4, hidden_size=8, steps=3)
    assert (outcome.task, outcome.contender, outcome.lag) == (task, name, 4)
    assert 0 <= outcome.score <= 1
    assert 0 <= outcome.predicted <= outcome.steps
    assert outcome.training_steps <= 3


def test_a_simple_network_is_taught_a_short_sum() -> None:
    outcome = memory.run("gru", "adding", 6, hidden_size=16, steps=400)
    assert outcome.score > 0.9
    assert outcome.metric < 0.02


def test_the_same_seed_is_the_same_network() -> None:
    one, same, other = (network("gru", "adding", 50, 8, seed) for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert (one.head.weight != other.head.weight).any()


def test_who_reached_how_far() -> None:
    outcomes = [made("a", 10, 5, 1.0), made("a", 30, 5, 0.1), made("a", 100, 5, 1.0)]
    outcomes += [made("b", 10, 5, 0.2), made("c", 10, 5, 0.95), made("c", 30, 5, 0.95)]
    expected = {("adding", "a"): 10, ("adding", "b"): 0, ("adding", "c"): 30}
    assert reached(outcomes) == expected


def test_ranks_are_correlated_task_by_task() -> None:
    good = [made(n, 10, p, s) for n, p, s in (("a", 1, 0.0), ("b", 3, 0.5), ("c", 10, 1.0))]
    bad = [made(n, 10, p, s, "copy") for n, p, s in (("a", 9, 0.0), ("b", 3, 0.5), ("c", 1, 1.0))]
    assert rank_correlation(good) == 1
    assert rank_correlation(bad) == -1
    assert rank_correlation(good + bad) == 0
    assert math.isnan(rank_correlation(good[:2]))
    assert correlations(good).startswith("Rank correlation of score and memory: 1.00 predicted")
    text = page(good + bad)
    assert text.count("<svg") == 4
    assert "<script" not in text


def test_what_is_unknown_is_told() -> None:
    with pytest.raises(SettingsError, match="cell 'foo' is unknown; there are rnn"):
        check(["foo"], [], [])
    with pytest.raises(SettingsError, match="task 'foo' is unknown; there are adding"):
        check([], ["foo"], [])
    with pytest.raises(SettingsError, match="lag 1 is too short"):
        check([], [], [1])
