"""Sequences of feature vectors from arrays, tensors, dataframes, series and lists."""

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.frames import columns_of, is_series
from elman.data.values import as_array, as_list, is_missing, shown
from elman.errors import DataError


def sequences_of(inputs: list[Any], names: list[str]) -> list[NDArray[np.float32]]:
    """Each input as an array (T, F) float32; `DataError` if F differs or a value is not finite."""
    sequences: list[NDArray[np.float32]] = []
    for value, name in zip(inputs, names, strict=True):
        sequence = _sequence(value, name)
        if sequences and sequence.shape[1] != sequences[0].shape[1]:
            raise DataError(
                f"{name}: {sequence.shape[1]} features a step where {names[0]} has "
                f"{sequences[0].shape[1]}"
            )
        sequences.append(sequence)
    return sequences


def _sequence(value: Any, name: str) -> NDArray[np.float32]:
    if is_missing(value) or isinstance(value, (str, bytes, Mapping)):
        raise DataError(f"{name}: features are needed, not {shown(value)}")
    steps = _steps(value, name)
    try:
        wide = _numbers(steps)
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"{name}: {_problem(steps)}") from None
    if wide.ndim == 1:
        wide = wide[:, None]
    if wide.ndim != 2 or not wide.size:
        raise DataError(f"{name}: features of shape {wide.shape} where (T, F) is needed")
    with np.errstate(over="ignore"):
        sequence = wide.astype(np.float32)
    if not np.isfinite(sequence).all():
        step, feature = np.argwhere(~np.isfinite(sequence))[0]
        raise DataError(f"{name}: feature {feature} at step {step} is {wide[step, feature]}")
    return sequence


def _steps(value: Any, name: str) -> Any:
    """The time steps, each a vector or a number; of a dataframe its rows."""
    columns = columns_of(value, name)
    if columns is not None:
        lengths = {len(column) for column in columns.values()} or {0}
        steps = np.empty((lengths.pop(), len(columns)))
        for i, (column, values) in enumerate(columns.items()):
            try:
                steps[:, i] = _numbers([np.nan if is_missing(v) else v for v in values])
            except (ValueError, TypeError, OverflowError):
                raise DataError(
                    f"{name}: the column {column!r} does not hold numbers: leave it out"
                ) from None
        return steps
    if isinstance(value, torch.Tensor):
        return as_array(value)
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(np.float64), np.nan)
    if is_series(value):
        return [np.nan if is_missing(step) else step for step in as_list(value, name)]
    return value


def _numbers(steps: Any) -> NDArray[np.float64]:
    """Steps as float64; TypeError for dates and complex numbers, which numpy would cut to it."""
    if not isinstance(steps, np.ndarray):
        with contextlib.suppress(ValueError, TypeError, RuntimeError):
            quick = np.asarray(steps)
            if quick.ndim and quick.dtype.kind in "biuf":
                return quick.astype(np.float64)
        steps = [_numbers(s) if isinstance(s, np.ndarray) else _vector(s) for s in steps]
        return np.asarray(steps, np.float64)
    if steps.dtype.kind not in "biufOUS":
        raise TypeError
    return steps.astype(np.float64)


def _vector(step: Any) -> NDArray[np.float64]:
    if isinstance(step, torch.Tensor):
        return _numbers(as_array(step))
    if isinstance(step, Mapping):
        raise TypeError
    return _numbers(np.asarray(step))


def _problem(steps: Any) -> str:
    try:
        sizes = [len(step) for step in steps]
    except TypeError:
        return "features are numbers, one list a time step"
    for step, size in enumerate(sizes):
        if size != sizes[0]:
            return f"step {step} has {size} features where step 0 has {sizes[0]}"
    return "features are numbers, one list a time step"
