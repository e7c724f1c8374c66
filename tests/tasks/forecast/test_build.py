"""Every form of the model: nothing from the future, exact continuation, saving and loading."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman.errors import SettingsError
from elman.tasks import Forecast
from elman.tasks.forecast.backtest import _quantiles
from elman.tasks.forecast.bounds import floors
from elman.tasks.forecast.history import read

DAYS = np.arange("2023-01-02", "2023-08-01", dtype="datetime64[D]")
FORMS: dict[str, dict[str, Any]] = {
    "student_t": {"head": "student_t"},
    "normal": {"head": "normal", "cell": "gru"},
    "negative_binomial": {"head": "negative_binomial", "num_layers": 2},
    "several": {"head": "student_t", "target": ("y", "z")},
    "smoothed": {"smoothing": True, "target": ("y", "z"), "past": ("visits",)},
    "attention": {"attention": True, "past": ("visits",)},
    "all": {"attention": True, "smoothing": True, "dilations": (1, 3), "cell": "gru"},
    "dilated": {"dilations": "1,2,7", "residual": True, "learn_initial_state": True},
    "dilated student_t": {"head": "student_t", "dilations": (1, 7), "cell": "gru"},
}
SETTINGS: dict[str, Any] = {
    "horizon": 5,
    "hidden_size": 8,
    "max_steps": 12,
    "batch_size": 8,
    "paths": 40,
    "future": ("offer",),
    "static": ("region",),
}


def shops() -> pd.DataFrame:
    """Counts with a week and gaps, of shops of unequal age; z goes with them."""
    draw = np.random.default_rng(0)
    frames = []
    for i in range(2):
        days = DAYS[30 * i :]
        offer = (draw.random(len(days)) < 0.2).astype(float)
        week = 1 + 0.4 * np.sin(2 * np.pi * np.arange(len(days)) / 7)
        sold = draw.poisson((5 + 10 * i) * week * (1 + offer)).astype(float)
        z = sold / 2 - 3 + draw.normal(0, 1, len(days))
        sold[[20, 21, 60, len(days) - 3]] = np.nan
        frame = pd.DataFrame(
            {"ds": days, "y": sold, "z": z, "offer": offer, "visits": 3 * sold + 1}
        )
        frames.append(frame.assign(unique_id=f"shop {i}", region="ns"[i]))
    return pd.concat(frames, ignore_index=True)


def ahead(frame: pd.DataFrame, steps: int = 5) -> pd.DataFrame:
    ends = frame.groupby("unique_id")["ds"].max()
    return pd.DataFrame(
        [
            {"unique_id": name, "ds": end + pd.Timedelta(days=k), "offer": float(k == 2)}
            for name, end in ends.items()
            for k in range(1, steps + 1)
        ]
    )


@pytest.fixture(scope="module", params=list(FORMS))
def task(request: pytest.FixtureRequest) -> Forecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so short a training is of no use
        made = Forecast(**{**SETTINGS, **FORMS[request.param]})
        return made.fit(shops(), progress=False)


def test_forecasts_do_not_see_what_came(task: Forecast) -> None:
    """From where the series end, and in backtests."""
    frame = shops()
    early = frame[frame["ds"] < "2023-07-01"]
    changed = frame.copy()
    changed.loc[changed["ds"] >= "2023-07-01", ["y", "z", "visits"]] = 1e4
    offers = frame.loc[frame["ds"] >= "2023-07-01", ["unique_id", "ds", "offer"]]
    expected = task.forecasts(early, future=offers)
    blank = changed.copy()
    blank.loc[blank["ds"] >= "2023-07-01", ["y", "z", "visits"]] = np.nan
    np.testing.assert_array_equal(task.forecasts(blank).quantiles, expected.quantiles)
    assert np.isfinite(expected.quantiles).all()
    assert (np.diff(expected.quantiles, axis=-1) >= 0).all()


def test_a_backtest_forecasts_as_one_would_have_then(task: Forecast) -> None:
    """Whatever came afterwards; the intervals, too, have learnt the same up to then."""
    cut = np.datetime64("2023-07-22")
    frame = shops()
    changed, blank = frame.copy(), frame.copy()
    changed.loc[changed["ds"] >= cut, ["y", "z", "visits"]] = 1e4
    blank.loc[blank["ds"] >= cut, ["y", "z", "visits"]] = np.nan
    known = task.forecasts(blank)
    panel = task._panel(changed)
    for i, series in enumerate(panel.series):
        history = read(panel, series, task.view)
        at = int((panel.times(series, 0, len(series)) < cut).sum()) - 1
        made = _quantiles(task, history, (at - 5, at))[1]
        made = np.maximum(made, floors(history.extremes[at + 1], None)[:, None])
        np.testing.assert_allclose(made, known.quantiles[i], rtol=1e-4, atol=1e-4)


def test_an_update_is_as_reading_everything_again(task: Forecast, tmp_path: Path) -> None:
    frame = shops()
    task.save(tmp_path)
    other = elman.load(tmp_path)
    assert isinstance(other, Forecast)
    other.memory = replace(other.memory, known={})
    for days in [DAYS[:-14], *np.array_split(DAYS[-14:], 5)]:
        rows = frame[frame["ds"].isin(days)]
        beforehand = frame[
            (frame["ds"] > days[-1]) & (frame["ds"] <= days[-1] + np.timedelta64(5, "D"))
        ]
        other.update(pd.concat([rows, beforehand.assign(y=np.nan, z=np.nan, visits=np.nan)]))
    offers = ahead(frame)
    found, expected = other.forecasts(future=offers), task.forecasts(frame, future=offers)
    np.testing.assert_allclose(found.quantiles, expected.quantiles, rtol=1e-4, atol=1e-5)
    assert (found.times == expected.times).all()


def test_a_saved_model_forecasts_the_same(task: Forecast, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = elman.load(tmp_path)
    expected, found = (each.forecasts(future=ahead(shops())) for each in (task, loaded))
    np.testing.assert_array_equal(found.quantiles, expected.quantiles)
    np.testing.assert_array_equal(found.mean, expected.mean)
    assert loaded.settings == task.settings.model_copy(update={"device": "auto"})
    model, batch, loss, _ = loaded.examine(shops())  # as elman.diagnose does
    assert np.isfinite(loss(model, batch).loss.item())


def test_paths_of_every_form(task: Forecast, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = elman.load(tmp_path)
    assert isinstance(loaded, Forecast)
    offers = ahead(shops())
    found = pd.DataFrame(loaded.sample_paths(paths=300, future=offers, h=4))
    assert list(found.columns) == ["unique_id", "ds", "path", *task.settings.target]
    assert len(found) == 2 * 300 * 4
    again = task.sample_paths(paths=300, future=offers, h=4)
    pd.testing.assert_frame_equal(found, again.assign(ds=again["ds"].astype(found["ds"].dtype)))
    expected = task.forecasts(future=offers, h=4)
    for k, target in enumerate(task.settings.target):
        median = found.groupby(["unique_id", "ds"])[target].median().to_numpy().reshape(2, 4)
        spread = expected.quantiles[..., k, 5] - expected.quantiles[..., k, 1]
        assert (np.abs(median - expected.median[..., k]) < 0.5 * spread + 1).all()


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_a_new_series_is_answered(task: Forecast, steps: int) -> None:
    new = shops().query("unique_id == 'shop 1'").tail(steps).assign(unique_id="shop 9")
    found = task.predict(new, future=ahead(new))
    assert len(found) == 5
    assert np.isfinite(found.select_dtypes(float)).all(axis=None)


def test_a_series_may_be_read_from_its_first_days_on(task: Forecast) -> None:
    """Also where a piece ends within the first season."""
    new = shops().query("unique_id == 'shop 1'").head(12).assign(unique_id="shop 9")
    memory = task.memory
    task.memory = replace(memory, known={})
    for rows in (new.head(2), new.iloc[2:5], new.iloc[5:]):
        task.update(rows)
    found = task.forecasts(future=ahead(new)).median
    task.memory = memory
    np.testing.assert_allclose(found, task.forecasts(new, future=ahead(new)).median, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dilations": "1,0"}, "dilations must be numbers from 1"),
        ({"dilations": "1,day"}, "dilations.1: Input should be a valid integer"),
        ({"smoothing": True, "head": "normal"}, "smoothing is for head=.quantiles., and head is"),
        ({"attention": True, "head": "normal"}, "attention is for head=.quantiles., and head is"),
        ({"dilations": (1, 2), "num_layers": 3}, "dilations are of 2 layers, and num_layers=3"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Forecast(**settings)
