"""Series from tables of every shape."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Columns, read_panel
from elman.data.series.calendar import Calendar
from elman.data.series.calendar_search import calendar_of
from elman.errors import DataError, SettingsError


@pytest.mark.parametrize(
    ("times", "kind", "step", "season"),
    [
        (["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"], "seconds", 3600, 24),
        (["2024-01-01 00:07", "2024-01-01 00:22", "2024-01-01 00:37"], "seconds", 900, 96),
        (["2024-02-28", "2024-02-29", "2024-03-01"], "seconds", 86400, 7),
        (["2024-01-07", "2024-01-14", "2024-01-21"], "seconds", 7 * 86400, 52),
        (["1949-01", "1949-02", "1949-03"], "months", 1, 12),
        (["2023-01-31", "2023-02-28", "2023-03-31"], "months", 1, 12),
        (["2023-01-01", "2023-04-01", "2023-07-01"], "months", 3, 4),
        (["2020-01-01", "2021-01-01", "2022-01-01"], "months", 12, 1),
    ],
)
def test_calendars_are_found(times: list[str], kind: str, step: int, season: int) -> None:
    dates = np.array(times, "datetime64[s]")
    calendar = calendar_of(dates, np.zeros(3, int), None)
    assert (calendar.kind, calendar.step, calendar.season) == (kind, step, season)
    assert calendar.positions(dates).tolist() == [0, 1, 2]
    assert (calendar.times(np.arange(3)) == dates).all()
    features = calendar.features(dates)
    assert features.dtype == np.float32
    assert np.abs(features).max() <= 1


def test_business_days_leave_out_the_weekend() -> None:
    days = np.busday_offset("2024-01-01", np.arange(30)).astype("datetime64[s]")
    calendar = calendar_of(days, np.zeros(30, int), None)
    assert (calendar.kind, calendar.season) == ("business", 5)
    assert calendar.positions(days).tolist() == list(range(30))
    assert (calendar.times(np.arange(30)) == days).all()


@given(
    name=st.sampled_from(["s", "min", "15min", "h", "D", "W", "MS", "QS", "YS", "B"]),
    count=st.integers(1, 50),
)
def test_positions_and_times_are_inverse(name: str, count: int) -> None:
    origin = np.array(["2024-02-01T00:00:00"], "datetime64[s]")
    calendar = calendar_of(origin, np.zeros(1, int), name)
    positions = np.arange(count)
    assert (calendar.positions(calendar.times(positions)) == positions).all()


@pytest.mark.parametrize(
    ("frequency", "message"),
    [("x", "frequency='x' is unknown"), ("0h", "unknown"), ("5", "for times as numbers")],
)
def test_bad_frequencies(frequency: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        calendar_of(np.array(["2024-01-01"], "datetime64[s]"), np.zeros(1, int), frequency)


def rows() -> dict[str, list[object]]:
    return {
        "unique_id": ["a", "b", "a", "b", "a"],
        "ds": ["2024-01-02", "2024-01-05", "2024-01-01", "2024-01-07", "2024-01-03"],
        "y": [2, 5.5, 1, "7", None],
        "price": [0.2, 0.5, 0.1, 0.7, 0.3],
        "shop": ["north", "south", "north", "south", "north"],
    }


@pytest.mark.parametrize("kind", ["dict", "pandas", "polars", "csv", "parquet"])
def test_long_tables_of_every_kind(kind: str, tmp_path: Path) -> None:
    columns = Columns(future=("price",), static=("shop",))
    given = rows()
    if kind in ("pandas", "polars", "parquet"):
        given["y"] = [2.0, 5.5, 1.0, 7.0, None]
    data: object = given
    if kind == "pandas":
        data = pd.DataFrame(given)
    elif kind == "polars":
        data = pl.DataFrame(given)
    elif kind == "csv":
        data = tmp_path / "sales.csv"
        pd.DataFrame(given).to_csv(data, index=False)
    elif kind == "parquet":
        data = tmp_path / "sales.parquet"
        pl.DataFrame(given).write_parquet(data)
    panel = read_panel(data, columns, frequency="D")
    a, b = panel.series
    assert (a.name, b.name, a.start, b.start) == ("a", "b", 0, 4)
    assert a.y.ravel().tolist() == [1, 2]
    np.testing.assert_array_equal(b.y.ravel(), [5.5, np.nan, 7])
    assert a.future.ravel().tolist() == [0.1, 0.2, 0.3]
    assert (a.static, b.static) == (("north",), ("south",))
    assert panel.notes == (
        "the rows were not in order of time, and were sorted",
        "1 step without a row is taken as missing",
    )
    back = panel.frame({"ds": panel.times(b, 0, 3), "x": [1, 2, 3]})
    expected = {"pandas": pd.DataFrame, "polars": pl.DataFrame}.get(kind, dict)
    assert isinstance(back, expected)


def test_wide_tables(tmp_path: Path) -> None:
    panel = read_panel({"ds": ["2024-01", "2024-02"], "tea": [1, 2], "rice": [3, None]})
    assert [(s.name, s.y.ravel().tolist()) for s in panel.series] == [
        ("tea", [1.0, 2.0]),
        ("rice", [3.0]),
    ]
    path = tmp_path / "m.csv"
    path.write_text("V1,V2,V3,V4\nH1,5,6,7\nH2,8,9,\n")
    panel = read_panel(path)
    assert [(s.name, s.y.ravel().tolist()) for s in panel.series] == [
        ("H1", [5.0, 6.0, 7.0]),
        ("H2", [8.0, 9.0]),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ds": ["2024-01-01"] * 5}, r"row \d: a second row for 2024-01-01T00:00:00 of a"),
        ({"y": [1, 2, float("inf"), 4, 5]}, "row 3: y is infinite"),
        ({"y": [1, 2, "much", 4, 5]}, "row 3: y is 'much', not a number"),
        ({"y": [None, 1, None, 2, None]}, "the series a has no value of y"),
        ({"ds": ["2024-01-02", "2024-01-05", "31.1.2024", "x", "y"]}, "row 3: ds is '31.1.2024'"),
        ({"ds": ["2024-01-02", "", "2024-01-01", "x", "y"]}, "row 2: ds is missing"),
        ({"unique_id": ["a", "b", None, "b", "a"]}, "row 3: unique_id is missing"),
        ({"shop": ["north", "south", "west", "south", "north"]}, "static column shop is 'north'"),
        ({"price": None}, "has no column 'price'"),
    ],
)
def test_bad_tables(change: dict[str, list[object]], message: str) -> None:
    given = {name: v for name, v in (rows() | change).items() if v is not None}
    with pytest.raises(DataError, match=message):
        read_panel(given, Columns(future=("price",), static=("shop",)))


def test_times_between_steps_are_an_error() -> None:
    times = ["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 02:30"]
    with pytest.raises(DataError, match="between the steps of a calendar with steps of 3600"):
        read_panel({"ds": times, "y": [1, 2, 3, 4]})


def test_what_is_no_table_of_series(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has 'a', 'b'"):
        read_panel({"a": [1, 2], "b": [3, 4]})
    with pytest.raises(DataError, match="no such file"):
        read_panel("nowhere.csv")
    with pytest.raises(SettingsError, match="data must be a path"):
        read_panel(3)
    with pytest.raises(DataError, match="holds no table of series"):
        read_panel("text_sst2:train")


@given(lengths=st.lists(st.integers(3, 9), min_size=1, max_size=4), steps=st.integers(1, 2))
def test_cut_leaves_the_beginning(lengths: list[int], steps: int) -> None:
    table = {
        "unique_id": [i for i, n in enumerate(lengths) for _ in range(n)],
        "ds": [t for n in lengths for t in range(n)],
        "y": [10 * i + t for i, n in enumerate(lengths) for t in range(n)],
    }
    panel = read_panel(table)
    for before, after in zip(panel.cut(steps).series, panel.series, strict=True):
        assert len(before) == len(after) - steps
        assert (before.y == after.y[:-steps]).all()


def test_a_million_rows_are_read_in_seconds() -> None:
    count = 1_000_000
    table = {"unique_id": np.arange(count) // 1000, "ds": np.arange(count) % 1000}
    panel = read_panel({**table, "y": np.arange(count, dtype=float)})
    assert len(panel) == 1000
    assert panel.series[999].y[-1, 0] == count - 1


@pytest.mark.data
@pytest.mark.usefixtures("dataset_root")
@pytest.mark.parametrize(
    ("name", "series", "steps", "kind"),
    [
        ("fc_m4_hourly:train", 414, 700, "number"),
        ("fc_etth1", 1, 17420, "seconds"),
        ("fc_bike_sharing/hour", 1, 17544, "seconds"),
        ("fc_small_series/passengers", 1, 144, "months"),
        ("fc_small_series/temperatures", 1, 3652, "seconds"),
        ("fc_vix_daily", 1, 9538, "business"),
    ],
)
def test_datasets(name: str, series: int, steps: int, kind: str) -> None:
    panel = read_panel(name)
    assert (len(panel), len(panel.series[0]), panel.calendar.kind) == (series, steps, kind)
    assert isinstance(panel.calendar, Calendar)
