"""Which ways of computing the recurrence this machine has."""

import warnings
from functools import cache
from typing import NamedTuple

from elman.nn import compiled


class Backend(NamedTuple):
    """A way of computing the recurrence: whether it is there, and what it is or why it is not."""

    available: bool
    note: str


def backends() -> dict[str, Backend]:
    """Every backend by name.

    >>> backends()["reference"].available
    True
    """
    return {
        "reference": Backend(True, "the cell's equations step by step; any cell, any device"),
        "torch": Backend(True, "torch's kernels for RNN, LSTM and GRU, where none is compiled"),
        "compiled": _compiled(),
    }


def _compiled() -> Backend:
    lack = compiled.lack()
    if lack is not None:
        return Backend(False, lack)
    missing = compiled.gpu_lack()
    places = "this CPU and this GPU" if missing is None else "this CPU"
    note = f"kernels for {places} made from the cell's equations"
    return Backend(True, note if missing is None else f"{note}; for a GPU: {missing}")


@cache
def warn_once(message: str) -> None:
    """Warn the user, of each thing once."""
    warnings.warn(message, UserWarning, stacklevel=2)
