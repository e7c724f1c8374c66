"""Sessions of a forecaster: the numbers of `update` and `predict`, each with series of its own."""

import warnings
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from session_states import sent

import elman
from elman.errors import DataError, SettingsError
from elman.tasks import Forecast
from elman.tasks.forecast.session import ForecastSession

DAYS = np.arange("2024-01-01", "2024-05-30", dtype="datetime64[D]")


def sales(names: tuple[str, ...] = ("a", "b"), seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    week = 10 + 3 * np.sin(2 * np.pi * np.arange(len(DAYS)) / 7)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": DAYS, "y": week + random.normal(0, 1, len(DAYS))})
        for name in names
    ]
    return pd.concat(parts, ignore_index=True)


def rows(names: tuple[str, ...], first: int, count: int, seed: int = 1) -> pd.DataFrame:
    """Days that follow those of training."""
    days = DAYS[-1] + 1 + first + np.arange(count)
    values = np.random.default_rng([seed, abs(first)]).uniform(5, 15, count)
    return pd.concat(
        [pd.DataFrame({"unique_id": name, "ds": days, "y": values}) for name in names],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("session") / "model"
    task = Forecast(horizon=4, hidden_size=6, max_steps=20, batch_size=4)
    task.fit(sales(), folder=path, progress=False)
    return path


@pytest.fixture(scope="module")
def task(folder: Path) -> Forecast:
    return loaded(folder)


def loaded(folder: Path) -> Forecast:
    found = elman.load(folder)
    assert isinstance(found, Forecast)
    return found


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_numbers_are_those_of_update_and_predict(folder: Path, task: Forecast) -> None:
    session, updated = task.session(h=3, level=[80]), loaded(folder)
    for first, count in ((0, 1), (1, 3), (4, 2)):
        new = rows(("a", "b"), first, count)
        updated.update(new)
        same(session.accept(new).value, updated.predict(h=3, level=[80]))
    found = session.finish()
    same(found.value, updated.predict(h=3, level=[80]))
    assert found.error is None
    with pytest.raises(SettingsError, match="finished"):
        session.accept(rows(("a",), 6, 1))


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.booleans()), max_size=8))
def test_sessions_do_not_see_each_other_nor_change_the_task(
    task: Forecast, steps: list[tuple[int, int, bool]]
) -> None:
    """Sessions that take turns, saved and restored now and then, answer as they would alone."""
    before = task.predict()
    sessions = [task.session() for _ in range(3)]
    given_rows: list[list[pd.DataFrame]] = [[], [], []]
    answers: list[Any] = [None] * 3
    for who, count, is_restored in steps:
        chunk = rows(("a",), sum(map(len, given_rows[who])), count, seed=10 + who)
        given_rows[who].append(chunk)
        answers[who] = sessions[who].accept(chunk).value
        if is_restored:
            sessions[who] = task.session(state=sent(sessions[who].state))
    for chunks, answer in zip(given_rows, answers, strict=True):
        alone = task.session()
        for chunk in chunks:
            expected = alone.accept(chunk).value
        if chunks:
            same(answer, expected)
    same(task.predict(), before)


def test_series_to_begin_with(task: Forecast) -> None:
    one = task.session(series=["b"])
    assert set(one.accept(rows(("b",), 0, 1)).value["unique_id"]) == {"b"}
    none = task.session(series=[])
    with pytest.raises(SettingsError, match="accept rows first"):
        none.finish()
    new = sales(("new",), seed=5)
    same(none.accept(new).value, task.predict(new))
    with pytest.raises(SettingsError, match="'nobody'"):
        task.session(series=["nobody"])


def test_a_session_may_have_one_series_without_a_name(task: Forecast) -> None:
    new = sales(("new",), seed=5).drop(columns="unique_id")
    session = task.session(series=[])
    same(session.accept(new[:60]).value, task.predict(new[:60]))
    other = task.session(state=sent(session.state))
    same(session.accept(new[60:]).value, other.accept(new[60:]).value)
    np.testing.assert_allclose(
        other.finish().value["median"], task.predict(new)["median"], rtol=1e-5
    )


