import numpy as np
import pytest

from elman.data import Ink, Inks, check_inks
from elman.errors import DataError, SettingsError

LINE = Ink.of_strokes([[(i, i % 3) for i in range(12)]])


def check(*inks, texts=None, **options):
    names = [f"n{i}" for i in range(len(inks))]
    return check_inks(Inks(list(inks), texts, None, names), **options)


def kinds(found):
    return [(problem.name, problem.kind) for problem in found.problems]


def test_good_ink_has_no_problems():
    found = check(LINE, texts=["a"])
    assert found.problems == ()
    assert found.summary() == (
        "1 pieces of ink, 1 strokes, 12 points; 1 different texts\nnothing is wrong with them"
    )


def test_each_kind_is_found_and_told():
    jump = LINE.points.copy()
    jump[6:] += [400, 0]
    stand = np.repeat(LINE.points, 3, axis=0)
    time = np.arange(12.0)
    time[5] = 3.5
    found = check(
        LINE,
        Ink.of_strokes([]),
        Ink.of_strokes([[(1, 1)]]),
        Ink(LINE.points + 1, LINE.starts, time),
        LINE.placed(jump),
        Ink.of_strokes([stand]),
        Ink.of_strokes([LINE.points]),
    )
    assert kinds(found) == [
        ("n1", "no strokes"),
        ("n2", "one point"),
        ("n3", "time runs back"),
        ("n4", "jump"),
        ("n5", "repeated points"),
        ("n6", "drawn twice"),
    ]
    assert [problem.message for problem in found.problems[2:]] == [
        "time runs back by 0.5 s at point 5",
        "a jump of 401 at point 6, 284 times the median step",
        "69% of the points are at the place of the point before",
        "it is the same as n0",
    ]
    assert found.usable.names == ["n0", "n2", "n3", "n4", "n5", "n6"]
    assert "1 no strokes, left out" in found.summary()
    assert "1 jump\n" in found.summary()


def test_a_jump_between_strokes_is_none():
    far = Ink.of_strokes([LINE.points, LINE.points + 900])
    assert check(far).problems == ()


def test_texts_are_asked_for_where_there_are_any():
    assert kinds(check(LINE, LINE.placed(LINE.points + 1), texts=["a", " "])) == [("n1", "no text")]
    without = Inks([LINE], None, None, ["n0"])
    assert kinds(check_inks(without)) == []
    assert kinds(check_inks(without, texts=True)) == [("n0", "no text")]


def test_what_could_not_be_read_is_told_and_nothing_else_lost():
    inks = Inks([LINE], None, None, ["a"], {0: "b.inkml:3: bad XML"})
    found = check_inks(inks)
    assert kinds(found) == [("number 0", "unreadable")]
    assert len(found.usable) == 1


def test_nothing_usable_is_an_error():
    found = check(Ink.of_strokes([]))
    with pytest.raises(DataError, match="no ink can be used; n0: it has no strokes"):
        _ = found.usable


def test_wrong_arguments():
    with pytest.raises(SettingsError, match="check_inks takes what read_inks gives, not a list"):
        check_inks([LINE])
    with pytest.raises(SettingsError, match="jump"):
        check(LINE, jump=0)
    with pytest.raises(SettingsError, match="repeated"):
        check(LINE, repeated=2)
