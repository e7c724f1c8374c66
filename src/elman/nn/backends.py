"""Which ways of computing the recurrence this machine has."""

from typing import NamedTuple


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
        "torch": Backend(True, "torch's fused kernels for RNN, LSTM and GRU, chosen by auto"),
        "compiled": Backend(False, "kernels compiled from the equations are not built yet"),
    }
