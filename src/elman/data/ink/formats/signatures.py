"""Signatures as SigComp (text) and MCYT (binary) hold them."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows, starts_of_pen
from elman.data.ink.sample import Sample
from elman.data.text.files import read_text
from elman.errors import DataError

_SIGCOMP_RATE = 200
_FULL_PRESSURE = 1024  # levels of the tablet of MCYT
_TENTHS = np.pi / 1800
_MCYT_UNIT = 0.01  # millimetres
_HEADER = struct.Struct("<4s4H I H 4x 3I H")
_TYPES = {8: "<u1", 16: "<u2", 32: "<f4", 64: "<f8"}


def read_sigcomp(path: Path) -> Iterator[Sample]:
    """The signature of a `.hwr` file: `X Y PRESSURE` a line, 200 a second.

    y grows upwards, as MovAlyzeR, which records such files, has it; pressure 0 is a pen in the air.
    """
    try:
        rows = np.array([line.split() for line in read_text(path).splitlines() if line.strip()])
        values = rows.astype(np.float64)
    except ValueError:
        values = np.empty((0, 0))
    if values.ndim != 2 or values.shape[1:] != (3,):
        yield Sample(f"{path} is not of SigComp: rows of x, y and pressure", str(path))
        return
    time = np.arange(len(values)) / _SIGCOMP_RATE
    columns = {"x": values[:, 0], "y": values[:, 1], "time": time, "pressure": values[:, 2]}
    yield Sample(_with_pen(columns, path, None, None), str(path))


def read_mcyt(path: Path) -> Iterator[Sample]:
    """The signature of an `.fpg` file of MCYT: x, y, pressure, azimuth and altitude, 100 a second.

    1 is a hundredth of a millimetre, y grows upwards, the angles are tenths of a degree, and
    pressure, of 1,024 levels, is 0 where the pen is in the air.
    """
    content = path.read_bytes()
    try:
        yield Sample(_mcyt(content, path), str(path))
    except DataError as error:
        yield Sample(str(error), str(path))


def _mcyt(content: bytes, path: Path) -> Ink | str:
    if len(content) < _HEADER.size or not content.startswith(b"FPG "):
        raise DataError(f"{path} is not of MCYT: it does not begin with 'FPG ' and a header")
    fields = _HEADER.unpack_from(content)
    _, header, kind, _, channels, _, bits, _, width, count, _ = fields
    if kind != 4 or bits not in _TYPES or channels != 1 or width != 5:
        raise DataError(
            f"{path}: vectors of x, y, pressure, azimuth and altitude are read; its format is"
            f" {kind}, {channels} x {width} numbers of {bits} bits"
        )
    kind_of_number = np.dtype(_TYPES[bits])
    if header + count * width * kind_of_number.itemsize > len(content):
        raise DataError(f"{path} is cut off: its header promises {count} points")
    rows = np.frombuffer(content, kind_of_number, count * width, header)
    x, y, pressure, azimuth, altitude = rows.reshape(count, width).astype(np.float64).T
    has_rate = header in (48, 60) and len(content) >= _HEADER.size + 4
    rate = struct.unpack_from("<I", content, _HEADER.size)[0] if has_rate else 0
    columns = {
        "x": x,
        "y": y,
        "time": np.arange(count) / (rate or 100),
        "pressure": pressure,
        "azimuth": azimuth * _TENTHS,
        "altitude": altitude * _TENTHS,
    }
    return _with_pen(columns, path, _MCYT_UNIT, _FULL_PRESSURE)


def _with_pen(
    columns: dict[str, NDArray[np.float64]], path: Path, unit: float | None, full: float | None
) -> Ink | str:
    """The rows with pressure, a stroke for each run of them."""
    kept, starts = starts_of_pen(columns["pressure"] > 0)
    try:
        chosen = {name: values[kept] for name, values in columns.items()}
        return ink_of_rows(chosen, starts, upwards=True, unit=unit, full_pressure=full)
    except DataError as error:
        return f"{path}: {error}"
