"""One step of a cell on small tensors, so that a mistake in it shows when the layer is made."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from elman.cells import Cell
from elman.errors import SettingTypeError

_SHAPE = (3, 2)


def probe(cell: Cell) -> None:
    """TypeError when a cell's step is not elementwise or does not return its states."""
    new = cell.advance(*_arguments(cell))
    for name, value in zip(cell.state, new, strict=True):
        if not isinstance(value, Tensor) or value.shape != _SHAPE:
            came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise SettingTypeError(
                f"{type(cell).__name__}.step must be elementwise: {name} should have shape"
                f" {_SHAPE}, got {came}"
            )
    new = cell.advance(*_arguments(cell, nan_at_first=True))
    if any(bool(value.flatten()[1:].isnan().any()) for value in new):
        raise SettingTypeError(
            f"{type(cell).__name__}.step must be elementwise: a unit's new state may use the gates"
            " and states of that unit alone"
        )


def uses_previous_output(cell: Cell) -> bool:
    """Whether the equations use the previous h itself, and not only its recurrent product."""
    x, r, s, p = _arguments(cell)
    new = cell.advance(x, r, (s[0] * math.nan, *s[1:]), p)
    return any(bool(value.isnan().any()) for value in new)


def _arguments(cell: Cell, *, nan_at_first: bool = False) -> tuple[tuple[Tensor, ...], ...]:
    def each(names: Iterable[str], *shape: int) -> tuple[Tensor, ...]:
        return tuple(torch.full(shape, 0.5, device="cpu") for _ in names)

    x, r, s = (each(names, *_SHAPE) for names in (cell.gates, cell.recurrent, cell.state))
    if nan_at_first:
        for value in (*x, *r, *s):
            value[0, 0] = math.nan
    return x, r, s, each(cell.params, _SHAPE[1])
