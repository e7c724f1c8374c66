"""From feature vectors to what the network reads: level, slopes, and fewer steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.decode.saved_search import array_of
from elman.errors import DataError

Array = NDArray[np.float32]

_REACH = 2  # frames on either side that a slope is estimated from
_FIRST = np.arange(-_REACH, _REACH + 1) / (2 * sum(k * k for k in range(1, _REACH + 1)))
SLOPES = [w.astype(np.float32) for w in (_FIRST, np.convolve(_FIRST, _FIRST))]
PRIOR, WINDOW = 100, 1500  # frames that the first mean counts for; that the running one spans


@dataclass(frozen=True)
class Front:
    """Feature vectors brought to a level, with their slopes, and joined to fewer steps.

    **Fields:**

    - `mean`: of the training data's features, (F,).
    - `deltas`: how many orders of slopes over five frames join the features (Furui 1986).
    - `stack`: frames joined into one step of the network.
    - `whole`: subtract each recording's mean, which is known at its end only. Without, what is
      subtracted is a mean of what has been heard up to each frame, at first the training data's,
      so that the steps can be had while one speaks.

    >>> front = Front(np.zeros(4, np.float32), deltas=1, stack=3, whole=False)
    >>> front.size, front.read(np.ones((10, 4), np.float32)).shape
    (24, (4, 24))
    """

    mean: Array
    deltas: int
    stack: int
    whole: bool

    @property
    def size(self) -> int:
        """Features of a step."""
        return len(self.mean) * (1 + self.deltas) * self.stack

    def steps(self, frames: int) -> int:
        """Steps that so many frames make."""
        return math.ceil(frames / self.stack)

    def read(self, frames: Array) -> Array:
        """Of all frames of a recording, (T, F) float32: the steps, (ceil(T / stack), size)."""
        if self.whole and len(frames):
            frames = frames - frames.mean(0, dtype=np.float64).astype(np.float32)
        stream = FrontStream(self)
        return np.concatenate([stream.accept(frames), stream.finish()])

    def stream(self) -> "FrontStream":
        """What reads frames as they come; not of a front that needs the whole recording."""
        if self.whole:
            raise ValueError("the mean of the whole recording is known at its end only")
        return FrontStream(self)


class FrontStream:
    """Reads frames piece by piece; the steps are those of `Front.read`, bit for bit.

    >>> front = Front(np.zeros(4, np.float32), deltas=2, stack=3, whole=False)
    >>> stream = front.stream()
    >>> [len(stream.accept(np.ones((n, 4), np.float32))) for n in (5, 5)], len(stream.finish())
    ([0, 2], 2)
    """

    def __init__(self, front: Front) -> None:
        self.front = front
        self._mean = front.mean.astype(np.float64)
        self._heard = 0
        self._reach = _REACH * front.deltas
        self._near: Array | None = None  # the frames that slopes still need
        self._rest = np.empty((0, front.size // front.stack), np.float32)

    def accept(self, frames: Array) -> Array:
        """The steps that more frames, (t, F) float32, complete: (n, size); n may be 0."""
        size = len(self.front.mean)
        if frames.ndim != 2 or frames.shape[1] != size:
            raise DataError(f"frames of {size} features are needed, (t, {size}): {frames.shape}")
        if not len(frames):
            return self._join(self._rest[:0])
        if not self.front.whole:
            frames = self._level(frames)
        if self._near is None:
            self._near = np.repeat(frames[:1], self._reach, 0)
        return self._join(self._with_slopes(frames))

    def finish(self) -> Array:
        """The steps left; the last is filled up with zeros."""
        frames = self._rest[:0]
        if self._near is not None and self._reach:
            frames = self._with_slopes(np.repeat(self._near[-1:], self._reach, 0))
        missing = -(len(self._rest) + len(frames)) % self.front.stack
        return self._join(np.pad(frames, ((0, missing), (0, 0))))

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        near = {} if self._near is None else {"near": torch.from_numpy(self._near.copy())}
        return {
            "heard": self._heard,
            "mean": torch.from_numpy(self._mean.copy()),
            "rest": torch.from_numpy(self._rest.copy()),
            **near,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from the `state` of another of the same front, bit for bit."""
        size = len(self.front.mean)
        self._heard = int(saved["heard"])
        self._mean, self._rest = array_of(saved["mean"]), array_of(saved["rest"])
        self._near = array_of(saved["near"]) if "near" in saved else None
        near = (0, size) if self._near is None else (len(self._near), size)
        shapes = [
            self._mean.shape,
            self._rest.shape,
            near if self._near is None else self._near.shape,
        ]
        wanted = [(size,), (len(self._rest), self.front.size // self.front.stack), near]
        if shapes != wanted:
            raise ValueError(f"arrays of the shapes {wanted} are needed, got {shapes}")

    def _level(self, frames: Array) -> Array:
        """Subtract the mean of what has been heard, the older the less."""
        level = np.empty_like(frames)
        for i, frame in enumerate(frames):
            self._heard += 1
            self._mean += (frame - self._mean) / min(PRIOR + self._heard, WINDOW)
            level[i] = frame - self._mean
        return level

    def _with_slopes(self, frames: Array) -> Array:
        """The frames whose slopes are known by now, with them; the first frame and the last are
        taken to go on beyond the ends."""
        assert self._near is not None
        near = np.concatenate([self._near, frames])
        count, reach = len(near) - 2 * self._reach, self._reach
        self._near = near[max(0, count) :]
        if count <= 0:
            return self._rest[:0]
        parts = [near[reach : reach + count]]
        for order in range(1, 1 + self.front.deltas):
            weights, start = SLOPES[order - 1], reach - _REACH * order
            slope = sum(w * near[start + i : start + i + count] for i, w in enumerate(weights))
            parts.append(np.asarray(slope, np.float32))
        return np.concatenate(parts, 1)

    def _join(self, frames: Array) -> Array:
        frames = np.concatenate([self._rest, frames])
        whole = len(frames) // self.front.stack * self.front.stack
        self._rest = frames[whole:]
        return frames[:whole].reshape(-1, self.front.size)
