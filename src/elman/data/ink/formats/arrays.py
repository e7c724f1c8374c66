"""Arrays of drawings, `.npz`: stroke-3, one drawing or many laid end to end."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.ink.formats.stroke3 import ink_of_stroke3
from elman.data.ink.ink import Ink
from elman.data.ink.sample import Sample
from elman.data.values import shown
from elman.errors import DataError

_OFFSETS = "_offsets"


def read_arrays(path: Path) -> Iterator[Sample]:
    """The drawings of an `.npz`.

    Each array (N, 3) is of steps `dx, dy, pen lifts after it`, y downwards. With an array
    `NAME_offsets` (or `offsets`, if there is one array alone), (n + 1,), it holds n drawings laid
    end to end, else one. sketch-rnn's own files hold objects, which only pickle can read, and are
    refused.
    """
    arrays = load_arrays(path)
    names = [name for name in arrays if name != "offsets" and not name.endswith(_OFFSETS)]
    if not names:
        raise DataError(f"{path} holds no arrays of steps")
    for name in names:
        rows = arrays[name]
        alone = arrays.get("offsets") if len(names) == 1 else None
        offsets = arrays.get(f"{name}{_OFFSETS}", alone)
        if offsets is None:
            yield _sample(rows, str(path) if len(names) == 1 else f"{path}/{name}")
            continue
        if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
            raise DataError(f"{path}: the offsets of {name} must be integers (n + 1,)")
        if offsets[0] != 0 or offsets[-1] != len(rows) or (offsets[1:] < offsets[:-1]).any():
            raise DataError(f"{path}: the offsets of {name} must rise from 0 to {len(rows)}")
        for i, (begin, end) in enumerate(pairwise(offsets.tolist())):
            yield _sample(rows[begin:end], f"{path}/{name}/{i}")


def load_arrays(path: Path) -> dict[str, Any]:
    """All arrays of an `.npz` by name, or `DataError`: nothing is unpickled."""
    try:
        # Opened here, for numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path} holds pickled objects, which could run code and are not read: save each"
                " split as one array (N, 3) of all drawings end to end and an array"
                " SPLIT_offsets of where they begin"
            ) from None
        raise DataError(f"{path} cannot be read as .npz: {shown(str(error), 200)}") from None
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise DataError(f"{path} cannot be read as .npz: {shown(str(error), 200)}") from None


def _sample(rows: Any, name: str) -> Sample:
    try:
        ink: Ink | str = ink_of_stroke3(rows)
    except (DataError, TypeError, ValueError) as error:
        ink = f"{name}: {error}"
    return Sample(ink, name)
