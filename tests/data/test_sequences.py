import numpy as np
import pandas
import polars
import pyarrow
import pytest
import torch

from elman.data import read_examples
from elman.errors import DataError

VALUES = np.arange(6.0).reshape(3, 2)


def inputs_of(*sequences):
    return read_examples(list(sequences), label=None).inputs


@pytest.mark.parametrize(
    "sequence",
    [
        pandas.DataFrame(VALUES, columns=["x", "y"]),
        pandas.DataFrame(VALUES, columns=[2020, 2021], index=[7, 7, 7]),
        pandas.DataFrame(VALUES).convert_dtypes(),
        polars.DataFrame(VALUES, schema=["x", "y"]),
        polars.LazyFrame(VALUES, schema=["x", "y"]),
        pyarrow.table({"x": VALUES[:, 0], "y": VALUES[:, 1]}),
        torch.tensor(VALUES, requires_grad=True),
        torch.tensor(VALUES, dtype=torch.bfloat16),
        list(torch.tensor(VALUES)),
        np.ma.masked_array(VALUES),
        VALUES.tolist(),
        VALUES[:, ::-1][:, ::-1],
    ],
    ids=lambda sequence: type(sequence).__name__,
)
def test_rows_are_steps(sequence):
    found = inputs_of(sequence, sequence)
    np.testing.assert_array_equal(found, [VALUES.astype(np.float32)] * 2)


@pytest.mark.parametrize(
    "series",
    [pandas.Series([1.0, 2.0]), polars.Series([1.0, 2.0]), pyarrow.chunked_array([[1.0, 2.0]])],
)
def test_a_series_is_one_feature(series):
    np.testing.assert_array_equal(inputs_of(series)[0], [[1], [2]])


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (pandas.DataFrame({"x": [1], "day": ["mon"]}), "the column 'day' does not hold numbers"),
        (pandas.DataFrame({"x": pandas.to_datetime(["2020"])}), "the column 'x' does not hold"),
        (pandas.DataFrame({"x": pandas.array([1, None], dtype="Int64")}), "feature 0 at step 1 is"),
        (polars.DataFrame({"x": [1.0, None]}), "feature 0 at step 1 is nan"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "feature 0 at step 1 is nan"),
        (np.array([1 + 1j]), "features are numbers"),
        (np.array(["2020"], "M8[D]"), "features are numbers"),
        ([[1], [10**5000]], "features are numbers"),
        ([{"x": 1}], "features are numbers"),
        ({"x": [1]}, "features are needed"),
        (pandas.DataFrame([[1, 2]], columns=["x", "x"]), "two columns have the same name: x, x"),
    ],
)
def test_what_is_not_features(sequence, message):
    with pytest.raises(DataError, match=message):
        read_examples(([VALUES[:, :1], sequence], ["a", "b"]))
