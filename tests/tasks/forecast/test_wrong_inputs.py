"""Whatever is given to a forecaster, it answers, or says in one line what is wrong with it."""

import random
import warnings
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data import read_panel
from elman.errors import DataError, ElmanError, SettingsError
from elman.tasks import Forecast

SETTINGS: dict[str, Any] = {"horizon": 3, "hidden_size": 4, "max_steps": 2, "batch_size": 4}


def table(days: int = 60, names: str = "ab") -> dict[str, list[Any]]:
    whole = [str(d) for d in np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")[:days]]
    return {
        "unique_id": [name for name in names for _ in whole],
        "ds": whole * len(names),
        "y": [float(i % 7 + 10) for _ in names for i in range(days)],
        "offer": [float(i % 5 == 0) for _ in names for i in range(days)],
        "size": [10.0 * (k + 1) for k in range(len(names)) for _ in whole],
    }


@pytest.fixture(scope="module")
def task() -> Forecast:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "on the held-out steps")
        settings = {**SETTINGS, "past": "offer", "static": "size"}
        return Forecast(**settings).fit(table(), progress=False)


NO_TABLES: list[Any] = [
    None, 3, 2.5, True, b"", object(), [1, 2], (), [], "", "nowhere.csv", ".", {}, {"y": []},
    {"ds": [], "y": [], "unique_id": []}, {"ds": [1], "y": [1, 2]}, {1: [2]}, {"y": 3},
    {"y": "abc"}, {"ds": None, "y": None}, pd.DataFrame(), pl.DataFrame(), pd.Series([1.0]),
    np.zeros(3), np.zeros((3, 2)), float("nan"), "x" * 5000, "a\0b", "text_sst2:train",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NO_TABLES)))
def test_what_is_no_table(task: Forecast, number: int) -> None:
    data = NO_TABLES[number]
    calls = [task.update, task.anomalies, task.backtest, task.evaluate, task.cross_validation]
    calls += [lambda d: Forecast(**SETTINGS).fit(d, progress=False)]
    calls += [lambda d: Forecast(**SETTINGS).cross_validation(d)]
    if data is not None:
        calls += [task.predict, task.rows, task.sample_paths, task.forecasts]
        calls += [lambda d: task.predict(future=d)]
    for call in calls:
        with pytest.raises(ElmanError) as caught:
            call(data)
        assert "\n" not in str(caught.value)


NO_NUMBERS: list[Any] = [-1, 100.5, "3", True, {"a": 1}, 10**30, float("nan"), float("inf"), b"1"]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=str)
def test_what_is_no_number(task: Forecast, value: Any) -> None:
    data = table()
    calls = {
        "h": lambda v: task.predict(h=v),
        "paths": lambda v: task.sample_paths(paths=v),
        "seed": lambda v: task.sample_paths(seed=v),
        "n_windows": lambda v: task.backtest(data, n_windows=v),
        "step_size": lambda v: task.backtest(data, step_size=v),
        "level": lambda v: task.predict(level=v),
    }
    for name, call in calls.items():
        if value == 10**30 and name in ("seed", "n_windows", "step_size"):
            continue  # a large seed is one; of windows there are too few
        with pytest.raises(SettingsError, match=f"{name}=") as caught:
            call(value)
        assert "\n" not in str(caught.value)


CELLS: list[Any] = [
    None, "", " ", "a", "nan", "\ud800", "2024-01-01", "20240101", -1, 0, 10**30, 0.5, 1e308,
    float("nan"), float("inf"), True, b"1", [], [1], {}, (1, 2), object(), np.nan, pd.NA, pd.NaT,
    np.datetime64("NaT"), np.datetime64("2024-01-05"), date(2024, 1, 5), datetime(2024, 1, 5, 7),
    pd.Timestamp("2024-01-05", tz="UTC"), Decimal("NaN"), Decimal(3), 3 + 4j, np.int8(3),
    "9" * 5000, "2024-02-30", "99999-01-01",
]  # fmt: skip


