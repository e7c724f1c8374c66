"""Model 1 against expectation maximisation written out, and on pairs whose lexicon is known."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decode.lexical import LexicalModel
from elman.errors import DataError, SettingsError

Lists = list[list[int]]


def written_out(sources: Lists, targets: Lists, iterations: int) -> dict[tuple[int, int], float]:
    pairs = [([-1, *one], two) for one, two in zip(sources, targets, strict=True) if one and two]
    table = {(s, t): 1.0 for one, two in pairs for s in one for t in two}
    for _ in range(iterations):
        counts: dict[tuple[int, int], float] = defaultdict(float)
        for one, two in pairs:
            for t in two:
                total = sum(table[s, t] for s in one)
                for s in one:
                    counts[s, t] += table[s, t] / total
        sums: dict[int, float] = defaultdict(float)
        for (s, _), count in counts.items():
            sums[s] += count
        table = {(s, t): count / sums[s] for (s, t), count in counts.items()}
    return table


IDS = st.lists(st.integers(0, 5), max_size=5)


@given(
    pairs=st.lists(st.tuples(IDS, IDS), min_size=1, max_size=8).filter(
        lambda pairs: any(one and two for one, two in pairs)
    ),
    iterations=st.integers(1, 6),
)
@settings(max_examples=60)
def test_it_is_expectation_maximisation(
    pairs: list[tuple[list[int], list[int]]], iterations: int
) -> None:
    sources, targets = [one for one, _ in pairs], [two for _, two in pairs]
    model = LexicalModel.fit(sources, targets, iterations)
    expected = written_out(sources, targets, iterations)
    for s in range(-1, 7):
        row = {t: expected.get((s, t), 0.0) for t in range(7)}
        for t, probability in row.items():
            assert model.probability(s, t) == pytest.approx(probability, rel=1e-9)
        found = model.best(s, 9)
        assert len(found) == sum((s, t) in expected for t in range(7))
        assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
        assert all(p == pytest.approx(row[t], rel=1e-9) for t, p in found)


def likelihood(model: LexicalModel, sources: Lists, targets: Lists) -> float:
    return sum(
        math.log(sum(model.probability(s, t) for s in (-1, *one)) / (len(one) + 1))
        for one, two in zip(sources, targets, strict=True)
        for t in two
    )


def lexicon_pairs(count: int) -> tuple[Lists, Lists]:
    """Sources of 3 to 8 tokens of 30; target token is 100 minus source token, in any order."""
    rng = np.random.default_rng(0)
    sources = [rng.integers(0, 30, rng.integers(3, 9)).tolist() for _ in range(count)]
    return sources, [rng.permutation(100 - np.array(each)).tolist() for each in sources]


def test_it_finds_the_lexicon() -> None:
    sources, targets = lexicon_pairs(400)
    model = LexicalModel.fit(sources, targets)
    assert [model.best(s)[0][0] for s in range(30)] == [100 - s for s in range(30)]
    assert model.shortlist([4, 9, 4], 1) == [91, 96]
    assert set(model.shortlist([4, 9], 5)) > {91, 96}
    for source, target in zip(sources[:20], targets[:20], strict=True):
        links = model.align(source, target)
        assert [j for _, j in links] == list(range(len(target)))
        assert all(source[i] + target[j] == 100 for i, j in links)
    steps = [likelihood(LexicalModel.fit(sources, targets, n), sources, targets) for n in (1, 2, 5)]
    assert steps == sorted(steps)


def test_a_pruned_model_keeps_the_likeliest() -> None:
    model = LexicalModel.fit(*lexicon_pairs(100))
    small = model.pruned(3)
    assert len(small.targets) == 31 * 3 < len(model.targets)
    for s in range(-1, 31):
        assert small.best(s, 9) == model.best(s, 3)
    assert small.probability(4, 96) == model.probability(4, 96)
    again = LexicalModel(small.sources, small.targets, small.probabilities)
    assert again.best(7, 3) == small.best(7, 3)


def test_of_equal_tokens_the_nearest_is_aligned() -> None:
    model = LexicalModel.fit(*lexicon_pairs(400))
    assert model.align([3, 5, 3], [97, 95, 97]) == [(0, 0), (1, 1), (2, 2)]


def test_what_is_unknown_has_no_alignment() -> None:
    model = LexicalModel.fit([[1], [2]], [[5], [6]])
    assert model.best(3) == []
    assert model.shortlist([], 4) == []
    assert model.align([1, 3], [6, 5, 9]) == [(0, 1)]
    assert model.align([], [5]) == model.align([1], []) == []


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="2 sources and 1 targets do not make pairs"):
        LexicalModel.fit([[1], [2]], [[1]])
    with pytest.raises(DataError, match="no pair has a source and a target"):
        LexicalModel.fit([[1], []], [[], [2]])
    with pytest.raises(SettingsError, match="an id of sources=-1"):
        LexicalModel.fit([[-1]], [[2]])
    with pytest.raises(SettingsError, match="k=0"):
        LexicalModel.fit([[1]], [[2]]).best(1, 0)
