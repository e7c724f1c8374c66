"""Calendars: pandas' frequencies by every name, found ones, and series apart from each other."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elman.data import read_panel
from elman.data.series.calendar_search import calendar_of
from elman.data.series.frequency import check_frequency
from elman.errors import DataError, SettingsError

ORIGINS = ["2024-02-29", "2023-12-31 06:00", "2024-01-01"]
NEW = [
    "s",
    "min",
    "15min",
    "h",
    "6h",
    "D",
    "2D",
    "W",
    "W-WED",
    "2W-MON",
    "B",
    "MS",
    "ME",
    "QS",
    "QE",
    "QS-FEB",
    "QE-NOV",
    "YS",
    "YE",
    "YS-APR",
    "YE-JUN",
    "2MS",
    "BMS",
    "BME",
    "BQS",
    "BQE",
    "BYS",
    "BYE",
    "SMS",
    "SME",
    "ms",
    "250ms",
    "us",
    "ns",
    "1h30min",
]
OLD = {
    "S": "s", "T": "min", "5T": "5min", "H": "h", "2H": "2h", "L": "ms", "U": "us", "N": "ns",
    "M": "ME", "Q": "QE", "Q-NOV": "QE-NOV", "A": "YE", "A-JUN": "YE-JUN", "Y": "YE", "AS": "YS",
    "AS-APR": "YS-APR", "BM": "BME", "BQ": "BQE", "BA": "BYE", "BAS": "BYS", "BY": "BYE",
    "SM": "SME", "d": "D", "w": "W", "b": "B",
}  # fmt: skip


def numpy_times(index: pd.DatetimeIndex) -> Any:
    return index.to_numpy()


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("name", [*NEW, *OLD])
def test_frequencies_are_those_of_pandas(name: str, origin: str) -> None:
    expected = numpy_times(pd.date_range(origin, periods=40, freq=OLD.get(name, name)))
    calendar = calendar_of(expected[:1], np.zeros(1, int), name)
    assert (calendar.times(np.arange(40)) == expected).all()
    assert (calendar.positions(expected) == np.arange(40)).all()
    assert (calendar.positions(expected[::-1]) == np.arange(40)[::-1]).all()
    assert (calendar.times(np.array([-1])) < expected[:1]).all()


@pytest.mark.parametrize(
    ("name", "week"),
    [
        ("Mon-Sat", "1111110"),
        ("Sun-Thu", "1111001"),
        ("Mon Wed,Fri", "1010100"),
        ("sat", "0000010"),
    ],
)
def test_days_of_the_week_are_a_frequency(name: str, week: str) -> None:
    days = pd.date_range("2024-01-01", periods=60)
    kept = numpy_times(days[[week[d] == "1" for d in days.day_of_week]])
    calendar = calendar_of(kept[:1], np.zeros(1, int), name)
    assert (calendar.times(np.arange(len(kept))) == kept).all()
    assert calendar.season == week.count("1")


@pytest.mark.parametrize(
    ("name", "season"),
    [
        ("SME", 24), ("SMS", 24), ("BME", 12), ("BMS", 12), ("BQE", 4), ("ME", 12), ("B", 5),
        ("W-THU", 52), ("2W", 1), ("h", 24), ("20ms", 1), ("YS", 1),
    ],
)  # fmt: skip
def test_calendars_are_found_in_the_times(name: str, season: int) -> None:
    """Also with steps missing, and the next time is pandas' own."""
    whole = pd.date_range("2023-01-01", periods=61, freq=name)
    table = pd.DataFrame({"ds": whole[:-1], "y": 1.0}).drop(index=[20, 41])
    panel = read_panel(table)
    assert (panel.calendar.season, panel.gaps) == (season, 2)
    assert panel.times(panel.series[0], 60, 1)[0] == whole[-1].to_datetime64()


@pytest.mark.parametrize("week", ["1111110", "0111110", "1111001", "1010100", "1111100"])
def test_weeks_with_days_off_are_found(week: str) -> None:
    days = pd.date_range("2024-01-01", periods=100)
    days = days[[week[d] == "1" for d in days.day_of_week]]
    panel = read_panel(pd.DataFrame({"ds": days[:-1], "y": 1.0}))
    assert (panel.calendar.season, panel.gaps) == (week.count("1"), 0)
    assert panel.times(panel.series[0], len(days) - 1, 1)[0] == days[-1].to_datetime64()


