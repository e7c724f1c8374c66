"""How a batch and its units are cut into tiles, one a program.

The rules come from measurements on an H200, of LSTM and GRU with 64 to 1,024 units and batches of
1 to 256; see `docs/compiler.md`.
"""

from functools import lru_cache
from typing import NamedTuple

_LONE = 16  # units up to which a program owns all of its rows
_SMALLEST = 16  # of a product's inner dimension
_SHAPES = ((16, 8), (16, 16), (32, 8), (32, 16), (64, 8))  # rows, units
_LARGE = {False: ((64, 16), (64, 32)), True: ((32, 32), (64, 16), (64, 32))}  # by `back`
_STREAMS = ((32, 3, 8), (32, 3, 4), (32, 2, 4), (16, 2, 4))  # depth, stages, parts
_CHUNK = 1 << 15  # bytes of what is multiplied by the weights at a time
_SUMS = 1 << 11  # of a warp, for which its registers do


class Tiles(NamedTuple):
    """Sizes of a kernel's tiles and how they are run."""

    rows: int
    units: int
    depth: int  # of a product's step
    warps: int
    stages: int
    parts: int = 1  # of a product's inner dimension, each done by other warps
    resident: int = 0  # chunks in which the recurrent matrix stays in shared memory; 0: it does not

    def of_rows(self, batch: int) -> int:
        """Tiles of the batch."""
        return -(-batch // self.rows)

    def of_units(self, size: int) -> int:
        """Tiles of the hidden units."""
        return -(-size // self.units)


class Machine(NamedTuple):
    """What a GPU has room for."""

    programs: int  # at a time
    shared: int  # bytes of shared memory a program
    copies: int  # of a weight in shared memory: its parts in tf32


@lru_cache(4096)
def choose(batch: int, size: int, products: int, machine: Machine, *, back: bool) -> Tiles:
    """Tiles of the forward or the backward pass."""
    if not products:
        return Tiles(4, 32, _SMALLEST, 1, 4)
    if size <= _LONE:
        return Tiles(16, 16, _SMALLEST, 4, 1)
    depth, matrices = (size * products, 1) if back else (size, products)
    fitting = [
        shape
        for shape in (*_SHAPES, *_LARGE[back])
        if -(-batch // shape[0]) * -(-size // shape[1]) <= machine.programs
    ]
    if not fitting:  # several launches, one after the other
        fitting = [(64, max(32, _power(-(-size // machine.programs))))]
    area = fitting[0][0] * fitting[0][1]
    for rows, units in fitting[:1] if back else fitting:
        held = _resident(rows, units, depth, matrices, machine)
        if held is not None and rows * units <= 2 * area:
            return held
    return _streamed(*fitting[0], matrices, machine)


def _resident(rows: int, units: int, depth: int, matrices: int, machine: Machine) -> Tiles | None:
    """Tiles whose weights stay in shared memory, if they find room there."""
    parts = 8 if depth >= 8 * _SMALLEST else 4
    most = max(_SMALLEST, _CHUNK // (4 * parts * rows))
    step = max(_SMALLEST, min(most, _power(-(-depth // parts))))
    count = -(-depth // (parts * step))
    weights = 4 * machine.copies * matrices * units * count * parts * step
    sums = rows * units * matrices
    if weights + 4 * parts * step * rows > machine.shared or sums > _SUMS:
        return None
    return Tiles(rows, units, step, parts, 1, parts, count)


def _streamed(rows: int, units: int, matrices: int, machine: Machine) -> Tiles:
    """Tiles whose weights are read again at each step."""
    ways = ((64, 3, 1), *_STREAMS) if rows == 64 and matrices > 1 else _STREAMS
    for step, stages, parts in ways:
        buffers = 4 * (stages - 1) * parts * step * (rows + matrices * units)
        if buffers <= machine.shared:
            break
    return Tiles(rows, units, step, max(4, parts), stages, parts)


def _power(number: int) -> int:
    """The next power of two."""
    return 1 << (number - 1).bit_length()
