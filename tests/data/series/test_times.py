"""Times however they are written: numbers that are dates, zones, fractions of a second."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data import read_panel
from elman.data.series.times import ReadTimes, is_missing, read_times
from elman.errors import DataError


def times_of(values: list[Any], **options: Any) -> ReadTimes:
    return read_times(values, "ds", lambda i: f"row {i + 1}", **options)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([20231231, 20240101], ["2023-12-31", "2024-01-01"]),
        (["20240228", "20240229"], ["2024-02-28", "2024-02-29"]),
        ([20231231.0, 20240101.0], ["2023-12-31", "2024-01-01"]),
        (["202312", "202401"], ["2023-12-01", "2024-01-01"]),
        ([2024013123, 2024020100], ["2024-01-31T23", "2024-02-01T00"]),
        (["202401312359"], ["2024-01-31T23:59"]),
        ([20240131235959], ["2024-01-31T23:59:59"]),
    ],
)
def test_whole_numbers_that_are_dates(values: list[Any], expected: list[str]) -> None:
    found = times_of(values)
    assert found.values.tolist() == np.array(expected, "M8[s]").tolist()
    assert "is read as dates, YYYYMM" in found.notes[0]


@pytest.mark.parametrize(
    "values",
    [
        [20240131, 20240132],  # no such day
        [202312, 202313],
        [20240131, 202402],
        [1700000000, 1700003600],  # seconds of Unix
        [1, 2, 3],
        [2023, 2024],
        [-5, 20240131],
        [18991231, 19000101],
    ],
)
def test_whole_numbers_that_are_none(values: list[int]) -> None:
    found = times_of(values)
    assert found.values.tolist() == values
    assert times_of([str(v) for v in values]).values.tolist() == values


def test_data_that_is_known_decides_what_whole_numbers_are() -> None:
    assert times_of([20240101], dated=False).values.tolist() == [20240101]
    assert times_of([20240101], dated=True).values.dtype.kind == "M"


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (["2024-01-01 00:00:00.5", "2024-01-01 00:00:01"], "ms"),
        (["2024-01-01T00:00:00.000001"], "us"),
        ([pd.Timestamp("2024-01-01 00:00:00.000000001")], "ns"),
        ([datetime(2024, 1, 1, microsecond=250_000)], "ms"),
        ([date(2024, 1, 1), datetime(2024, 1, 2)], "s"),
        (["2024-01", "2024-02-01 05:00"], "s"),
        ([np.datetime64("2024-01-01", "ns")], "s"),
    ],
)
def test_fractions_of_a_second_are_kept(values: list[Any], unit: str) -> None:
    found = times_of(values).values
    assert found.dtype == f"M8[{unit}]"
    expected = [pd.Timestamp(value).to_datetime64() for value in values]
    assert (found == np.array(expected)).all()


def test_a_zone_of_datetimes_is_kept() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for values in (
        [datetime(2024, 3, 30, tzinfo=berlin), datetime(2024, 4, 1, tzinfo=berlin)],
        list(pd.to_datetime(["2024-03-30", "2024-04-01"]).tz_localize("Europe/Berlin")),
    ):
        found = times_of(values)
        assert found.zone == "Europe/Berlin"
        expected = np.array(["2024-03-29T23:00", "2024-03-31T22:00"], "M8[s]")
        assert (found.values == expected).all()


@pytest.mark.parametrize("text", ["+09:00", "+0900", "+09"])
def test_an_offset_of_texts_is_kept(text: str) -> None:
    found = times_of([f"2024-05-19T00:00:00{text}", f"2024-05-20 00:00{text}"])
    assert found.zone == "+09:00"
    assert str(found.values[0]) == "2024-05-18T15:00:00"
    assert times_of(["2024-05-19T00:00Z"]).zone == "UTC"
    same = times_of([datetime(2024, 5, 19, tzinfo=timezone(timedelta(hours=9)))])
    assert (same.zone, same.values[0]) == ("+09:00", found.values[0])


def test_several_offsets_are_told() -> None:
    """Days of a zone with summer time, as a CSV has them, are days of the clock; hours are not."""
    days = times_of(["2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00"])
    assert (days.zone, str(days.values[1])) == (None, "2024-04-01T00:00:00")
    assert "several time zones (+01:00, +02:00), and is read without them" in days.notes[0]
    hours = times_of(["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"])
    assert (hours.zone, str(hours.values[1])) == ("UTC", "2024-03-31T01:00:00")
    assert "is read in UTC" in hours.notes[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-01", None], "row 2: ds is missing"),
        (["2024-01-01", pd.NaT], "row 2: ds is missing"),
        (["2024-01-01", "  "], "row 2: ds is missing"),
        ([np.datetime64("NaT")], "row 1: ds is missing"),
        ([pd.NA], "row 1: ds is missing"),
        (["today"], "row 1: ds is 'today': a date such as"),
        (["now"], "a date such as"),
        (["31.1.2024"], "a date such as"),
        (["2024-13-01"], "row 1: ds is '2024-13-01'"),
        (["2024-01-01", "2024-02-30"], "row 2: ds is '2024-02-30'"),
        ([True, False], "row 1: ds is 'True'"),
        ([0.5, 1.0], "row 1: ds is '0.5'"),
        (["9" * 5000], "a date such as"),
        ([[1], [2]], r"row 1: ds is '\[1\]'"),
        ([b"2024-01-01"], "a date such as"),
        (["2024-01-01T00:00+01:00", "2024-01-02T00:00"], "row 2: ds has no time zone"),
        (["2024-01-01", 5], "row 2: ds is '5'"),
    ],
)
def test_what_is_no_time(values: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        times_of(values)


def test_missing_values_of_every_kind() -> None:
    missing = [None, "", " ", float("nan"), np.nan, pd.NA, pd.NaT, np.datetime64("NaT")]
    assert all(map(is_missing, missing))
    assert not any(map(is_missing, [0, False, "nan", "0", np.zeros(2), [], date(2024, 1, 1)]))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Tokyo"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_days_of_a_zone_are_those_of_its_clocks(zone: str, library: str) -> None:
    naive = pd.date_range("2018-09-20", periods=122)
    days = naive.tz_localize(zone, nonexistent="shift_forward")  # Sao Paulo skips a midnight
    frame: Any = pd.DataFrame({"ds": days[:-2], "y": 1.0})
    if library == "polars":
        frame = pl.from_pandas(frame)
    panel = read_panel(frame)
    assert (panel.calendar.season, len(panel.series[0]), panel.gaps) == (7, 120, 0)
    coming = panel.frame({"ds": panel.times(panel.series[0], 120, 2)})
    assert coming["ds"].dtype == frame["ds"].dtype
    assert list(coming["ds"]) == list(days[-2:])


def test_hours_of_a_zone_go_on_through_the_change_of_clocks() -> None:
    hours = pd.date_range("2024-10-26", periods=48, freq="h", tz="Europe/Berlin")
    panel = read_panel(pd.DataFrame({"ds": hours, "y": 1.0}))
    assert (len(panel.series[0]), panel.calendar.season) == (48, 24)
    features = panel.calendar.features(panel.times(panel.series[0], 0, 48))
    same = hours.hour == 12  # of the day as clocks show it
    assert len(np.unique(features[same, 0].round(5))) == 1


def test_half_days_of_a_zone_follow_the_clocks() -> None:
    stamps = pd.date_range("2024-03-28", periods=14, freq="12h").tz_localize("Europe/Berlin")
    panel = read_panel(pd.DataFrame({"ds": stamps, "y": 1.0}))
    assert panel.calendar.local
    assert panel.gaps == 0


def test_zones_come_back_from_a_dict_and_a_file(tmp_path: Any) -> None:
    texts = [f"2024-05-{day}T00:00:00+09:00" for day in (19, 20, 21)]
    path = tmp_path / "days.csv"
    path.write_text("ds,y\n" + "".join(f"{text},1\n" for text in texts))
    panel = read_panel(path)
    (coming,) = panel.frame({"ds": panel.times(panel.series[0], 3, 1)})["ds"]
    assert coming.isoformat() == "2024-05-22T00:00:00+09:00"
    utc = [datetime(2024, 5, day, tzinfo=UTC) for day in (1, 2)]
    panel = read_panel({"ds": utc, "y": [1, 2]})
    (coming,) = panel.frame({"ds": panel.times(panel.series[0], 2, 1)})["ds"]
    assert coming == datetime(2024, 5, 3, tzinfo=UTC)


def test_a_sensor_of_milliseconds() -> None:
    ticks = pd.date_range("2024-01-01", periods=50, freq="20ms")
    panel = read_panel(pd.DataFrame({"ds": ticks, "y": np.arange(50.0)}).drop(index=7))
    assert (panel.calendar.step, panel.calendar.unit, panel.gaps) == (20, "ms", 1)
    assert panel.times(panel.series[0], 50, 1)[0] == np.datetime64("2024-01-01T00:00:01.000")
