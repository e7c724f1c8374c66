"""The forecaster: nothing from the future, exact continuation, and answers to bad input."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import elman
from elman.data import Columns, read_panel
from elman.errors import DataError, SettingsError
from elman.tasks import Forecast
from elman.tasks.forecast import backtest
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.history import read, view_of

DAYS = np.arange("2023-01-02", "2024-01-01", dtype="datetime64[D]")
SETTINGS: dict[str, Any] = {
    "horizon": 7,
    "hidden_size": 12,
    "epochs": 1,
    "max_steps": 60,
    "future": ("offer",),
    "past": ("visits",),
    "static": ("size", "region"),
}


def shops(count: int = 3, seed: int = 0) -> pd.DataFrame:
    """Daily sales with a week, an offer that lifts them, gaps, and shops of unequal age."""
    draw = np.random.default_rng(seed)
    frames = []
    for i in range(count):
        days = DAYS[40 * i :]
        offer = draw.random(len(days)) < 0.2
        week = 1 + 0.4 * np.sin(2 * np.pi * np.arange(len(days)) / 7)
        sold = (20 + 10 * i) * week * (1 + 0.5 * offer) + draw.normal(0, 1, len(days))
        sold[draw.integers(10, len(days) - 20, 4)] = np.nan
        frames.append(
            pd.DataFrame(
                {
                    "unique_id": f"shop {i}",
                    "ds": days,
                    "y": sold,
                    "offer": offer.astype(float),
                    "visits": sold * 3 + draw.normal(0, 5, len(days)),
                    "size": 10.0 * (i + 1),
                    "region": "north" if i % 2 else "south",
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def ahead(frame: pd.DataFrame, steps: int = 7) -> pd.DataFrame:
    """The offers of the days after a frame's last."""
    ends = frame.groupby("unique_id")["ds"].max()
    return pd.DataFrame(
        [
            {"unique_id": name, "ds": end + pd.Timedelta(days=k), "offer": float(k == 2)}
            for name, end in ends.items()
            for k in range(1, steps + 1)
        ]
    )


@pytest.fixture(scope="module")
def task() -> Forecast:
    frame = shops()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a network of 60 steps may be of no use
        # a seed whose intervals no value comes close to: roundings would decide there
        return Forecast(**SETTINGS, seed=1).fit(frame, progress=False)


def test_a_frame_of_the_same_kind_comes_back(task: Forecast) -> None:
    found = task.predict(future=ahead(shops()), level=[80, 50], h=5)
    assert isinstance(found, pd.DataFrame)
    names = ["unique_id", "ds", "mean", "median", "lo-50", "hi-50", "lo-80", "hi-80"]
    assert list(found.columns) == names
    assert len(found) == 15
    assert found["ds"].min() == pd.Timestamp("2024-01-01")
    assert (found["lo-80"] <= found["lo-50"]).all()
    assert (found["lo-50"] <= found["median"]).all()
    assert (found["hi-50"] <= found["hi-80"]).all()
    assert (found["lo-80"] >= 0).all()  # sales are never negative


def test_the_past_says_the_same_whatever_the_future_is() -> None:
    """Values after a step change nothing that is known at it."""
    frame = shops()
    panel = read_panel(frame, Columns(past=("visits",), future=("offer",)))
    view = view_of(panel.cut(60), 7, None)
    changed = frame.copy()
    late = changed["ds"] >= "2023-11-15"
    changed.loc[late, "y"] *= 10
    changed.loc[late, "visits"] = -1
    other = read_panel(changed, Columns(past=("visits",), future=("offer",)))
    for one, two in zip(panel.series, other.series, strict=True):
        first, second = read(panel, one, view), read(other, two, view)
        cut = int((panel.times(one, 0, len(one)) < np.datetime64("2023-11-15")).sum())
        np.testing.assert_array_equal(first.features[:cut], second.features[:cut])
        assert (first.features[cut:] != second.features[cut:]).any()
        both = slice(0, first.before + cut)
        for name in ("filled", "mean", "scale"):
            np.testing.assert_array_equal(getattr(first, name)[both], getattr(second, name)[both])


