"""Values that a user may give by mistake, and a check that the answer is a clear error."""

import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import torch

from elman.data.values import shown
from elman.errors import ElmanError

HUGE = 10**5000
LONGEST = 2000  # characters of a message
BAD_VALUES: list[Any] = [
    *(None, True, 0, -1, 3, HUGE, 1.5, float("nan"), float("inf"), 1 + 2j, Decimal("sNaN")),
    *("", " ", "no such file.csv", "x" * 300, "x/" * 3000, "one\ntwo", "\0", "\ud800", "9" * 5000),
    *(b"", b"bytes", b"\xff\xfe", Path(), Path("x" * 300), Path("nothing.csv"), Path("a\0b")),
    *(
        [],
        [None],
        [[]],
        [1, 2],
        ["a", 1],
        ["a", None],
        [""],
        [b"\xff"],
        ["\ud800"],
        [HUGE],
        [["a"]],
    ),
    *((), ("a",), ("a", "b"), ("a", "b", "c"), (["a"], None), (["a"], 3), (["a"], "b"), (3, 4)),
    *((["a", "b"], ["x"]), (["a", "b"], [{}, {}]), (["a"], [HUGE]), (["a"], ["\ud800"])),
    *([("a", "x"), ("b",)], [("a", "x"), 3], [(None, None)], [(["a"], {"x"})], [({}, [])]),
    *(
        {},
        {"text": 3},
        {"text": "a", "label": "b"},
        {"text": []},
        {1: [2]},
        {"a": [1], "b": [1, 2]},
    ),
    *([{}], [{"text": None}], [{"text": "a"}, 3], [{1: 2}], {"text": [HUGE], "label": [None]}),
    *(set(), {"a", 1}, frozenset(), range(0), range(3), iter([]), object(), int, len, ...),
    *(
        np.zeros(0),
        np.zeros(3),
        np.zeros((2, 0, 3)),
        np.array(3),
        np.array("a"),
        np.zeros((1,) * 5),
    ),
    *(np.array([None]), np.array([1 + 1j]), np.array(["NaT"], "M8[D]"), np.ma.masked_all(3)),
    *(torch.zeros(0), torch.zeros(2, 3, requires_grad=True), torch.tensor(3), torch.eye(2)),
    *(pandas.DataFrame(), pandas.DataFrame([[1, 2]], columns=["a", "a"]), pandas.NA, pandas.NaT),
    *(pandas.DataFrame([[1, 2]]), pandas.Series([], dtype=object), pandas.Series([pandas.NA])),
    *(
        pandas.DataFrame({"text": ["a"], "label": [pandas.NA]}),
        polars.DataFrame(),
        polars.Series([1]),
    ),
    *(pyarrow.table({"text": pyarrow.array([], "string")}), pyarrow.array(["a"])),
    *([np.zeros((2, 2)), np.zeros((2, 3))], [pandas.DataFrame({"a": ["x"]})], [torch.zeros(2, 2)]),
]


def problem(call: Callable[[], object]) -> str | None:
    """What is wrong with the answer of a call: an error that is not in words, on one short line.

    None if it succeeds or explains itself.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except ElmanError as error:
            message = str(error)
            if message.strip() and "\n" not in message and len(message) < LONGEST:
                return None
            return f"{type(error).__name__} of {len(message)} characters: {message[:80]!r}"
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:80]}"
    return None


def problems(calls: Mapping[str, Callable[[Any], object]]) -> list[str]:
    """What is wrong with the answers of all calls to all bad values."""
    return [
        f"{name} of {shown(value)}: {found}"
        for name, call in calls.items()
        for value in BAD_VALUES
        if (found := problem(partial(call, value))) is not None
    ]
