import math
import re
import xml.etree.ElementTree as ET

import pytest

from elman.svg import Band, Line, line_chart


def points(figure: str) -> list[list[tuple[float, float]]]:
    found = re.findall(r'<polyline points="([^"]*)"', figure)
    return [[tuple(map(float, p.split(","))) for p in each.split()] for each in found]


def test_a_chart_is_whole_and_in_proportion() -> None:
    figure = line_chart("step", "loss", [Line([0, 5, 10], [4.0, 2.0, 0.0], "a")], "A line.")
    ET.fromstring(figure)
    ((a, b, c),) = points(figure)
    assert a[0] < b[0] < c[0]
    assert a[1] < b[1] < c[1]  # pixels count from above
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.11)
    assert b[1] - a[1] == pytest.approx(c[1] - b[1], abs=0.11)
    texts = re.findall(r">([^<>]+)</text>", figure)
    assert {"0", "2", "4", "10", "step", "loss", "a"} <= set(texts)


def test_all_text_is_escaped() -> None:
    bad = '<script>"&'
    lines, bands = [Line([0, 1], [0, 1], bad)], [Band([0, 1], [0, 0], [1, 1], bad)]
    figure = line_chart(bad, bad, lines, bad, bands=bands, mark=(0.5, bad))
    ET.fromstring(figure)
    assert "<script" not in figure


@pytest.mark.parametrize("y", [[1.0, math.nan, 2.0, 3.0], [1.0, math.inf, 2.0, 3.0]])
def test_what_is_not_finite_is_a_gap(y: list[float]) -> None:
    figure = line_chart("x", "y", [Line([0, 1, 2, 3], y)], "A gap.")
    assert [len(each) for each in points(figure)] == [2]
    assert figure.count("<circle") == 3
    assert "nan" not in figure
    assert "inf" not in figure


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([3], [1.0]), ([3, 4], [2.0, 2.0]), ([0, 1], [math.nan] * 2)]
)
def test_hardly_any_points_can_be_drawn(x: list[float], y: list[float]) -> None:
    figure = line_chart("x", "y", [Line(x, y)], "Few.", mark=(3, "here"))
    ET.fromstring(figure)
    assert "nan" not in figure


def test_long_lines_are_thinned() -> None:
    figure = line_chart("x", "y", [Line(range(100_000), [0.0] * 100_000)], "Long.")
    assert len(figure) < 50_000


def test_numbers_of_any_size_are_told_apart() -> None:
    for scale in (1e-9, 1e-3, 1.0, 1e5, 1e12):
        figure = line_chart("x", "y", [Line([0, 1], [2 * scale, 3 * scale])], "Scales.")
        ticks = re.findall(r'text-anchor="end">([^<]+)<', figure)
        assert 3 <= len(ticks) == len(set(ticks)) <= 12
