"""Values of messages: arrays out of bytes, and answers as JSON."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data import Ink
from elman.errors import DataError
from elman.messages import shown

_DTYPES = ("int16", "float32", "int32", "uint8", "int8", "float64")
_MOST_DIMENSIONS = 4


class ArrayForm:
    """How the bytes of a binary message are an array: little-endian numbers in C order.

    **Arguments:** `dtype`: int16, float32, int32, uint8, int8 or float64; `shape`: as numpy's
    `reshape` takes it, -1 once for what follows from the number of bytes.

    >>> ArrayForm("int16", [-1, 2])(bytes(8)).shape
    (2, 2)
    """

    def __init__(self, dtype: Any = "int16", shape: Any = (-1,)) -> None:
        if dtype not in _DTYPES:
            raise DataError(f"dtype={shown(dtype)}: one of {', '.join(_DTYPES)} is needed")
        if (
            not isinstance(shape, list | tuple)
            or not 1 <= len(shape) <= _MOST_DIMENSIONS
            or not all(type(n) is int and (n == -1 or 0 < n < 10**6) for n in shape)
            or list(shape).count(-1) > 1
        ):
            raise DataError(f"shape={shown(shape)}: up to 4 lengths are needed, one of them -1")
        self.dtype, self.shape = np.dtype(dtype).newbyteorder("<"), tuple(shape)

    def __call__(self, content: bytes) -> NDArray[Any]:
        """The array of a message; DataError where the bytes do not fill the shape."""
        try:
            found = np.frombuffer(content, self.dtype).reshape(self.shape)
        except ValueError:
            raise DataError(
                f"{len(content)} bytes are no array of {self.dtype.name} of shape"
                f" {list(self.shape)}"
            ) from None
        return found.astype(self.dtype.newbyteorder("="))


def received(value: Any, most_text: int) -> Any:
    """A value of JSON as `Messages` takes it.

    `{"base64": ..., "dtype": ..., "shape": ...}` is an array, without `dtype` the bytes of a file;
    so are they as a value of another object. DataError for texts that are too long.
    """
    if isinstance(value, str) and len(value) > most_text:
        raise DataError(f"a text has {len(value):,} characters, {most_text:,} at most are read")
    if not isinstance(value, dict):
        return value
    if "base64" in value:
        return _from_base64(value)
    return {name: received(each, most_text) for name, each in value.items()}


def size_of(value: Any) -> int:
    """Bytes that a value is remembered with, about."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(size_of(each) for each in value.values())
    return sum(size_of(each) for each in value) if isinstance(value, list | tuple) else 8


def jsonable(value: Any) -> Any:
    """An answer in JSON's types: arrays as lists, times as ISO 8601, NaN and infinity as null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        values: Any = value.astype(str) if value.dtype.kind in "Mm" else value
        return jsonable(values.tolist())
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Ink):
        return [stroke.tolist() for stroke in value.strokes]
    if isinstance(value, Mapping):
        return {str(name): jsonable(each) for name, each in value.items()}
    if is_dataclass(value):
        return {each.name: jsonable(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, list | tuple | set):
        return [jsonable(each) for each in value]
    return str(value)


def _from_base64(value: Mapping[str, Any]) -> Any:
    if unknown := set(value) - {"base64", "dtype", "shape"}:
        raise DataError(f"an array has base64, dtype and shape, not {shown(unknown.pop())}")
    try:
        content = base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise DataError("base64 is not base64") from None
    if "dtype" not in value:
        return content
    return ArrayForm(value["dtype"], value.get("shape", [-1]))(content)
