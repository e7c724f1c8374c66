"""Phrases that outputs must hold, against all sequences written out."""

from collections import Counter

import pytest
from exhaustive import END, START, all_sequences, compare, ranked, row, table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from elman.decode.constraints import NoRepeatedNGrams, Prefixes
from elman.decode.search import Limits, beam, greedy
from elman.decode.terminology import Phrases
from elman.errors import SettingsError

Lists = list[list[int]]


def occurrences(phrase: list[int], ids: list[int]) -> int:
    return sum(ids[at : at + len(phrase)] == phrase for at in range(len(ids)))


def lacking(phrases: Lists, ids: list[int]) -> int:
    """Ids still to be written, if the phrases that are lacking follow one another."""
    times = Counter(map(tuple, phrases))
    left = {each: max(n - occurrences([*each], ids), 0) for each, n in times.items()}
    begun = [
        size
        for each, n in left.items()
        for size in range(1, len(each))
        if n and [*each[:size]] == ids[-size:]
    ]
    return sum(len(each) * n for each, n in left.items()) - max(begun, default=0)


def admits(phrases: Lists, ids: list[int], limits: Limits) -> bool:
    room = limits.max_length - 1
    written = ids[:-1] if ids[-1] == limits.end else ids
    if lacking(phrases, written[:room]):
        return False
    return all(lacking(phrases, ids[:t]) <= room - t for t in range(len(written)))


@pytest.mark.parametrize(
    "phrases",
    [
        [[[2, 3]], [[0]], []],
        [[[2], [3]], [[2], [2]], [[2, 2], [2, 2]]],
        [[[2, 3], [3, 0]], [[2, 3, 2]], [[0, 0, 2]]],
        [[[2, 3], [2, 0]], [[2, 2, 3], [3]], [[2], [2, 3]]],
    ],
)
def test_a_beam_of_full_width_is_exhaustive(phrases: list[Lists]) -> None:
    limits = Limits(max_length=5, end=END)
    width = len(all_sequences(limits))
    found = beam(
        *table(3),
        limits,
        width=width,
        n_best=width,
        alpha=0.6,
        constraints=[Phrases(phrases, limits)],
    )
    for b, each in enumerate(found):
        expected = ranked(
            row(table(3), b), limits, 0.6, lambda ids, b=b: admits(phrases[b], ids, limits)
        )
        compare(each, expected)
        assert len(each) > 0
        assert len(each) < width or not phrases[b]


PHRASES = st.lists(st.lists(st.integers(2, 4), min_size=1, max_size=3), max_size=3)


@given(
    phrases=st.lists(PHRASES, min_size=1, max_size=4),
    width=st.integers(1, 6),
    seed=st.integers(0, 30),
    slack=st.integers(0, 4),
)
@settings(max_examples=120)
@example(phrases=[[[2], [3]], [[3, 3], [4, 3, 2]], []], width=1, seed=17, slack=4)
def test_every_output_holds_its_phrases(
    phrases: list[Lists], width: int, seed: int, slack: int
) -> None:
    needed = max(sum(map(len, each)) for each in phrases)
    limits = Limits(max_length=needed + 1 + slack, end=END, never=[START])
    constraints = [Phrases(phrases, limits)]
    whole = table(len(phrases), 6, seed)
    found = beam(*whole, limits, width=width, n_best=width, alpha=1.0, constraints=constraints)
    found += [[each] for each in greedy(*whole, limits, constraints)]
    for each, own in zip(found, [*phrases, *phrases], strict=True):
        assert each
        for one in each:
            assert all(occurrences(phrase, one.ids) >= own.count(phrase) for phrase in own), one.ids


def test_sequences_without_phrases_are_those_of_a_search_without() -> None:
    limits = Limits(max_length=8, end=END)
    phrases = Phrases([[], [[2, 3, 2]], []], limits)
    found = beam(*table(3, 7), limits, width=4, n_best=4, constraints=[phrases])
    free = beam(*table(3, 7), limits, width=4, n_best=4)
    assert [found[0], found[2]] == [free[0], free[2]]
    assert found[1] != free[1]


def test_a_batch_has_the_bits_of_its_sequences() -> None:
    limits = Limits(max_length=12, end=END)
    phrases = [[[2, 3], [3, 4, 4]], [], [[5]], [[2], [2], [6, 2]]]
    settings = {"width": 3, "n_best": 3, "alpha": 1.0}
    together = beam(*table(4, 8), limits, constraints=[Phrases(phrases, limits)], **settings)
    for b, each in enumerate(together):
        alone = [Phrases(phrases[b : b + 1], limits)]
        assert beam(*row(table(4, 8), b), limits, constraints=alone, **settings) == [each]


def test_a_good_place_is_found_for_a_phrase() -> None:
    """A beam that shares its places finds what one that is forced at the end does not."""
    limits = Limits(max_length=12, end=END)
    phrases = Phrases([[[2, 3]]] * 20, limits)
    wide = beam(*table(20, 8), limits, width=8, constraints=[phrases])
    forced = greedy(*table(20, 8), limits, [phrases])
    better = [
        best.log_probability > one.log_probability for [best], one in zip(wide, forced, strict=True)
    ]
    assert sum(better) > 15


@pytest.mark.parametrize(
    ("phrases", "message"),
    [
        ([[[2, 3, 2], [3]]], "max_length=4 leaves no room for the 4 ids of the phrases of seq"),
        (
            [[], [[2, END]]],
            r"phrase \[2, 1\] of sequence 1 holds 1, the end or an id",
        ),
        ([[[START]]], r"phrase \[0\] of sequence 0 holds 0"),
        ([[[]]], "a phrase of sequence 0 is empty"),
        ([[2]], "phrases must be lists of ids"),
    ],
)
def test_phrases_that_cannot_be(phrases: list[Lists], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Phrases(phrases, Limits(4, END, never=[START]))


def test_searches_that_cannot_hold_their_phrases() -> None:
    limits = Limits(4, END, never=[START])
    phrases = Phrases([[[2, 3, 2]]], limits)
    for constraints, message in (
        ([phrases, phrases], "one guide, got 2"),
        ([phrases, NoRepeatedNGrams(1)], "leave no token to continue with in sequence 0"),
        ([phrases, Prefixes([[3]])], "leave no token to continue with in sequence 0"),
    ):
        with pytest.raises(SettingsError, match=message):
            beam(*table(1), limits, width=2, constraints=constraints)
    with pytest.raises(SettingsError, match="phrases are of 1 sequences, the search has 2"):
        beam(*table(2), limits, width=2, constraints=[phrases])
    with pytest.raises(SettingsError, match="phrases hold ids from 0 to 3, got 4"):
        greedy(*table(1), limits, [Phrases([[[4]]], limits)])
