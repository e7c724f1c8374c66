"""Clips that stand in arrays: of numpy, of torch, in .npy and .npz files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.values import as_array, is_tensor
from elman.data.video.clip import Clip
from elman.data.video.sample import Sample
from elman.errors import DataError, ElmanError

SUFFIXES = (".npy", ".npz")
_MOVING_MNIST = (20, 64, 64)  # its file has the frames first: (20, N, 64, 64)


def clips_of_array(values: Any, name: str, rate: float | None = None) -> list[Clip]:
    """The clips of an array.

    (T, H, W) and (T, H, W, C) are one clip, (N, T, H, W) and (N, T, H, W, C) are N of them; with
    four axes the last one are colours if there are 1, 3 or 4. Moving MNIST's (20, N, 64, 64) is
    known by its shape.

    >>> [clip.frames().shape for clip in clips_of_array(np.zeros((2, 5, 8, 9), np.uint8), "x")]
    [(5, 8, 9, 3), (5, 8, 9, 3)]
    """
    array: NDArray[Any] = as_array(values) if is_tensor(values) else np.asarray(values)
    if array.ndim not in (3, 4, 5) or array.dtype.kind not in "biuf":
        raise DataError(
            f"{name} is an array of {array.dtype} of shape {array.shape}: clips are numbers,"
            " (T, H, W), (T, H, W, C), (N, T, H, W) or (N, T, H, W, C)"
        )
    if not array.size:
        raise DataError(f"{name} has no frames: its shape is {array.shape}")
    if array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3, 4)):
        return [Clip(array, rate=rate)]
    if (array.shape[0], *array.shape[2:]) == _MOVING_MNIST and array.shape[1] != 20:
        array = array.swapaxes(0, 1)
    return [Clip(each, rate=rate) for each in array]


def read_arrays(path: Path, rate: float | None) -> Iterator[Sample]:
    """The clips of a `.npy` or `.npz` file.

    An `.npz` holds one array, or `frames` (or `clips`), and as it likes `labels`, a label each,
    `rate`, frames a second, and `valid`, where pixels hold data.
    """
    content = _loaded(path)
    named = [name for name in ("frames", "clips") if name in content]
    name = named[0] if named else next(iter(content)) if len(content) == 1 else None
    if name is None:
        raise DataError(f"{path} holds {', '.join(content)}: clips are called frames or clips")
    if "rate" in content and content["rate"].size == 1 and float(content["rate"].item()) > 0:
        rate = float(content["rate"].item())
    clips = clips_of_array(content[name], str(path), rate)
    labels = content["labels"].tolist() if "labels" in content else [None] * len(clips)
    labels = labels if isinstance(labels, list) else [labels]
    if len(labels) != len(clips):
        raise DataError(f"{path} holds {len(clips)} clips but {len(labels)} labels")
    if "valid" in content:
        try:
            clips = [Clip(c.source, rate=rate, valid=content["valid"]) for c in clips]
        except ElmanError as error:
            raise DataError(f"{path}: {error}") from None
    for i, (clip, label) in enumerate(zip(clips, labels, strict=True)):
        where = str(path) if len(clips) == 1 else f"{path}:{i}"
        yield Sample(clip, where, label, where)


def _loaded(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.suffix.lower() == ".npy":
            return {"frames": np.load(path, mmap_mode="r", allow_pickle=False)}
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found}
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise DataError(f"{path} cannot be read as arrays of numpy: {error}") from None