def test_a_few_days_do_not_make_a_week_with_days_off() -> None:
    """Irregular days without a Sunday by chance are days with gaps."""
    draw = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=100)
    days = days[(draw.random(100) < 0.5) & (days.day_of_week != 6)]
    assert read_panel(pd.DataFrame({"ds": days, "y": 1.0})).calendar.season == 7


@pytest.mark.parametrize(
    ("first", "second", "frequency"),
    [
        ("2024-01-01", "2024-01-04", "7D"),
        ("2024-01-01 00:00", "2024-01-01 00:30", "h"),
        ("2024-01-01 06:00", "2024-01-02 18:00", "D"),
        ("2024-01-15", "2024-01-01", "MS"),
    ],
)
def test_series_may_be_anchored_differently(first: str, second: str, frequency: str) -> None:
    """Weeks that begin on other days in one table: each series goes on in its own."""
    shift = pd.Timestamp(first) - pd.Timestamp(first).normalize().replace(day=1)
    a, b = (
        pd.date_range(at, periods=13, freq=frequency)
        if frequency != "MS"
        else pd.date_range("2024-01-01", periods=13, freq="MS")
        + (shift if at == first else shift * 0)
        for at in (first, second)
    )
    long = pd.concat(
        [
            pd.DataFrame({"unique_id": n, "ds": t[:-1], "y": 1.0})
            for n, t in zip("ab", (a, b), strict=True)
        ]
    )
    panel = read_panel(long)
    for series, times in zip(panel.series, (a, b), strict=True):
        assert (panel.times(series, 0, 13) == numpy_times(times)).all()
    again = read_panel(long[long["unique_id"] == "b"], calendar=panel.calendar)
    assert (again.series[0].start, again.series[0].phase) == (
        panel.series[1].start,
        panel.series[1].phase,
    )


def test_a_series_must_keep_to_its_own_anchor() -> None:
    weeks = [*pd.date_range("2024-01-01", periods=5, freq="7D"), pd.Timestamp("2024-02-07")]
    with pytest.raises(DataError, match="2024-02-07T00:00:00 is between the steps"):
        read_panel(pd.DataFrame({"ds": weeks, "y": 1.0}))
    days = [*pd.bdate_range("2024-01-01", periods=30), pd.Timestamp("2024-02-12 18:00")]
    with pytest.raises(DataError, match="2024-02-12T18:00:00 is between the steps"):
        read_panel(pd.DataFrame({"ds": days, "y": 1.0}))


@pytest.mark.parametrize(
    "name", ["", "x", "0h", "m", "MSX", "W-XYZ", "1.5h", "-", "h-MON", "99999999999h", "SME-40"]
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(SettingsError, match="is unknown; there are s, min, h, D"):
        check_frequency(name)


@pytest.mark.parametrize("name", ["W-SUN", "QS-FEB", "YE-JUN", "Mon-Sat", "C", "5"])
def test_known_names_whatever_the_data_is(name: str) -> None:
    check_frequency(name)


def test_an_anchor_must_be_that_of_the_data() -> None:
    monday = np.array(["2024-01-01"], "M8[s]")
    with pytest.raises(SettingsError, match="'W-SUN' is of Sun, and the first time is of Mon"):
        calendar_of(monday, np.zeros(1, int), "W-SUN")
    with pytest.raises(SettingsError, match="'QS-FEB' is of Feb, and the first time is of Jan"):
        calendar_of(monday, np.zeros(1, int), "QS-FEB")
    with warnings.catch_warnings():
        assert calendar_of(monday, np.zeros(1, int), "QS-OCT").step == 3


def test_two_rows_far_apart_cost_no_memory() -> None:
    table = {"ds": ["1900-01-01 00:00:00", "1900-01-01 00:00:01", "2024-01-01"], "y": [1, 2, 3]}
    with pytest.raises(DataError, match="of which 3 have a row: choose a longer frequency"):
        read_panel(table)
