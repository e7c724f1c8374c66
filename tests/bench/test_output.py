"""Tables, lines, pictures and progress, of rows that are made up."""

import io
import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

from elman.bench import markdown, plot, progress, report, text
from elman.bench.compare import Comparison
from elman.bench.measurement import Row
from elman.errors import SettingsError

BIG, SMALL = (100, 32, 64, 64), (100, 1, 64, 64)
ROWS = [
    Row("lstm", SMALL, "inference", "torch.nn", 0.02, 0.01, 4 * 10**8, 1e11),
    Row("lstm", SMALL, "inference", "jax", 0.04, 0.01, 4 * 10**8, 1e11),
    Row("lstm", BIG, "inference", "torch.nn", 0.08, 0.01, 5 * 10**8, 1e11),
    Row("lstm", BIG, "train", "torch.nn", 0.005, 0.01, 5 * 10**8, 1e11),
    Row("mgu", SMALL, "inference", "jax", 0.03, 0.01, 2 * 10**8, 1e11),
    Row("mgu", (1, 1, 64, 64), "step", "jax", 0.001, 0.002, 10**6),
    Row("cifg", BIG, "gates train", "lstm per gate", 0.02, 0.02),
]


def test_markdown() -> None:
    text = markdown.tables(ROWS)
    head, _, rest = text.partition("\n")
    assert head.endswith("the rival's time divided by elman's, more than 1 is faster.")
    assert (
        rest.strip()
        == """\
inference / train:

| T, B, I, H | lstm / torch.nn | mgu / jax |
|---|---|---|
| 100, 1, 64, 64 | 2.00 / – | 3.00 / – |
| 100, 32, 64, 64 | 8.00 / 0.50 | – / – |
| geometric mean | 4.00 / 0.50 | 3.00 / – |

| T, B, I, H | lstm / jax |
|---|---|
| 100, 1, 64, 64 | 4.00 / – |

step:

| T, B, I, H | mgu / jax |
|---|---|
| 1, 1, 64, 64 | 0.50 |

gates train:

| T, B, I, H | cifg / lstm per gate |
|---|---|
| 100, 32, 64, 64 | 1.00 |

elman's share of the float32 peak, 100 Gflop/s, in %, inference / train:

| T, B, I, H | lstm | mgu |
|---|---|---|
| 100, 1, 64, 64 | 40 / – | 20 / – |
| 100, 32, 64, 64 | 50 / 50 | – / – |"""
    )


def test_a_machine_that_was_not_quiet_is_told() -> None:
    text = markdown.tables([*ROWS, ROWS[0]._replace(others=0.41)])
    assert text.endswith(
        "Measure again: other processes took up to 41% of the processors"
        " (lstm 100,1,64,64 inference)."
    )


def test_lines_come_as_they_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    made = text.printed(iter(ROWS), as_json=False)
    assert next(made) is ROWS[0]
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "cell\tT,B,I,H\tmode\tagainst\tits ms\tms\tratio\t% of peak\t% others"
    assert out[1] == "lstm\t100,1,64,64\tinference\ttorch.nn\t20.0\t10.0\t2.0\t40.0\t0"
    assert len(out) == 2
    assert list(made) == ROWS[1:]
    assert capsys.readouterr().out.splitlines()[-1].endswith("1.0\t\t0")


def test_columns_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    list(text.printed(ROWS, as_json=False))
    out = stream.getvalue().splitlines()
    assert len({len(line) for line in out}) == 1
    assert len(out[0]) <= 100


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    list(text.printed(ROWS, as_json=True))
    first, *_, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        **{"cell": "lstm", "T,B,I,H": "100,1,64,64", "mode": "inference", "against": "torch.nn"},
        **{"T": 100, "B": 1, "I": 64, "H": 64, "its ms": 20.0, "ms": 10.0, "ratio": 2.0},
        **{"% of peak": 40.0, "its % of peak": 20.0, "% others": 0},
    }
    assert last["% of peak"] is None


def test_a_picture(tmp_path: Path) -> None:
    plot.save(ROWS, tmp_path / "ratios.png")
    image = matplotlib.image.imread(tmp_path / "ratios.png")
    assert min(image.shape[:2]) > 500
    plot.save(ROWS, tmp_path / "ratios.SVG")
    ElementTree.parse(tmp_path / "ratios.SVG")


@pytest.mark.parametrize(
    ("name", "message"),
    [("ratios.jpeg", "must end in .png"), ("ratios", "must end"), ("no/ratios.png", "no folder")],
)
def test_places_where_no_picture_can_be(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        report([Comparison("never made", none)], 0.0, plot_path=tmp_path / name)


def none(seconds: float) -> list[Row]:
    return []


def test_nothing_to_compare() -> None:
    with pytest.raises(SettingsError, match="there is nothing to compare"):
        report([Comparison("x", none)], 0.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


PLAN = [Comparison(f"gru {n}", lambda seconds: ROWS[:1]) for n in range(4)]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    streams = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", streams[0])
    monkeypatch.setattr(sys, "stdout", streams[1])
    for _ in progress.shown(PLAN):
        print("a row")
    assert "gru 2" in streams[0].getvalue()
    assert "4/4" in streams[0].getvalue()
    assert streams[1].getvalue() == "a row\n" * 4


def test_lines_now_and_then_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 3.0, 6.0, 6.0, 8.0, 12.0, 12.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    assert list(progress.shown(PLAN)) == PLAN
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["comparison 2/4  gru 1", "comparison 4/4  gru 3"]


def test_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    report(PLAN, 0.0, as_markdown=True, plot_path=tmp_path / "x.pdf")
    assert capsys.readouterr().out == markdown.tables(ROWS[:1] * 4) + "\n"
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
