"""Names of series, and tables that come back as they went in."""

import decimal
import uuid
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from elman.data import read_panel
from elman.data.series.identity import name_of, series_names
from elman.errors import DataError


def names(values: list[Any]) -> Any:
    return series_names(values, "shop", lambda i: f"row {i + 1}")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "1"), (1.0, "1"), (np.int8(1), "1"), ("1", "1"), (decimal.Decimal("7.00"), "7"),
        (decimal.Decimal("0.50"), "0.5"), (uuid.UUID(int=7), str(uuid.UUID(int=7))),
        (date(2024, 1, 5), "2024-01-05"), (True, "True"), (1.5, "1.5"), (-3, "-3"),
        (("a", 1), None), ([1], None), ("\ud800", None), (object(), None), ("x" * 1001, None),
    ],
)  # fmt: skip
def test_names_are_the_same_however_they_are_typed(value: Any, name: str | None) -> None:
    assert name_of(value) == name


@pytest.mark.parametrize("value", [None, "", " ", float("nan"), pd.NA, pd.NaT, np.float32("nan")])
def test_a_missing_name_is_an_error_that_names_the_row(value: Any) -> None:
    with pytest.raises(DataError, match="row 2: shop is missing"):
        names(["a", value, "a"])


@pytest.mark.parametrize("value", [("a", 1), {"a": 1}, [1], b"a\xff".decode("latin1") * 1000])
def test_what_cannot_be_a_name(value: Any) -> None:
    with pytest.raises(DataError, match=r"row 2: shop is .* is needed"):
        names(["a", value])


def test_a_number_and_a_text_of_one_name() -> None:
    with pytest.raises(DataError, match="row 2: shop is '1', and 1 in another row"):
        names([1, "1"])


def test_the_names_column_is_no_series_of_its_own() -> None:
    days = ["2024-01-01", "2024-01-02"]
    with pytest.raises(DataError, match=r"no column 'y': it has .*choose with target="):
        read_panel({"unique_id": [1, 1], "ds": days, "sold": [3, 4]})


TIMES = pd.date_range("2024-01-01", periods=6)
FRAMES: dict[str, Any] = {
    "pandas category": pd.DataFrame({"unique_id": pd.Categorical(["a"] * 6), "ds": TIMES}),
    "pandas int32": pd.DataFrame({"unique_id": np.full(6, 3, np.int32), "ds": TIMES}),
    "pandas string": pd.DataFrame({"unique_id": pd.array(["a"] * 6, "string"), "ds": TIMES}),
    "pandas seconds": pd.DataFrame({"unique_id": "a", "ds": TIMES.as_unit("s")}),
    "pandas ns": pd.DataFrame({"unique_id": "a", "ds": TIMES.as_unit("ns")}),
    "pandas zone": pd.DataFrame({"unique_id": "a", "ds": TIMES.tz_localize("Asia/Tokyo")}),
    "pandas period": pd.DataFrame({"unique_id": "a", "ds": TIMES.to_period("D")}),
    "pandas number": pd.DataFrame({"unique_id": "a", "ds": np.arange(6, dtype=np.int32)}),
    "polars date": pl.DataFrame({"unique_id": ["a"] * 6, "ds": list(TIMES.date)}),
    "polars us": pl.DataFrame({"unique_id": [1] * 6, "ds": list(TIMES.to_pydatetime())}),
    "polars enum": pl.DataFrame(
        {"unique_id": pl.Series(["a"] * 6, dtype=pl.Enum(["b", "a"])), "ds": list(TIMES.date)}
    ),
    "polars categorical": pl.DataFrame(
        {"unique_id": pl.Series(["a"] * 6, dtype=pl.Categorical), "ds": list(TIMES.date)}
    ),
    "polars zone": pl.DataFrame({"unique_id": ["a"] * 6, "ds": list(TIMES)}).with_columns(
        pl.col("ds").cast(pl.Datetime("ms")).dt.replace_time_zone("Europe/Berlin")
    ),
    "polars int8": pl.DataFrame({"unique_id": pl.Series([1] * 6, dtype=pl.Int8), "ds": range(6)}),
    "arrow": pa.table({"unique_id": ["a"] * 6, "ds": pa.array(TIMES.date)}),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_types_of_columns_come_back(kind: str) -> None:
    frame = FRAMES[kind]
    if isinstance(frame, pd.DataFrame):
        given: Any = frame.assign(y=1.0)
    elif isinstance(frame, pl.DataFrame):
        given = frame.with_columns(y=pl.lit(1.0))
    else:
        given = frame.append_column("y", pa.array([1.0] * 6))
    panel = read_panel(given)
    series = panel.series[0]
    found = panel.frame({"unique_id": [series.name] * 2, "ds": panel.times(series, 6, 2)})
    assert type(found) is type(frame)
    if isinstance(frame, pa.Table):
        assert found.schema.field("ds").type == frame.schema.field("ds").type
        return
    assert list(found.dtypes) == list(frame.dtypes)
    assert found["unique_id"][0] == frame["unique_id"][0]
    joined = panel.frame({"unique_id": [series.name] * 6, "ds": panel.times(series, 0, 6)})
    assert list(joined["ds"]) == list(frame["ds"])


def test_columns_of_a_dict_come_back() -> None:
    days = np.arange("2024-01-01", "2024-01-07", dtype="datetime64[D]")
    panel = read_panel({"unique_id": [decimal.Decimal(7)] * 6, "ds": days, "y": range(6)})
    found = panel.frame({"unique_id": ["7"], "ds": panel.times(panel.series[0], 6, 1)})
    assert found["ds"].dtype == days.dtype
    assert found["unique_id"].tolist() == [decimal.Decimal(7)]