def test_forecasts_do_not_see_what_came(task: Forecast) -> None:
    frame = shops()
    early = frame[frame["ds"] < "2023-11-15"]
    changed = frame.copy()
    changed.loc[changed["ds"] >= "2023-11-15", ["y", "visits"]] = 1e6
    offers = frame.loc[frame["ds"] >= "2023-11-15", ["unique_id", "ds", "offer"]]
    expected = task.predict(early, future=offers)
    blank = changed.copy()
    blank.loc[blank["ds"] >= "2023-11-15", ["y", "visits"]] = np.nan
    pd.testing.assert_frame_equal(task.predict(blank), expected)


@pytest.mark.parametrize("pieces", [1, 3])
def test_an_update_is_as_reading_everything_again(
    task: Forecast, pieces: int, tmp_path: Path
) -> None:
    """Also after saving, with rows a day at a time, and the offers of the week to come."""
    frame = shops()
    old, new = frame[frame["ds"] < "2023-12-20"], frame[frame["ds"] >= "2023-12-20"]
    task.save(tmp_path)
    other = elman.load(tmp_path)
    assert isinstance(other, Forecast)
    other.memory = replace(other.memory, known={})
    week = new[new["ds"] < "2023-12-27"].assign(y=np.nan, visits=np.nan)
    other.update(pd.concat([old, week]))
    days = np.array_split(np.unique(new["ds"]), pieces)
    for some in days:
        week = (frame["ds"] > some[-1]) & (frame["ds"] <= some[-1] + np.timedelta64(7, "D"))
        to_come = frame[week].assign(y=np.nan, visits=np.nan)
        other.update(pd.concat([new[new["ds"].isin(some)], to_come]))
    offers = ahead(frame)
    found, expected = other.forecasts(future=offers), task.forecasts(frame, future=offers)
    np.testing.assert_allclose(found.quantiles, expected.quantiles, rtol=1e-5)
    assert (found.times == expected.times).all()
    for name, known in task.memory.known.items():
        assert np.abs(known.track.log_factor).max() > 0.01
        np.testing.assert_allclose(
            other.memory.known[name].track.log_factor, known.track.log_factor
        )


def test_a_saved_model_forecasts_the_same(task: Forecast, tmp_path: Path) -> None:
    task.save(tmp_path)
    offers = ahead(shops())
    loaded = elman.load(tmp_path)
    np.testing.assert_array_equal(
        loaded.forecasts(future=offers).quantiles, task.forecasts(future=offers).quantiles
    )
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("#")


def test_a_new_series_is_answered(task: Forecast) -> None:
    frame = shops(4)
    new = frame[frame["unique_id"] == "shop 3"]
    found = task.predict(new, future=ahead(new))
    assert len(found) == 7
    assert found["median"].between(5, 200).all()
    short = new.tail(3)
    assert np.isfinite(task.predict(short, future=ahead(short))["median"]).all()


def test_anomalies_stand_out(task: Forecast) -> None:
    frame = shops()
    strange = frame["ds"] == pd.Timestamp("2023-12-05")
    frame.loc[strange, "y"] *= 4
    scores = task.anomalies(frame)
    assert list(scores.columns) == ["unique_id", "ds", "expected", "score"]
    worst = scores.loc[scores.groupby("unique_id")["score"].idxmax(), "ds"]
    assert (worst == pd.Timestamp("2023-12-05")).all()


def test_a_backtest_with_the_rules_beside(task: Forecast) -> None:
    found = task.backtest(shops(), n_windows=2, step_size=7)
    assert set(found.metrics) == {"model", "naive", "seasonal_naive", "drift", "ets", "arima"}
    assert found.origins == 6
    assert 0 <= found.metrics["model"]["coverage_80"] <= 1
    assert task.evaluate(shops())["mae"] > 0


