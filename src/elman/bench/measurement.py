"""A line of the table of comparisons."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from elman.bench.workload import Shape


class Row(NamedTuple):
    """One comparison: median seconds of the rival and of the compiled layer.

    **Fields:**

    - `shape`: T, B, I, H.
    - `mode`: what was done, such as `inference` or `ragged train`.
    - `operations`: floating-point operations of the matrix products, of either.
    - `peak`: operations a second that the machine's processors did meanwhile at their best; None
      where it was not measured.
    - `others`: share of the processors that other processes took meanwhile.

    >>> row = Row("gru", (100, 1, 64, 64), "train", "loop", 0.04, 0.01, 3e6, 1e9)
    >>> row.ratio, round(row.share, 2), round(row.share_rival, 3)
    (4.0, 0.3, 0.075)
    """

    cell: str
    shape: Shape
    mode: str
    rival: str
    seconds_rival: float
    seconds: float
    operations: int = 0
    peak: float | None = None
    others: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times faster the compiled layer is."""
        return self.seconds_rival / self.seconds

    @property
    def share(self) -> float | None:
        """The compiled layer's share of the peak."""
        return None if self.peak is None else self.operations / self.seconds / self.peak

    @property
    def share_rival(self) -> float | None:
        """The rival's share of the peak."""
        return None if self.peak is None else self.operations / self.seconds_rival / self.peak


def sizes(shape: Shape) -> str:
    """A shape for people and for flags.

    >>> sizes((100, 32, 64, 64))
    '100,32,64,64'
    """
    return ",".join(map(str, shape))


def geometric_mean(ratios: Iterable[float]) -> float:
    """The mean of ratios that treats 2 and 1/2 alike.

    >>> geometric_mean([2.0, 0.5])
    1.0
    """
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / len(logarithms))
