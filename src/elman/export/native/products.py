"""Products of a constant matrix with vectors: y = b + W x.

The rows of W are cut into panels of a few vectors of rows, in which the numbers of one column lie
side by side, column after column. So the weights are read once, from first to last.
"""

from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numpy as np

from elman.compiler.cpu.emit import Shape
from elman.export.native.constants import Constants
from elman.export.native.writer import Writer
from elman.nn.graph import Array

_LINE = 16  # numbers that memory gives at a time
_AHEAD = 512  # numbers between what is fetched and what is used
_NEAR = 1 << 17  # numbers that the second cache of most processors holds
_PASSES = 4  # of a tile's rows over a panel


@dataclass(frozen=True)
class Tile:
    """How a product is cut for a machine's registers.

    For one x a panel of `vectors` is taken, `turns` columns at a time, each with its own sums;
    for several, `rows` of them and `part` vectors of the panel.
    """

    vectors: int
    turns: int
    rows: int
    part: int

    @classmethod
    def of(cls, shape: Shape) -> "Tile":
        """The one that suits a machine."""
        if shape.lanes == 1:
            return cls(4, 1, 2, 4)
        if shape.registers == 32:
            return cls(6, 2, 4, 3)
        return cls(6, 2, 4, 2) if shape.lanes == 8 else cls(6, 1, 2, 3)


def filled(numbers: Array, lanes: int) -> Array:
    """Zeros added, so that whole vectors can be read from every place."""
    room = -len(numbers) % lanes + lanes
    return np.concatenate([numbers, np.zeros(room, np.float32)])


class Product:
    """W, its rows filled up to whole vectors, packed into a module."""

    def __init__(self, constants: Constants, shape: Shape, matrix: Array) -> None:
        self.rows, self.depth = matrix.shape
        self.tile, self.lanes = Tile.of(shape), shape.lanes
        self.vectors = -(-self.rows // self.lanes)
        missing = self.vectors * self.lanes - self.rows
        full = np.concatenate([matrix, np.zeros((missing, self.depth), np.float32)])
        height = self.tile.vectors * self.lanes
        panels = [full[top : top + height].T.ravel() for top in range(0, len(full), height)]
        self.size = self.vectors * self.lanes  # numbers of y with those filled up
        self._packed = constants.place(np.concatenate(panels) if panels else full)

    def write(self, code: Writer, x: Any, bias: Any, out: Any) -> None:
        """y of one x; `bias` may be None, and `out` itself. All rows of `out` and `bias`, those
        filled up, too, are there."""
        for width, index in self._panels(code):
            self._panel(code, width, index, x, bias, out)

    def write_rows(
        self, code: Writer, x: Any, count: int, bias: Any, out: Any, stride: int
    ) -> None:
        """The same of `count` xs that lie side by side, for as many ys, `stride` apart; `count` is
        a multiple of a tile's rows, which pass over a panel in turns while it is near."""
        tile = self.tile
        for width, index in self._panels(code):
            with code.loop(0, count, tile.rows) as row:
                xs, ys = (
                    code.at(base, code.mul(row, size))
                    for base, size in ((x, self.depth), (out, stride))
                )
                for first in range(0, width, tile.part):
                    part = min(tile.part, width - first)
                    self._part(code, width, (first, part), index, xs, tile.rows, bias, ys, stride)

    @property
    def rows_at_once(self) -> tuple[int, ...]:
        """How many xs `write_rows` takes, the most first: more of a matrix that the second cache
        does not hold, so that it is read less often."""
        of_tile = self.tile.rows
        is_large = self.lanes > 1 and self.size * self.depth > _NEAR
        return (of_tile * _PASSES, of_tile) if is_large else (of_tile,)

    def _panels(self, code: Writer) -> Any:
        whole, rest = divmod(self.vectors, self.tile.vectors)
        if whole:
            with code.loop(0, whole) as index:
                yield self.tile.vectors, index
        if rest:
            yield rest, code.whole(whole)

    def _place(self, code: Writer, index: Any) -> tuple[Any, Any]:
        """A panel's first row and the address of its weights."""
        first = code.mul(index, self.tile.vectors * self.lanes)
        return first, code.at(self._packed, code.mul(first, self.depth))

    def _fetch(self, code: Writer, weights: Any, count: int) -> None:
        """Have so many weights brought near that come later: processors that foresee what is read
        do so within a page of memory alone."""
        if self.lanes > 1:
            for offset in range(0, count, _LINE):
                code.prefetch(weights, offset + _AHEAD)

    def _panel(self, code: Writer, width: int, index: Any, x: Any, bias: Any, out: Any) -> None:
        lanes, zero = self.lanes, ir.Constant(code.vector, None)
        turns = max(1, min(self.tile.turns * self.tile.vectors // width, 4, self.depth))
        first, weights = self._place(code, index)
        given = [
            zero if bias is None else code.load(bias, code.add(first, j * lanes))
            for j in range(width)
        ]
        sums = given + [zero] * (width * (turns - 1))

        def advance(x: Any, weights: Any, turn: int, sums: list[Any]) -> None:
            factor = code.splat(code.load_scalar(x, turn))
            for j in range(turn * width, (turn + 1) * width):
                sums[j] = code.fma(code.load(weights, j * lanes), factor, sums[j])

        carried = [x, weights, *sums]
        with code.carrying(0, self.depth // turns, 1, carried) as (_, values):
            x, weights, *sums = values
            for turn in range(turns):
                advance(x, weights, turn, sums)
            self._fetch(code, weights, turns * width * lanes)
            ahead = (code.at(x, turns), code.at(weights, turns * width * lanes))
            values[:] = [*(code.moving(each) for each in ahead), *sums]
        x, weights, *sums = carried
        for turn in range(self.depth % turns):
            advance(x, weights, turn, sums)
        for j in range(width):
            value = sums[j]
            for turn in range(1, turns):
                value = code.b.fadd(value, sums[turn * width + j])
            code.store(value, out, code.add(first, j * lanes))

    def _part(
        self,
        code: Writer,
        width: int,
        part: tuple[int, int],
        index: Any,
        x: Any,
        count: int,
        bias: Any,
        out: Any,
        stride: int,
    ) -> None:
        (start, vectors), lanes, zero = part, self.lanes, ir.Constant(code.vector, None)
        first, weights = self._place(code, index)
        first = code.add(first, start * lanes)
        given = [
            zero if bias is None else code.load(bias, code.add(first, j * lanes))
            for j in range(vectors)
        ]
        carried = [x, code.at(weights, start * lanes), *given * count]
        with code.carrying(0, self.depth, 1, carried) as (_, values):
            x, weights, *sums = values
            factors = [code.splat(code.load_scalar(x, row * self.depth)) for row in range(count)]
            for j in range(vectors):
                right = code.load(weights, j * lanes)
                for row, factor in enumerate(factors):
                    each = row * vectors + j
                    sums[each] = code.fma(right, factor, sums[each])
            self._fetch(code, weights, vectors * lanes)
            ahead = (code.at(x, 1), code.at(weights, width * lanes))
            values[:] = [*(code.moving(each) for each in ahead), *sums]
        for row in range(count):
            for j in range(vectors):
                place = code.add(first, row * stride + j * lanes)
                code.store(carried[2 + row * vectors + j], out, place)
