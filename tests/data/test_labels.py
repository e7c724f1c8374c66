import datetime
import enum
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas
import polars
import pyarrow
import pytest
import torch

from elman.data import read_examples
from elman.errors import DataError

TEXTS = ["a", "b", "c"]


class Mood(enum.Enum):
    GLAD = "glad"
    SAD = "sad"
    SO_SO = "so so"


@pytest.mark.parametrize(
    "missing",
    [
        *(None, float("nan"), np.float32("nan"), np.float16("nan"), Decimal("NaN"), "", "  "),
        *(pandas.NA, pandas.NaT, np.datetime64("NaT"), torch.tensor(float("nan"))),
        *(np.array(np.nan), pyarrow.scalar(None), Decimal("sNaN"), b""),
    ],
    ids=repr,
)
def test_a_missing_label_of_any_kind_names_its_example(missing):
    with pytest.raises(DataError, match="example 1: the label is missing"):
        read_examples((TEXTS, ["x", missing, "y"]))
    with pytest.raises(DataError, match="example 1: the label is missing"):
        read_examples((TEXTS, [["x"], ["y", missing], []]))


@pytest.mark.parametrize(
    "column",
    [
        pandas.array([1, None, 0], dtype="Int64"),
        pandas.array([True, None, False], dtype="boolean"),
        pandas.array(["x", None, "y"], dtype="string"),
        pandas.Categorical(["x", None, "y"]),
        pandas.to_datetime(["2020-01-01", None, "2021-01-01"]),
        np.array([1, np.nan, 0], np.float32),
    ],
    ids=lambda column: type(column).__name__,
)
def test_a_missing_label_of_a_column_names_its_row(column):
    frame = pandas.DataFrame({"text": TEXTS, "label": column})
    with pytest.raises(DataError, match="row 2: the label is missing"):
        read_examples(frame)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.tensor([0, 1, 1]), ["0", "1", "1"]),
        ([torch.tensor(2), np.int64(1), 0], ["2", "1", "0"]),
        (torch.tensor([[0], [1], [1]]), ["0", "1", "1"]),
        (np.array([["x"], ["y"], ["x"]]), ["x", "y", "x"]),
        (np.array([b"neg", b"pos", b"neg"]), ["neg", "pos", "neg"]),
        ([b"neg", "gr\u00fcn".encode(), "x"], ["neg", "gr\u00fcn", "x"]),
        (np.float32([0.1, 0.2, 0.1]), ["0.1", "0.2", "0.1"]),
        (np.array([True, False, True]), ["True", "False", "True"]),
        (pyarrow.array(["x", "y", "x"]), ["x", "y", "x"]),
        (pyarrow.chunked_array([["x"], ["y", "x"]]), ["x", "y", "x"]),
        (polars.Series(["x", "y", "x"]), ["x", "y", "x"]),
        (pandas.Series(["x", "y", "x"], index=[5, 5, 9]), ["x", "y", "x"]),
        (pandas.DataFrame({"label": ["x", "y", "x"]}), ["x", "y", "x"]),
        ([Decimal("1.5"), Fraction(1, 2), 3], ["1.5", "1/2", "3"]),
        ([datetime.date(2020, 1, 2), "x", "y"], ["2020-01-02", "x", "y"]),
        ([Mood.GLAD, Mood.SAD, Mood.SO_SO], ["glad", "sad", "so so"]),
    ],
    ids=str,
)
def test_labels_by_their_values(labels, expected):
    assert read_examples((TEXTS, labels)).labels == expected


@pytest.mark.parametrize(
    "label",
    [{"POS": 1}, object(), [["x"]], ("x", {"y"}), len, b"\xff", "half \ud800", 10**5000],
    ids=lambda label: type(label).__name__,
)
def test_what_is_neither_a_name_nor_a_number(label):
    with pytest.raises(DataError, match="example 1: the label"):
        read_examples((TEXTS[:2], [["x"] if isinstance(label, (list, tuple)) else "x", label]))


ONE_HOT = np.array([[0, 0, 1], [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    "matrix",
    [ONE_HOT, ONE_HOT * 1.0, ONE_HOT > 0, ONE_HOT.tolist(), torch.tensor(ONE_HOT), list(ONE_HOT)],
)
def test_one_hot_rows_name_the_column(matrix):
    examples = read_examples((TEXTS, matrix))
    assert examples.labels == ["2", "0", "2"]
    assert not examples.is_multi_label
    column = {"text": TEXTS, "label": list(matrix)}
    assert read_examples(column).labels == ["2", "0", "2"]


def test_many_hot_rows_name_the_columns():
    examples = read_examples((TEXTS, [[1, 1, 0], [0, 0, 0], [0, 0, 1]]))
    assert examples.labels == [("0", "1"), (), ("2",)]


def test_dummies_of_a_dataframe_keep_their_names():
    dummies = pandas.get_dummies(pandas.Series(["x", "y", "x"]))
    assert read_examples((TEXTS, dummies)).labels == ["x", "y", "x"]
    assert read_examples((TEXTS, polars.DataFrame({"p": [1, 0, 1], "q": [1, 0, 0]}))).labels == [
        ("p", "q"),
        (),
        ("p",),
    ]
    with pytest.raises(DataError, match="a dataframe with the columns p, q"):
        read_examples((TEXTS, polars.DataFrame({"p": [1, 2, 3], "q": [1, 0, 0]})))


def test_lists_of_numbers_are_sets_unless_they_are_a_matrix():
    assert read_examples((TEXTS, [[3, 5], [5], []])).labels == [("3", "5"), ("5",), ()]
    assert read_examples((TEXTS, [[0], [1], [1]])).labels == [("0",), ("1",), ("1",)]
    for rows in ([[0.2, 0.8]] * 3, [[-1, 1, 1]] * 3):
        with pytest.raises(DataError, match="a matrix of labels holds 0 and 1"):
            read_examples((TEXTS, rows))


def test_sets_of_labels_of_several_types_are_in_order():
    assert read_examples((TEXTS, [{"b", "a"}, {2, "a"}, set()])).labels == [
        ("a", "b"),
        ("2", "a"),
        (),
    ]
