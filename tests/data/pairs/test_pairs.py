import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Pairs
from elman.data.pairs.pairs import hash_share, text_key
from elman.errors import DataError, SettingsError


def pairs_of(sources, **fields):
    return Pairs(sources, [text.upper() for text in sources], [f"x:{text}" for text in sources])


def test_fields_are_of_one_length():
    with pytest.raises(SettingsError, match="2 sources but 1 targets"):
        Pairs(["a", "b"], ["c"], ["1", "2"])
    with pytest.raises(SettingsError, match="1 sources but 0 names"):
        Pairs(["a"], None, [])


def test_select_keeps_everything_together():
    pairs = Pairs(["a", "b", "c"], ["A", "B", "C"], ["1", "2", "3"], [1.0, 0.5, 2.0])
    chosen = pairs.select([2, 0])
    assert (chosen.sources, chosen.targets) == (["c", "a"], ["C", "A"])
    assert (chosen.names, chosen.weights) == (["3", "1"], [2.0, 1.0])
    assert Pairs(["a"], None, ["1"]).select([0]).targets is None
    with pytest.raises(DataError, match="indices"):
        pairs.select([3])


def test_the_hash_is_of_texts_sides_and_weights():
    hashes = [
        Pairs(["a"], ["b"], ["1"]).sha256,
        Pairs(["b"], ["a"], ["1"]).sha256,
        Pairs(["a", "b"], None, ["1", "2"]).sha256,
        Pairs(["ab"], None, ["1"]).sha256,
        Pairs(["a"], ["b"], ["1"], [0.5]).sha256,
        Pairs(["a"], ["b\ud800"], ["1"]).sha256,
    ]
    assert len(set(hashes)) == len(hashes)
    assert Pairs(["a"], ["b"], ["elsewhere"]).sha256 == hashes[0]


@given(st.lists(st.sampled_from(["a", "A ", " a", "b", "c  c", "C c", "d", "e"]), min_size=1))
def test_no_source_is_on_both_sides_of_a_split(sources):
    pairs = pairs_of(sources)
    if len({text_key(source) for source in sources}) < 2:
        with pytest.raises(DataError, match="1 different source texts are too few"):
            pairs.split(0.3)
        return
    first, second = pairs.split(0.3, seed=4)
    assert len(first) + len(second) == len(pairs)
    assert len(first) > 0
    assert len(second) > 0
    assert not {text_key(s) for s in first.sources} & {text_key(s) for s in second.sources}


def test_a_split_has_the_wanted_size_and_goes_by_the_text_alone():
    pairs = pairs_of([f"text {i // 2}" for i in range(400)])
    first, second = pairs.split(0.1, seed=1)
    assert (len(first), len(second)) == (360, 40)
    assert first.names == sorted(first.names, key=pairs.names.index)
    turned = pairs.select(range(len(pairs) - 1, -1, -1))
    assert set(turned.split(0.1, seed=1)[1].sources) == set(second.sources)
    assert set(pairs.split(0.1, seed=2)[1].sources) != set(second.sources)
    for fraction in (0, 1, "x"):
        with pytest.raises(SettingsError, match="fraction"):
            pairs.split(fraction)


def test_a_part_is_held_out_even_if_one_text_is_nearly_all():
    first, second = pairs_of([*["a"] * 98, "b", "b"]).split(0.01)
    assert (set(first.sources), second.sources) == ({"a"}, ["b", "b"])


def test_references_are_all_different_targets_of_a_source():
    pairs = Pairs(["x", "y", "x", "x", "X"], ["1", "2", "3", "1", "4"], list("abcde"))
    assert pairs.references() == (["x", "y", "X"], [["1", "3"], ["2"], ["4"]])
    with pytest.raises(DataError, match="no targets"):
        Pairs(["x"], None, ["a"]).references()


def test_the_hash_of_a_text_does_not_change():
    sha256 = "cdf71dea7d77"  # as sha256sum begins
    assert hash_share("good morning") == int(sha256, 16) / 2**48
    assert 0 <= hash_share("\ud800") < 1