def test_tables_with_wrong_cells(task: Forecast) -> None:
    """Some cells of one column, or all of them, are something else."""
    draw = random.Random(11)
    messages, answered = [], 0
    for _ in range(150):
        data = {name: list(values) for name, values in table(40).items()}
        name, value = draw.choice(list(data)), draw.choice(CELLS)
        count = draw.choice([1, 3, 40, len(data[name])])
        first = draw.randrange(len(data[name]) - count + 1)
        data[name][first : first + count] = [value] * count
        if draw.random() < 0.1:
            del data[draw.choice(list(data))]
        call = draw.choice([task.predict, task.anomalies, task.rows, task.sample_paths])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call(data)
            except ElmanError as error:
                messages.append(str(error))
            else:
                answered += 1
    assert answered > 10
    assert len(messages) > 20
    assert not [each for each in messages if "\n" in each or len(each) > 500]


def test_training_on_tables_with_wrong_cells() -> None:
    draw = random.Random(12)
    messages, answered = [], 0
    for _ in range(30):
        data = {name: list(values) for name, values in table(40).items()}
        name, value = draw.choice(list(data)), draw.choice(CELLS)
        count = draw.choice([1, 3, len(data[name])])
        data[name][:count] = [value] * count
        columns = draw.choice([{}, {"static": "size"}, {"target": ("y", "offer")}])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                settings = {**SETTINGS, "max_steps": 1, "batch_size": 2, **columns}
                Forecast(**settings).fit(data, progress=False)
            except ElmanError as error:
                messages.append(str(error))
            else:
                answered += 1
    assert answered > 3
    assert len(messages) > 5
    assert not [each for each in messages if "\n" in each or len(each) > 500]


@pytest.mark.parametrize(
    "settings",
    [
        {"horizon": 10**9}, {"context": 10**9}, {"season": 10**9}, {"paths": 10**9},
        {"frequency": "soon"}, {"frequency": 1.5}, {"frequency": []}, {"nonnegative": "maybe"},
        {"target": ()}, {"target": 3}, {"target": ("y", "y")}, {"id": "y"}, {"dilations": "a"},
        {"head": "gamma"}, {"horizon": "many"}, {"held_out": 0},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    named = "differ" if settings == {"id": "y"} else next(iter(settings))
    with pytest.raises(SettingsError, match=named):
        Forecast(**settings)


def test_offsets_of_pandas_are_frequencies() -> None:
    assert Forecast(frequency=pd.offsets.MonthEnd()).settings.frequency == "ME"
    assert Forecast(frequency=2).settings.frequency == "2"


def test_a_panel_is_placed_on_the_calendar_that_is_known(task: Forecast) -> None:
    from elman.data import Columns

    data = {name: values[30:60] for name, values in table().items()}
    columns = Columns(past=("offer",), static=("size",))
    expected = task.predict(data)
    found = task.predict(read_panel(data, columns))
    np.testing.assert_array_equal(found["mean"], expected["mean"])
    assert found["ds"].tolist() == expected["ds"].tolist()
    with pytest.raises(DataError, match="the panel has"):
        task.predict(read_panel(data))
    sparse = {name: values[:60:2] for name, values in table().items()}
    with pytest.raises(DataError, match="the panel has steps of 172800 seconds"):
        task.predict(read_panel(sparse, columns))


def test_more_windows_than_there_are_steps_end_with_the_steps(task: Forecast) -> None:
    data = {name: values[:30] for name, values in table().items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* series are forecast at steps")
        some, all_of_them = (
            task.cross_validation(data, n_windows=n, step_size=5) for n in (5, 10**30)
        )
    assert list(some["cutoff"]) == list(all_of_them["cutoff"])
    assert len(some["cutoff"]) == 3 * 5


def test_a_series_too_short_to_diagnose_is_an_error(task: Forecast) -> None:
    with pytest.raises(DataError, match="no series is long enough"):
        task.examine(table(4))
