"""The forecaster's commands on a table of sales, from training to a picture."""

import contextlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from elman.cli.app import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of sales and a model of them."""
    folder = tmp_path_factory.mktemp("forecast")
    days = np.arange("2024-01-01", "2024-07-01", dtype="datetime64[D]")
    lines = ["day,shop,sold"]
    for shop in ("north", "south"):
        lines += [
            f"{day},{shop},{20 + 8 * (i % 7 == 5) + i % 3}"
            for i, day in enumerate(days)
            if i not in (70, 71)
        ]
    (folder / "sales.csv").write_text("\n".join(lines))
    words = ["--horizon", "7", "--hidden-size", "8", "--max-steps", "80", "--epochs", "1"]
    columns = ["--id", "shop", "--time", "day", "--target", "sold"]
    data = ["--data", str(folder / "sales.csv"), "--out", str(folder / "run")]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), warnings.catch_warnings():
        warnings.simplefilter("default")
        main(["train", "forecast", *words, *columns, *data])
    told = "elman: warning: 4 of 364 steps have no row and are taken as missing"
    assert told in errors.getvalue()
    return folder


def test_gaps_are_told_on_the_model_card(run: Path) -> None:
    assert "4 steps without rows are taken as missing" in (run / "run" / "README.md").read_text()


def test_forecasts_are_printed_and_drawn(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["predict", str(run / "run"), "--json", "--plot", str(run / "sales.png")])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 14
    assert rows[0]["shop"] == "north"
    assert rows[0]["day"].startswith("2024-07-01")
    assert rows[0]["lo-80"] <= rows[0]["median"] <= rows[0]["hi-80"]
    assert (run / "sales.png").read_bytes().startswith(b"\x89PNG")


def test_evaluation_shows_the_rules(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", str(run / "run"), "--data", str(run / "sales.csv")])
    printed = capsys.readouterr().out
    for word in ("model", "naive", "seasonal_naive", "drift", "80 % intervals"):
        assert word in printed


@pytest.mark.parametrize(
    ("name", "message"),
    [("sales.doc", "must end in .png, .svg, .pdf"), ("nowhere/sales.png", "there is no folder")],
)
def test_where_no_picture_can_be_written(
    run: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["predict", str(run / "run"), "--plot", str(run / name)])
    assert message in capsys.readouterr().err


def test_columns_with_commas_between(capsys: pytest.CaptureFixture[str]) -> None:
    words = "train forecast --target a,b --future c --future d --dilations 1,2 --print-config"
    main(words.split())
    lines = [line.partition("#")[0].strip() for line in capsys.readouterr().out.splitlines()]
    at = lines.index("target:")
    assert lines[at + 1 : at + 3] == ["- a", "- b"]
    at = lines.index("future:")
    assert lines[at + 1 : at + 3] == ["- c", "- d"]
