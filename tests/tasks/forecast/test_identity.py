"""A series is the same however its name, its covariates and its rows come."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import elman
from elman.errors import DataError
from elman.tasks import Forecast

SETTINGS: dict[str, Any] = {"horizon": 3, "hidden_size": 8, "max_steps": 10, "batch_size": 8}


def shops(days: int = 63) -> pd.DataFrame:
    times = pd.date_range("2024-01-01", periods=days)
    t = np.arange(days)
    parts = [
        pd.DataFrame(
            {"unique_id": i, "ds": times, "y": 10.0 * i + t % 7, "visits": t % 3.0, "size": 50 * i}
        )
        for i in (1, 2)
    ]
    return pd.concat(parts, ignore_index=True)


def fitted(data: Any, **settings: Any) -> Forecast:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "on the held-out steps")
        return Forecast(**{**SETTINGS, **settings}).fit(data, progress=False)


@pytest.mark.parametrize("kind", ["pandas", "polars", "float", "csv"])
def test_a_model_of_a_file_knows_the_rows_of_a_frame(kind: str, tmp_path: Path) -> None:
    table, path = shops(), tmp_path / "old.csv"
    old, new = table[table["ds"] < "2024-03-01"], table[table["ds"] >= "2024-03-01"]
    old.to_csv(path, index=False)
    task = fitted(path)
    given: Any = new
    if kind == "polars":
        given = pl.from_pandas(new)
    elif kind == "float":
        given = new.astype({"unique_id": float})
    elif kind == "csv":
        given = tmp_path / "new.csv"
        new.to_csv(given, index=False)
    task.update(given)
    expected = fitted(old)
    expected.update(new)
    assert list(task.memory.known) == ["1", "2"]
    np.testing.assert_allclose(task.predict()["mean"], expected.predict()["mean"])
    assert expected.predict()["unique_id"].tolist() == [1, 1, 1, 2, 2, 2]


def test_unknown_names_are_told() -> None:
    task = fitted(shops())
    later = pd.DataFrame({"unique_id": ["01"], "ds": ["2024-03-04"], "y": [1.0]})
    with pytest.warns(UserWarning, match=r"none of the 1 series .* '01' is none of '1', '2'"):
        task.update(later)
    with pytest.raises(DataError, match="has no column unique_id, other than that of training"):
        task.update(later[["ds", "y"]])


def test_names_of_every_kind_are_saved(tmp_path: Path) -> None:
    from decimal import Decimal
    from uuid import UUID

    one = shops().query("unique_id == 1").drop(columns="unique_id")
    for i, name in enumerate([Decimal(7), UUID(int=7), pd.Timestamp("2024-01-01"), 3, 2.5, True]):
        task = fitted(one.assign(unique_id=[name] * len(one)), max_steps=1)
        task.save(tmp_path / str(i))
        loaded = elman.load(tmp_path / str(i))
        assert list(loaded.memory.known) == list(task.memory.known)
        loaded.update(pd.DataFrame({"unique_id": [name], "ds": ["2024-03-04"], "y": [1.0]}))
        assert len(loaded.memory.known) == 1


@pytest.mark.parametrize("library", [pd, pl])
def test_kinds_of_tables_come_back_after_loading(library: Any, tmp_path: Path) -> None:
    given: Any = shops()
    given["unique_id"] = given["unique_id"].map({1: "a", 2: "b"}).astype("category")
    other: Any = pl.from_pandas(given)
    if library is pl:
        given, other = other.with_columns(pl.col("ds").cast(pl.Date)), given
    task = fitted(given)
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    for found in (task.predict(), loaded.predict(), loaded.predict(given)):
        assert isinstance(found, library.DataFrame)
        assert found["ds"].dtype == given["ds"].dtype
        assert str(found["unique_id"].dtype) == str(given["unique_id"].dtype)
    assert type(loaded.predict(other)) is type(other)
    assert loaded.anomalies(given)["ds"].dtype == given["ds"].dtype
    assert loaded.sample_paths(given, paths=2)["ds"].dtype == given["ds"].dtype


def test_static_numbers_are_numbers_wherever_they_come_from(tmp_path: Path) -> None:
    table, path = shops(), tmp_path / "shops.csv"
    table.to_csv(path, index=False)
    kinds: list[Any] = [table, path, {n: table[n].to_numpy() for n in table}, pl.from_pandas(table)]
    tasks = [fitted(kind, static="size") for kind in kinds]
    for task in tasks:
        assert task.view.categories == (None,)
        np.testing.assert_allclose(task.predict()["mean"], tasks[0].predict()["mean"])
    named = fitted(table.assign(size=["small"] * 63 + ["2"] * 63), static="size")
    assert named.view.categories == (("2", "small"),)


def test_rows_a_day_at_a_time_are_as_all_at_once() -> None:
    """Also where a field is empty, of one series or of its last days, and covariates are not."""
    table = shops()
    table.loc[(table["unique_id"] == 2) & table["ds"].isin(["2024-02-25", "2024-03-03"]), "y"] = (
        np.nan
    )
    old, new = table[table["ds"] < "2024-02-24"], table[table["ds"] >= "2024-02-24"]
    tasks = [fitted(old, past="visits") for _ in range(2)]
    tasks[0].update(new)
    for day in new["ds"].unique():
        tasks[1].update(new[new["ds"] == day])
    later = pd.DataFrame({"unique_id": [1, 2], "ds": "2024-03-04", "y": 15.0, "visits": 1.0})
    for _ in range(2):
        found, expected = (task.predict() for task in tasks)
        assert list(found["ds"]) == list(expected["ds"])
        np.testing.assert_allclose(found["mean"], expected["mean"], rtol=1e-4)
        for task in tasks:
            task.update(later)
        later = later.assign(ds="2024-03-05")


def test_missing_steps_are_told_when_training() -> None:
    table = shops().drop(index=[20, 30, 31])
    with pytest.warns(UserWarning, match="3 of 126 steps have no row and are taken as missing"):
        Forecast(**SETTINGS).fit(table, progress=False)