def test_rows_that_are_refused_leave_the_session_as_it_was(task: Forecast) -> None:
    session, other = task.session(), task.session()
    with pytest.raises(DataError):
        session.accept(rows(("a",), -5, 2))
    with pytest.raises(SettingsError):
        session.accept(rows(("a",), 0, 1), future=rows(("a",), 0, 1))
    same(session.accept(rows(("a",), 0, 2)).value, other.accept(rows(("a",), 0, 2)).value)


def test_an_answer_is_of_the_kind_of_the_rows(task: Forecast) -> None:
    new = rows(("a",), 0, 2)
    found = task.session().accept({name: new[name].to_numpy() for name in new}).value
    assert isinstance(found, dict)


def test_a_state_of_no_series_goes_on(task: Forecast) -> None:
    session = task.session(series=[], state=None)
    other = task.session(state=sent(session.state))
    same(other.accept(sales(("c",))).value, task.predict(sales(("c",))))


@pytest.mark.parametrize(
    "settings",
    [
        {"head": "normal", "paths": 20},
        {"smoothing": True},
        {"attention": True},
        {"dilations": (1, 2), "cell": "gru"},
        {"future": ("offer",), "past": ("visits",)},
    ],
    ids=str,
)
def test_each_form_of_forecaster_goes_on_from_a_state(settings: dict[str, Any]) -> None:
    def with_columns(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(offer=(frame["y"] > 11).astype(float), visits=3 * frame["y"])

    whole = with_columns(pd.concat([sales(("a",)), rows(("a",), 0, 6)], ignore_index=True))
    task = Forecast(horizon=3, hidden_size=5, max_steps=5, batch_size=4, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so short a training may be of no use
        task.fit(whole[:-6], progress=False)
    to_come = whole[-3:].drop(columns=["y", "visits"]) if "future" in settings else None
    session = task.session()
    if to_come is not None:
        with pytest.raises(DataError, match="offer"):  # of the steps to come it is needed
            session.accept(whole[-6:-4])
    before = None if to_come is None else whole[-4:].drop(columns=["y", "visits"])
    session.accept(whole[-6:-4], future=before)
    other = task.session(state=sent(session.state))
    found = [each.accept(whole[-4:-3], future=to_come).value for each in (session, other)]
    same(*found)
    updated = copy(task)
    for chunk in (whole[-6:-4], whole[-4:-3]):
        updated.update(chunk)
    same(found[0], updated.predict(future=to_come))


def damaged(state: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**state, name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("0.mean", torch.zeros(1)),
        ("0.state0", torch.full((1, 6), torch.nan)),
        ("series", [["a", 0, []]]),
        ("series", 3),
        ("phases", ["x"]),
        ("more", torch.zeros(1)),
        ("weights", "0" * 64),
        ("task", "speech"),
    ],
)
def test_states_that_are_none(task: Forecast, name: str, value: Any) -> None:
    state = task.session().state
    with pytest.raises(SettingsError, match=r"^state is not "):
        task.session(state=damaged(state, name, value))


@pytest.mark.parametrize("state", [{}, 3, [], {"task": "forecast"}])
def test_what_is_no_state(task: Forecast, state: Any) -> None:
    with pytest.raises(SettingsError, match=r"^state"):
        task.session(state=state)


def test_bad_options(task: Forecast) -> None:
    for options in ({"h": 5}, {"level": [120]}, {"series": "a"}, {"series": 3}):
        with pytest.raises(SettingsError):
            task.session(**options)
    with pytest.raises(SettingsError, match="only one"):
        task.session(series=["a"], state=task.session().state)
    with pytest.raises(SettingsError, match="not trained"):
        Forecast().session()


def test_a_session_keeps_the_network_that_it_began_with(folder: Path) -> None:
    task = loaded(folder)
    session = task.session(series=[])
    expected = task.session(series=[]).accept(sales(("c",))).value
    task.fit(sales(seed=3), progress=False)
    same(session.accept(sales(("c",))).value, expected)
    assert isinstance(session, ForecastSession)
