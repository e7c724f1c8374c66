import re

import matplotlib
import numpy as np
import pytest
from pages import checked

from elman import html


def line_chart(caption: str) -> str:
    ax = html.axes("step", "loss <nats>")
    ax.plot([0, 1, 2], [3.0, 2.0, 1.5], color=html.SERIES[0], marker="o", label="train")
    ax.plot([0, 1, 2], [3.1, 2.2, 1.9], color=html.SERIES[1], label="test")
    return html.chart(ax, caption)


def test_a_page_with_everything_is_whole_and_loads_nothing() -> None:
    parts = [
        html.text("a < b & c"),
        html.strong("what matters"),
        html.preformatted("  two\n  lines </pre>"),
        html.facts({"size": 3, "cell": "<gru>"}),
        html.table(["name", "value"], [["x", 1], ["y", 2.5]], caption="<Values>", stacked=True),
        html.confusion(["a", "b"], np.array([[3, 1], [0, 0]]), caption="What for what"),
        html.charts(line_chart("One"), line_chart("Two")),
    ]
    page = html.page('"A" & B', [html.Section("P <1>", parts)], lead="x > y", generator="g")
    text = checked(page)
    for expected in ("a < b & c", "two\n  lines </pre>", "<gru>", "P <1>", "loss <nats>", "75.0%"):
        assert expected in text
    assert page.count("<svg") == 2


def test_charts_take_their_colours_from_the_page() -> None:
    svg = line_chart("Loss")
    assert {"var(--ink)", "var(--s1)", "var(--s2)", "var(--faint)"} <= set(
        re.findall(r"var\(--\w+\)", svg)
    )
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]\b", svg)
    assert "(--s1)" in html.page("t", []).replace("var", "") or "--s1:" in html.page("t", [])


def test_a_chart_is_the_same_twice_and_whatever_matplotlib_is_set_to() -> None:
    first = line_chart("Loss")
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        second = line_chart("Loss")
        assert matplotlib.rcParams["svg.fonttype"] == "path"
    assert first == second


def test_a_heat_map_shows_shares_of_each_row() -> None:
    page = html.confusion(["a", "b"], np.array([[1, 3], [0, 0]]))
    shares = re.findall(r"<small>([\d.]+)%</small>", page)
    assert [float(share) for share in shares] == [25.0, 75.0, 0.0, 0.0]


@pytest.mark.parametrize(("value", "shown"), [(1.234, "1.23"), (7, "7"), ("<x>", "&lt;x&gt;")])
def test_cells(value: object, shown: str) -> None:
    assert f">{shown}</td>" in html.table(["a"], [[value]])


def test_many_short_labels_head_their_columns_themselves() -> None:
    digits = [str(i) for i in range(10)]
    assert "<th>0</th><th>1</th>" in html.confusion(digits, np.eye(10, dtype=np.int64))
    words = [f"class {i}" for i in range(10)]
    assert "<th>1</th><th>2</th>" in html.confusion(words, np.eye(10, dtype=np.int64))
