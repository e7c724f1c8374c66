from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.decode.error_rates import ErrorRate, align, cer, count, show, wer
from elman.errors import DataError, SettingsError


def distance(a: str, b: str) -> int:
    """The fewest edits by recursion."""

    @cache
    def of(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return of(len(a), len(b))


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_the_edits_are_the_fewest_and_make_one_of_the_other(a: str, b: str) -> None:
    edits = align(a, b)
    assert "".join(edit.reference for edit in edits) == a
    assert "".join(edit.hypothesis for edit in edits) == b
    assert all((edit.kind == "=") == (edit.reference == edit.hypothesis) for edit in edits)
    found = count(edits)
    assert found.errors == distance(a, b)
    assert found.length == len(a)


def test_rates() -> None:
    assert wer(["a b c", "d"], ["a x c y", ""]) == ErrorRate(1, 1, 1, 4)
    assert wer(["a"], ["b c d"]).rate == 3
    assert cer(["a  b"], [" a b "]).rate == 0
    assert cer(["ab", "c"], ["a", "cd"]) == ErrorRate(0, 1, 1, 3)
    assert wer([], []).rate == wer([""], [" "]).rate == 0
    assert wer([""], ["a"]).rate == float("inf")
    assert str(wer(["a b"], ["a c"])) == "50.00 % (1 substituted, 0 inserted, 0 deleted of 2)"


def test_texts_must_match() -> None:
    with pytest.raises(DataError, match="2 references but 1 hypotheses"):
        wer(["a", "b"], ["a"])
    with pytest.raises(SettingsError, match="hypotheses is one string"):
        cer(["a"], "a")


def test_shown_one_below_the_other() -> None:
    lines = show(align(["go", "three", "nine"], ["stop", "go", "tree"])).splitlines()
    assert lines == [
        "REF  **** go three nine",
        "HYP  stop go ***** tree",
        "      I        D    S",
    ]


def test_long_texts_are_quick() -> None:
    said = [str(i % 97) for i in range(3000)]
    heard = [word for i, word in enumerate(said) if i % 10]
    assert count(align(said, heard)) == ErrorRate(0, 0, 300, 3000)
