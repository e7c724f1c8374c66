"""Numbers and arrays as C99 writes them, so that a compiler reads back exactly the same bits."""

import math
import textwrap

import numpy as np

from elman.nn.graph import Array

_OF_ARRAYS = {"f": "float", "i": "int32_t", "b": "unsigned char"}


def number(value: float) -> str:
    """A float literal: the fewest digits that name this float32 and no other.

    >>> number(0.1), number(-2.0), number(float("inf"))
    ('0.1f', '-2.0f', 'INFINITY')
    """
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{np.float32(value)!s}f"


def c_type(numbers: Array) -> str:
    """The type of an array's elements: float, int32_t, int8_t or unsigned char."""
    return "int8_t" if numbers.dtype == np.int8 else _OF_ARRAYS[numbers.dtype.kind]


def array(name: str, numbers: Array) -> str:
    """The definition of a constant array.

    >>> array("bias", np.array([0.5, -1.0], np.float32))
    'static const float bias[2] = {\\n    0.5f, -1.0f\\n};\\n'
    """
    flat = numbers.ravel()
    if flat.dtype.kind != "f":
        texts = [str(each) for each in flat.astype(np.int64).tolist()]
    elif np.isfinite(flat).all():
        texts = [f"{each}f" for each in flat.astype(np.float32).astype("U20").tolist()]
    else:
        texts = [number(each) for each in flat.tolist()]
    body = textwrap.fill(
        ", ".join(texts),
        100,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return f"static const {c_type(flat)} {name}[{len(flat)}] = {{\n{body}\n}};\n"