def test_cross_validation_in_the_form_of_the_field(
    task: Forecast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "_MOST_SLOW", 0)
    frame = shops()
    found = task.cross_validation(frame, n_windows=3, level=[80])
    names = ["unique_id", "ds", "cutoff", "y", "elman", "elman-lo-80", "elman-hi-80"]
    assert list(found.columns) == [*names, "naive", "seasonal_naive", "drift"]
    assert len(found) == 3 * 3 * 7
    assert list(found["cutoff"].unique()) == list(
        pd.to_datetime(["2023-12-10", "2023-12-17", "2023-12-24"])
    )
    assert ((found["ds"] - found["cutoff"]).dt.days == np.tile(np.arange(1, 8), 9)).all()
    assert (found["elman"].between(found["elman-lo-80"], found["elman-hi-80"])).all()
    merged = found.merge(frame, on=["unique_id", "ds"])
    pd.testing.assert_series_equal(merged["y_x"], merged["y_y"], check_names=False)
    last = frame[frame["ds"] <= "2023-12-24"]
    again = task.predict(last, future=frame[frame["ds"] > "2023-12-24"], level=[80])
    window = found[found["cutoff"] == "2023-12-24"].reset_index(drop=True)
    for name, theirs in (("elman", "median"), ("elman-lo-80", "lo-80"), ("elman-hi-80", "hi-80")):
        np.testing.assert_allclose(window[name], again[theirs], rtol=1e-5)


def test_what_comes_after_a_cutoff_changes_no_forecast_made_there(
    task: Forecast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "_MOST_SLOW", 0)
    frame = shops()
    late = frame["ds"] > "2023-12-17"
    changed = frame.copy()
    changed.loc[late, "y"] = 1e4
    changed.loc[late, "visits"] = -1
    one, two = (task.cross_validation(each, n_windows=3) for each in (frame, changed))
    early = one["cutoff"] <= "2023-12-17"
    made = [name for name in one.columns if name != "y"]
    pd.testing.assert_frame_equal(one.loc[early, made], two.loc[early, made])
    assert not one.loc[~early, "elman"].equals(two.loc[~early, "elman"])


