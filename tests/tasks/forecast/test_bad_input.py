"""What the forecaster says to tables that are not as they should be."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elman.errors import DataError, SettingsError
from elman.tasks import Forecast

SETTINGS: dict[str, Any] = {"horizon": 4, "season": 7, "hidden_size": 8, "max_steps": 20}


def sales(names: str = "ab", days: int = 120) -> pd.DataFrame:
    """Daily sales of some shops with a column known beforehand and one of the shop."""
    day = pd.date_range("2024-01-01", periods=days)
    t = np.arange(days)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": day,
                    "y": 20.0 + 5 * i + 4 * (t % 7 == 5) + t % 3,
                    "offer": (t % 11 == 0).astype(float),
                    "size": 10.0 * (i + 1),
                }
            )
            for i, name in enumerate(names)
        ],
        ignore_index=True,
    )


def fitted(frame: Any, **settings: Any) -> Forecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a network of 20 steps may be of no use
        return Forecast(**{**SETTINGS, **settings}).fit(frame, progress=False)


@pytest.fixture(scope="module")
def task() -> Forecast:
    return fitted(sales(), future="offer", static="size")


def offers(frame: pd.DataFrame, steps: int = 4) -> pd.DataFrame:
    last = frame.groupby("unique_id")["ds"].max()
    rows = [
        {"unique_id": name, "ds": day + pd.Timedelta(days=k + 1), "offer": 0.0}
        for name, day in last.items()
        for k in range(steps)
    ]
    return pd.DataFrame(rows)


def test_rows_in_any_order_are_the_same(task: Forecast) -> None:
    frame = sales()
    mixed = frame.sample(frac=1, random_state=0)
    found, expected = (
        task.predict(each, future=offers(frame)).sort_values(["unique_id", "ds"], ignore_index=True)
        for each in (mixed, frame)
    )
    pd.testing.assert_frame_equal(found, expected)


def test_two_rows_of_one_time_name_the_second(task: Forecast) -> None:
    frame = pd.concat([sales(), sales().iloc[[5]]], ignore_index=True)
    with pytest.raises(DataError, match=r"row 241: a second row for"):
        task.predict(frame, future=offers(frame))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_value_is_named(task: Forecast, value: float) -> None:
    frame = sales()
    frame.loc[7, "y"] = value
    with pytest.raises(DataError, match=r"row 8: y is infinite: leave it empty if unknown"):
        task.predict(frame, future=offers(frame))
    frame = sales()
    frame.loc[9, "offer"] = value
    with pytest.raises(DataError, match="offer is infinite"):
        task.update(frame)


def test_series_shorter_than_the_context_are_trained_on_and_forecast() -> None:
    """One of three rows beside a long one, which alone teaches the network."""
    frame = pd.concat([sales("a"), sales("b").head(3)], ignore_index=True)[["unique_id", "ds", "y"]]
    task = fitted(frame, context=90)
    found = task.predict()
    assert np.isfinite(found.drop(columns=["unique_id", "ds"])).all(axis=None)
    assert found.loc[found["unique_id"] == "b", "ds"].min() == pd.Timestamp("2024-01-04")
    with pytest.raises(DataError, match=r"the longest series has 12 steps: .* needs 16; choose"):
        fitted(frame.groupby("unique_id").head(12))


def test_a_series_without_any_value_is_an_error() -> None:
    frame = sales()
    frame.loc[frame["unique_id"] == "b", "y"] = np.nan
    with pytest.raises(DataError, match="the series b has no value of y"):
        fitted(frame)


def test_covariates_that_should_be_known_beforehand(task: Forecast) -> None:
    frame = sales()
    with pytest.raises(DataError, match="offer must be known for 4 steps to come of the series a"):
        task.predict()
    with pytest.raises(DataError, match="steps to come of the series b, and is given for 0"):
        task.predict(future=offers(frame).query("unique_id == 'a'"))
    with pytest.raises(DataError, match="and is given for 2"):
        task.predict(future=offers(frame, 2))
    late = offers(frame, 9).groupby("unique_id").tail(5)
    with pytest.raises(DataError, match="begins 4 steps after its last known one"):
        task.predict(future=late)
    with pytest.raises(DataError, match="no column 'offer'"):
        task.predict(future=offers(frame).drop(columns="offer"))
    partly = offers(frame)
    partly.loc[[2, 5], "offer"] = np.nan  # as in the history, a missing value is one
    with pytest.warns(UserWarning, match=r"offer of the series a is not given at 2024-05-02.*2 of"):
        found = task.predict(future=partly)
    assert np.isfinite(found["median"]).all()


def test_a_new_series_is_forecast_and_asks_for_its_static_values(task: Forecast) -> None:
    new = sales("abc", 40).query("unique_id == 'c'")
    found = task.predict(new, future=offers(new))
    assert found["median"].between(10, 80).all()
    assert "c" not in task.memory.known
    for value in (None, np.nan, "large"):
        unknown = new.astype({"size": object}).assign(size=value)
        with pytest.raises(DataError, match=f"size of the series c is {value}, not a number"):
            task.predict(unknown, future=offers(new))


def test_gaps_are_filled_and_told() -> None:
    frame = sales("a")[["ds", "y"]].drop(index=[30, 31, 60])
    frame.loc[80, "y"] = np.nan
    task = fitted(frame)
    assert task.record["data"]["notes"] == "3 steps without rows are taken as missing"
    assert np.isfinite(task.predict()["median"]).all()


@pytest.mark.parametrize(
    ("times", "following"),
    [
        (pd.date_range("2015-01-31", periods=100, freq="ME"), "2023-05-31"),
        (pd.bdate_range("2024-01-01", periods=100), "2024-05-20"),
        (pd.date_range("2024-01-01", periods=100, freq="15min"), "2024-01-02 01:00"),
        (pd.date_range("2000-01-01", periods=100, freq="QS"), "2025-01-01"),
    ],
)
def test_calendars(times: pd.DatetimeIndex, following: str) -> None:
    """Also where some of their steps are missing."""
    frame = pd.DataFrame({"ds": times, "y": np.sin(np.arange(100.0))}).drop(index=[40, 41])
    task = fitted(frame)
    assert task.predict(h=1)["ds"].tolist() == [pd.Timestamp(following)]
    assert "2 steps without rows" in task.record["data"]["notes"]


def test_times_without_a_calendar_are_an_error_that_says_what_would_do() -> None:
    times = pd.date_range("2024-01-01", periods=100, freq="h") + pd.to_timedelta(
        np.arange(100) % 7, "min"
    )
    with pytest.raises(
        DataError, match=r"is between the steps .*round or aggregate.*number the rows"
    ):
        fitted(pd.DataFrame({"ds": times, "y": 1.0}))
    numbered = fitted(pd.DataFrame({"ds": np.arange(100), "y": np.arange(100) % 7.0}))
    assert numbered.predict(h=2)["ds"].tolist() == [100, 101]


def test_other_kinds_of_time_than_in_training(task: Forecast) -> None:
    frame = sales().assign(ds=np.tile(np.arange(120), 2))
    with pytest.raises(DataError, match="ds must hold dates"):
        task.predict(frame)
    with pytest.raises(SettingsError, match=r"data must be a path.* got list"):
        task.predict([1.0, 2.0])


def test_names_of_columns_with_commas_and_lists_of_columns() -> None:
    assert Forecast(target="a,b", dilations=["1,2"]).settings.target == ("a", "b")
    assert Forecast(target=["a,b"]).settings.target == ("a,b",)
