"""Constraints against all sequences written out and filtered."""

from collections.abc import Callable, Sequence

import pytest
import torch
from exhaustive import END, START, all_sequences, compare, ranked, row, table, translator
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decode.constraints import Constraint, NoRepeatedNGrams, Prefixes, Shortlist
from elman.decode.sampling import Sampling
from elman.decode.search import Limits, beam, greedy, sample
from elman.errors import SettingsError

LIMITS = Limits(max_length=4, end=END)
PREFIXES = [[2], [3, 2], [], [3, 3, 0]]
ALLOWED = [[1, 2], [1, 2, 3], [0, 1, 2, 3], [1]]


def has_no_repeat(ids: list[int], size: int) -> bool:
    grams = [tuple(ids[at : at + size]) for at in range(len(ids) - size + 1)]
    return len(set(grams)) == len(grams)


CASES: dict[str, tuple[list[Constraint], Callable[[int, list[int]], bool]]] = {
    "prefixes": ([Prefixes(PREFIXES)], lambda b, ids: ids[: len(PREFIXES[b])] == PREFIXES[b]),
    "unigrams": ([NoRepeatedNGrams(1)], lambda _, ids: has_no_repeat(ids, 1)),
    "bigrams": ([NoRepeatedNGrams(2)], lambda _, ids: has_no_repeat(ids, 2)),
    "shortlist": ([Shortlist(ALLOWED)], lambda b, ids: set(ids) <= set(ALLOWED[b])),
    "all": (
        [Prefixes([[2], [3], [], []]), NoRepeatedNGrams(1), Shortlist(ALLOWED)],
        lambda b, ids: (
            ids[:1] == [[2], [3], ids[:1], ids[:1]][b]
            and has_no_repeat(ids, 1)
            and set(ids) <= set(ALLOWED[b])
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("make", [table, translator])
def test_a_constrained_beam_of_full_width_is_exhaustive(
    name: str, make: Callable[[int], tuple[object, ...]]
) -> None:
    constraints, admits = CASES[name]
    whole, width = make(4), len(all_sequences(LIMITS))
    found = beam(*whole, LIMITS, width=width, n_best=width, alpha=0.6, constraints=constraints)
    for b, each in enumerate(found):
        expected = ranked(row(whole, b), LIMITS, 0.6, lambda ids, b=b: admits(b, ids))
        compare(each, expected[: len(each)])
        assert len(each) == len(expected) < width or b == 2


@pytest.mark.parametrize("name", CASES)
def test_one_sequence_each_keeps_to_constraints(name: str) -> None:
    constraints, admits = CASES[name]
    generators = [torch.Generator().manual_seed(b) for b in range(4)]
    drawn = sample(*table(4), LIMITS, Sampling(temperature=3.0), generators, constraints)
    likeliest = greedy(*table(4), LIMITS, constraints)
    assert all(admits(b, each.ids) for b, each in enumerate(drawn))
    assert all(admits(b, each.ids) for b, each in enumerate(likeliest))
    narrow = beam(*table(4), LIMITS, width=1, constraints=constraints)
    assert [each.ids for each in likeliest] == [best.ids for [best] in narrow]


@given(
    count=st.integers(1, 6),
    seed=st.integers(0, 20),
    width=st.integers(1, 5),
    size=st.integers(1, 3),
    prefix=st.lists(st.integers(2, 8), max_size=3, unique=True),
)
@settings(max_examples=40)
def test_a_batch_has_the_bits_of_its_sequences(
    count: int, seed: int, width: int, size: int, prefix: list[int]
) -> None:
    limits = Limits(max_length=7, end=END, min_length=2, never=[START])
    prefixes = [prefix[: b % 4] for b in range(count)]

    def search(b: Sequence[int]) -> list[object]:
        ids, state = torch.zeros(len(b), dtype=torch.int64), torch.tensor(b).view(1, -1, 1)
        model = table(1, 9, seed, torch.float32)[0]
        constraints = [Prefixes([prefixes[each] for each in b]), NoRepeatedNGrams(size)]
        best = beam(
            model, ids, (state,), limits, width=width, n_best=width, constraints=constraints
        )
        one = greedy(model, ids, (state,), limits, constraints)
        return list(zip(best, one, strict=True))

    assert search(range(count)) == [search([b])[0] for b in range(count)]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: NoRepeatedNGrams(0), "size=0"),
        (lambda: Prefixes([3]), r"prefixes must be lists of ids, got \[3\]"),  # type: ignore[list-item]
        (lambda: Prefixes([[-1]]), "an id of prefixes=-1"),
        (lambda: run(Prefixes([[0]])), "prefixes are of 1 sequences, the search has 2"),
        (lambda: run(Shortlist([[0]])), "allowed are of 1 sequences, the search has 2"),
        (lambda: run(Prefixes([[0], [4]])), "prefixes hold ids from 0 to 3, got 4"),
        (lambda: run(Shortlist([[0], [9]])), "allowed hold ids from 0 to 3, got 9"),
        (
            lambda: run(Shortlist([[1, 2], []])),
            "the constraints leave no token to continue with in sequence 1 of the batch",
        ),
        (
            lambda: run(Shortlist([[0, 1, 2], [2]]), Prefixes([[], [3]])),
            "the constraints leave no token to continue with in sequence 1 of the batch",
        ),
    ],
)
def test_constraints_that_cannot_work(ask: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ask()


def run(*constraints: Constraint) -> None:
    with pytest.raises(SettingsError) as first:
        greedy(*table(2), LIMITS, constraints)
    with pytest.raises(SettingsError) as second:
        beam(*table(2), LIMITS, width=3, constraints=constraints)
    assert str(first.value) == str(second.value)
    raise first.value