def test_an_untrained_task_is_trained_on_what_comes_before_the_windows() -> None:
    frame = shops(1)[["ds", "y"]]
    settings = {"horizon": 7, "hidden_size": 8, "max_steps": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Forecast(**settings).cross_validation(frame, n_windows=2, level=[80])
        task = Forecast(**settings).fit(frame[:-14], progress=False)
    assert "unique_id" not in found
    pd.testing.assert_frame_equal(found, task.cross_validation(frame, n_windows=2, level=[80]))


def test_forecasts_of_what_was_trained_on_are_said_to_be_such(task: Forecast) -> None:
    with pytest.warns(
        UserWarning, match="3 of 3 series are forecast at steps that the network was trained on"
    ):
        task.cross_validation(shops(), n_windows=21)
    with pytest.raises(SettingsError, match="step_size=0: a whole number from 1 is needed"):
        task.backtest(shops(), step_size=0)


def test_a_plot_shows_what_is_known_and_what_is_expected(task: Forecast) -> None:
    found = task.forecasts(future=ahead(shops()))
    figure = found.plot(["shop 2", "shop 0"], level=[50])
    first, second = figure.axes
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["shop 2", "shop 0"]
    known, mean = first.get_lines()
    last = shops().query("unique_id == 'shop 2'")["y"].iloc[-14:]
    np.testing.assert_allclose(known.get_ydata(), last)
    np.testing.assert_allclose(mean.get_ydata()[1:], found.mean[2, :, 0])
    low, high = found.interval(50)
    corners = first.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == min(low[2].min(), last.iloc[-1])
    assert corners.max() == max(high[2].max(), last.iloc[-1])
    assert len(found.plot().axes) == 3
    with pytest.raises(SettingsError, match="there is no forecast of 'shop 9'"):
        found.plot(["shop 9"])


def test_only_the_first_panels_are_drawn_of_many_series(task: Forecast) -> None:
    found = task.forecasts(shops(3), future=ahead(shops(3)))
    many = Forecasts(
        tuple(range(12)),
        np.tile(found.times, (4, 1)),
        np.tile(found.quantiles, (4, 1, 1, 1)),
        found.levels,
        found.targets,
    )
    figure = many.plot()
    assert len(figure.axes) == 8
    assert figure.get_supxlabel() == "8 of 12"


def test_several_targets(tmp_path: Path) -> None:
    t = np.arange(300)
    table = {"ds": t, "a": 10 + np.sin(t), "b": -5 + 2 * np.cos(t)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = Forecast(target=("a", "b"), horizon=4, season=6, max_steps=5, hidden_size=8)
        task.fit(pl.DataFrame(table), progress=False)
    found = task.predict(level=[80])
    assert isinstance(found, pl.DataFrame)
    assert found.columns[:3] == ["ds", "a-mean", "a-median"]
    assert found["ds"].to_list() == [300, 301, 302, 303]


def test_a_user_is_warned_where_the_rule_is_better() -> None:
    """A season and nothing else is the seasonal naive rule's own."""
    t = np.arange(400)
    with pytest.warns(UserWarning, match="times those of the seasonal naive rule"):
        Forecast(horizon=7, season=7, max_steps=1, hidden_size=4, lr=0.1).fit(
            {"ds": t, "y": 10 + (t % 7) ** 2.0 + 1e-3 * np.sin(t)}, progress=False
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(y=np.where(f["y"] > 40, np.inf, f["y"])), "y is infinite"),
        (lambda f: pd.concat([f, f.tail(1)]), "a second row for"),
        (lambda f: f.drop(columns="offer"), "no column 'offer'"),
        (lambda f: f.groupby("unique_id").head(12), "the longest series has 12 steps"),
        (lambda f: f.assign(ds="soon"), "ds is 'soon'"),
    ],
)
def test_bad_data(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Forecast(**SETTINGS).fit(change(shops()), progress=False)


def test_bad_questions(task: Forecast) -> None:
    with pytest.raises(DataError, match="offer must be known for 7 steps to come"):
        task.predict()
    with pytest.raises(DataError, match="and is given for 3"):
        task.predict(future=ahead(shops(), 3))
    with pytest.raises(SettingsError, match="h=8: this model was trained for 1 to 7 steps"):
        task.predict(h=8)
    with pytest.raises(SettingsError, match="level=99"):
        task.predict(future=ahead(shops()), level=[99])
    with pytest.raises(DataError, match="begin before"):
        task.update(shops())
    with pytest.raises(SettingsError, match="validation cannot be given"):
        Forecast(**SETTINGS).fit(shops(), shops())
    with pytest.raises(SettingsError, match="must be different"):
        Forecast(target="y", past="y")
    with pytest.raises(SettingsError, match="not trained"):
        Forecast().predict()


def test_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    settings = {**SETTINGS, "epochs": None, "max_steps": 20, "checkpoint_every": 5}
    frame = shops()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = Forecast(**settings).fit(frame, progress=False)
        again = Forecast(**settings).fit(frame, progress=False)
    for a, b in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.data
@pytest.mark.usefixtures("dataset_root")
@pytest.mark.slow
def test_m4_hourly_beats_the_competitions_benchmark() -> None:
    """A sixth of the usual training; the whole is benchmarks/forecasting.py."""
    from elman.tasks.forecast import metrics

    before, after = read_panel("fc_m4_hourly:train"), read_panel("fc_m4_hourly:test")
    found = Forecast(horizon=48, season=24, max_steps=250).fit(before, progress=False).forecasts()
    mean = metrics.mean_of(
        [
            metrics.errors(f, a.y[:, 0], b.y[:, 0], 24)
            for f, a, b in zip(found.median[..., 0], after.series, before.series, strict=True)
        ]
    )
    assert metrics.owa(mean["smape"], mean["mase"], 18.382878, 2.39504) < 0.65
