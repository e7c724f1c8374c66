"""The season, and whether smoothing helps, found in the series themselves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elman.data import Panel, read_panel
from elman.tasks import Forecast
from elman.tasks.forecast.choice import Choice, additive_indices, choose
from elman.tasks.forecast.dataset import SeriesData

Array = NDArray[np.float64]
Made = Callable[[np.random.Generator, NDArray[np.int64]], Array]
WEEKS = np.arange("2010-01-04", "2022-01-03", 7, dtype="datetime64[D]")
HOURS = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[h]")


def yearly(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    return 100 + 20 * np.sin(2 * np.pi * t / 52) + draw.normal(0, 5, len(t))


def wandering(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    return 1000 + np.cumsum(draw.normal(0, 5, len(t))) + 100.0 * (t % 52 > 47)


def walk(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    return 1000 + np.cumsum(draw.normal(0, 10, len(t)))


def noise(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    return 50 + draw.normal(0, 5, len(t))


def trend(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    return 20 + 0.1 * t + draw.normal(0, 1, len(t))


def daily(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    weekend = 5 * (t // 24 % 7 > 4)
    return 50 + 10 * np.sin(2 * np.pi * t / 24) + weekend + draw.normal(0, 2, len(t))


def by_seven(draw: np.random.Generator, t: NDArray[np.int64]) -> Array:
    return 20 + 8 * (t % 7 == 5) + draw.normal(0, 1, len(t))


def panel(make: Made, count: int, length: int, times: Any = None) -> Panel:
    rows: dict[str, list[Any]] = {"unique_id": [], "ds": [], "y": []}
    for i in range(count):
        rows["unique_id"] += [f"s{i}"] * length
        rows["ds"] += list(range(length) if times is None else times[:length])
        rows["y"] += list(make(np.random.default_rng([i, length]), np.arange(length)))
    return read_panel(rows)


def found(data: Panel, horizon: int) -> Choice:
    return choose(data, horizon, None, None, can_smooth=True)


@pytest.mark.parametrize(
    ("make", "count", "length", "season", "smoothing"),
    [
        (yearly, 4, 300, 52, True),
        (yearly, 1, 300, 52, True),
        (wandering, 6, 250, 52, True),
        (walk, 1, 300, 1, False),
        (walk, 6, 300, 1, False),
        (noise, 4, 300, 1, False),
        (trend, 4, 300, 1, False),
        (by_seven, 3, 200, 7, True),
        (lambda d, t: 9 + np.sin(2 * np.pi * t / 10) + d.normal(0, 0.1, len(t)), 2, 200, 10, True),
    ],
)
def test_the_season_of_numbered_steps_is_found(
    make: Made, count: int, length: int, season: int, smoothing: bool
) -> None:
    choice = found(panel(make, count, length), 13)
    assert (choice.season, choice.smoothing) == (season, smoothing)
    assert f"season {season} found: " in choice.reason or choice.reason == "no season found"


def test_a_day_is_preferred_to_a_week_of_hours() -> None:
    """The week of a day's season is read together with it."""
    assert found(panel(daily, 3, 1000), 24).season == 24
    dated = found(panel(daily, 3, 700, HOURS), 24)
    assert (dated.season, dated.smoothing) == (24, False)


@pytest.mark.parametrize("make", [yearly, walk, noise])
def test_a_calendar_keeps_its_season(make: Made) -> None:
    choice = found(panel(make, 4, 300, WEEKS), 13)
    assert choice.season == 52
    assert choice.smoothing == (make is yearly)
    assert "season 52 by the calendar" in choice.reason


def test_another_season_than_the_calendar_s_is_found_where_it_is_clearly_better() -> None:
    days = np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]")
    data = panel(
        lambda d, t: 20 + 8 * np.sin(2 * np.pi * t / 10) + d.normal(0, 1, len(t)), 3, 400, days
    )
    assert found(data, 10).season == 10


