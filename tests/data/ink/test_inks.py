from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data import Ink, Inks
from elman.data.splits import stratified, whole_groups
from elman.errors import DataError, SettingsError

UNHURRIED = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def dots(count, texts=None, writers=None):
    inks = [Ink.of_strokes([[(i, 0), (i, 1)]]) for i in range(count)]
    return Inks(inks, texts, writers, [f"ink {i}" for i in range(count)])


def test_select_keeps_what_belongs_together():
    inks = dots(4, list("abca"), ["x", "x", "y", "z"])
    chosen = inks.select([3, 0])
    assert chosen.texts == ["a", "a"]
    assert chosen.writers == ["z", "x"]
    assert chosen.names == ["ink 3", "ink 0"]
    assert [ink.points[0, 0] for ink in chosen] == [3, 0]
    assert inks.classes == ["a", "b", "c"]
    with pytest.raises(DataError, match="indices must be whole numbers from 0 to 3"):
        inks.select([4])


def test_lengths_must_agree():
    with pytest.raises(SettingsError, match="1 inks but 2 texts"):
        Inks([Ink.of_strokes([])], ["a", "b"], None, ["x"])


@UNHURRIED
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60).filter(
        lambda w: len(set(w)) > 1
    ),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_no_writer_is_in_both_parts(writers, fraction, seed):
    inks = dots(len(writers), None, writers)
    first, second = inks.split(fraction, seed)
    assert not set(first.writers) & set(second.writers)
    assert first.writers
    assert second.writers
    assert sorted(first.names + second.names) == sorted(inks.names)
    assert second.names == [name for name in inks.names if name in set(second.names)]


def test_the_share_of_writers_is_about_what_was_asked():
    writers = [f"w{i % 30}" for i in range(3000)]
    assert len(dots(3000, None, writers).split(0.1)[1]) == 300


def test_ink_of_unknown_writers_stays_in_the_first_part():
    inks = dots(9, None, ["", "a", "b"] * 3)
    for seed in range(5):
        first, second = inks.split(0.3, seed)
        assert first.writers.count("") == 3
        assert set(second.writers) in ({"a"}, {"b"})


def test_without_writers_texts_are_shared_out_alike():
    first, second = dots(40, list("aaab") * 10).split(0.2, seed=3)
    assert (second.texts.count("a"), second.texts.count("b")) == (6, 2)
    assert len(first) == 32
    one_writer = dots(10, list("ab") * 5, ["me"] * 10)
    assert sorted(one_writer.split(0.2)[1].texts) == ["a", "b"]
    assert len(dots(10, list("abcdefghij")).split(0.2)[1]) == 2
    assert len(dots(10).split(0.2)[1]) == 2


def test_too_few_cannot_be_split():
    with pytest.raises(DataError, match="1 inks are too few"):
        dots(1, ["a"]).split(0.5)
    with pytest.raises(SettingsError, match="fraction=2"):
        dots(4).split(2)


def test_the_hash_sees_everything():
    ink = Ink.of_strokes([[(0, 0), (1, 1)]], time=np.array([0.0, 1.0]))
    texts, writers = ["a"], ["w"]
    base = Inks([ink], texts, writers, ["n"])
    others = [
        Inks([Ink.of_strokes([[(0, 0), (1, 2)]], time=ink.time)], texts, writers, ["n"]),
        Inks([Ink.of_strokes([[(0, 0)], [(1, 1)]], time=ink.time)], texts, writers, ["n"]),
        Inks([Ink.of_strokes([[(0, 0), (1, 1)]])], texts, writers, ["n"]),
        Inks([Ink.of_strokes([[(0, 0), (1, 1)]], pressure=np.ones(2))], texts, writers, ["n"]),
        Inks([Ink.of_strokes([[(0, 0), (1, 1)]], time=ink.time, unit=1.0)], texts, writers, ["n"]),
        Inks([ink], ["b"], writers, ["n"]),
        Inks([ink], None, writers, ["n"]),
        Inks([ink], texts, ["v"], ["n"]),
        Inks([ink], ["aw"], None, ["n"]),
    ]
    assert len({base.sha256, *(other.sha256 for other in others)}) == 10
    assert base.sha256 == Inks([ink], texts, writers, ["elsewhere"]).sha256


@UNHURRIED
@given(st.lists(st.integers(1, 20), min_size=1, max_size=9), st.floats(0.05, 0.95))
def test_a_stratum_is_never_held_out_whole(sizes, fraction):
    bounds = np.cumsum([0, *sizes])
    groups = [list(range(a, b)) for a, b in pairwise(bounds)]
    out = set(stratified(groups, fraction, 1))
    assert all(set(group) - out for group in groups)
    assert abs(len(out) - sum(sizes) * fraction) <= len(sizes) + 1
    if len(groups) > 1:
        whole = set(whole_groups(groups, fraction, 1))
        assert whole
        assert whole < set(range(sum(sizes)))
        assert all(set(group) <= whole or not set(group) & whole for group in groups)