def test_short_series_keep_the_calendar_s_season() -> None:
    choice = found(panel(yearly, 3, 60, WEEKS), 13)
    assert (choice.season, choice.smoothing) == (52, False)
    assert "too short to choose" in choice.reason


def test_what_is_given_is_kept() -> None:
    data = panel(yearly, 2, 300)
    assert choose(data, 13, 4, False, can_smooth=True) == Choice(4, False, "")
    assert choose(data, 13, None, True, can_smooth=True).smoothing
    assert not choose(data, 13, None, None, can_smooth=False).smoothing


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_the_unit_does_not_matter(unit: float) -> None:
    data = panel(lambda d, t: unit * yearly(d, t), 2, 300)
    assert found(data, 13) == found(panel(yearly, 2, 300), 13)


def test_gaps_and_equal_values_are_no_hindrance() -> None:
    data = panel(lambda d, t: np.where(t % 9 == 4, np.nan, yearly(d, t)), 3, 300)
    assert found(data, 13).season == 52
    assert found(panel(lambda _, t: np.full(len(t), 3.0), 2, 200), 13).season == 1


def test_indices_of_an_additive_season_with_a_trend() -> None:
    for season in (3, 4):
        own = np.arange(season) ** 2.0
        history = 5 + 2 * np.arange(10.0 * season) + np.tile(own, 10)
        np.testing.assert_allclose(additive_indices(history, season), own - own.mean(), atol=1e-9)


def test_the_choice_is_in_the_card_and_a_saved_model(tmp_path: Any) -> None:
    import elman

    rows = {"ds": list(range(60)), "y": [10.0 + 5 * (i % 5) + 0.01 * i * i for i in range(60)]}
    task = Forecast(horizon=5, max_steps=2, hidden_size=4, context=12)
    task.fit(rows, folder=tmp_path, progress=False)
    assert task.record["data"]["season"] == 5
    assert "season 5 found: " in (tmp_path / "README.md").read_text()
    assert elman.load(tmp_path).view.seasons == (5,)
    given = Forecast(horizon=5, season=5, smoothing=True, max_steps=2, hidden_size=4, context=12)
    assert "chosen" not in given.fit(rows, progress=False).record["data"]


@pytest.mark.filterwarnings("ignore:on the held-out steps:UserWarning")
def test_chosen_smoothing_is_saved_and_started_from(tmp_path: Any) -> None:
    import elman

    draw = np.random.default_rng(0)
    days = np.arange("2024-01-01", "2024-05-01", dtype="datetime64[D]")
    rows = {"ds": days, "y": by_seven(draw, np.arange(len(days)))}
    task = Forecast(horizon=3, max_steps=2, hidden_size=4)
    task.fit(rows, folder=tmp_path, progress=False)
    assert task.view.smoothed == ("y",)
    assert "smoothing chosen: 0." in task.record["data"]["chosen"]
    loaded = elman.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict()["mean"], task.predict()["mean"])
    again = Forecast(max_steps=1).fit(rows, start_from=tmp_path, progress=False)
    assert again.view == task.view
    assert "chosen" not in again.record["data"]


def test_held_out_steps_leave_short_series_something_to_train_on() -> None:
    rows: dict[str, list[Any]] = {"unique_id": [], "ds": [], "y": []}
    for i, length in enumerate([1000, *[120] * 5, 12]):
        rows["unique_id"] += [f"s{i}"] * length
        rows["ds"] += range(length)
        rows["y"] += range(length)
    data = SeriesData(read_panel(rows))
    train, held_out = data.split(6, None)
    assert held_out.held_out == 30  # a quarter of 120, and not a tenth of 1000
    assert [len(each) for each in train.panel.series] == [970, *[90] * 5]
    assert held_out.panel is data.panel is train.whole
    assert data.split(6, 0.2)[1].held_out == 200
    assert data.split(6, 40)[1].held_out == 40
