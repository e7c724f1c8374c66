"""Matrix products with the weights as they are stored: for few rows, which do not pay for packing.

They fill the same tiles of C as the products in panels do, so that the same epilogues follow.
"""

from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I64, POINTER, Code, Shape

_UNITS = 4  # weights' rows that share one pass over one or two rows of A
_SUMS = 8  # that must be under way for the multipliers to be busy
_NAMES = ("width", "height", "a_stride", "depth", "first", "size")
_PLACES = ("a", "weight", "scratch")


class Products:
    """Writes the products into functions of one module, each once."""

    def __init__(self, module: ir.Module, shape: Shape) -> None:
        self.module, self.shape = module, shape
        self._functions: dict[tuple[int, int, bool], Any] = {}

    def call(
        self, code: Code, gates: int, vectors: int, *, transposed: bool, **values: Any
    ) -> None:
        """Fill a tile of C: `height` rows of `a` times the columns from `first` on, `width`
        vectors of each of so many gates' blocks of `size` columns.

        The stored weight is (gates * size, depth) if `transposed`, else (depth, size).
        """
        key = gates, vectors, transposed
        if key not in self._functions:
            write = self._of_rows if transposed else self._of_columns
            kinds = [(n, I64) for n in _NAMES] + [(n, POINTER) for n in _PLACES]
            own = Code(self.module, self.shape, f"direct_{len(self._functions)}", kinds)
            own.function.attributes.add("noinline")
            write(own, gates, vectors)
            self._functions[key] = own.finish()
        names = (*_NAMES, *_PLACES)
        code.b.call(self._functions[key], [code.whole(values[name]) for name in names])

    def _of_rows(self, code: Code, gates: int, _: int) -> None:
        """Each number of C is a product of two rows; a vector of them is summed at the end."""
        lanes, depth, size = code.lanes, code["depth"], code["size"]
        last, pairs = code.sub(size, 1), code.b.udiv(code["height"], code.whole(2))
        with code.loop(0, code["width"]) as vector, code.loop(0, gates) as gate:
            column = code.add(code["first"], code.mul(vector, lanes))
            rows = [
                code.mul(code.sum((gate, size), code.least(code.add(column, i), last)), depth)
                for i in range(lanes)
            ]
            tops = [code.at(code["weight"], row) for row in rows]
            for count, start, stop in ((2, 0, pairs), (1, code.mul(pairs, 2), code["height"])):
                with code.loop(start, stop) as index:
                    at = [code.add(code.mul(index, count), i) for i in range(count)]
                    found = self._dots(code, [code.mul(m, code["a_stride"]) for m in at], tops)
                    for m, value in zip(at, found, strict=True):
                        in_row = code.sum((m, code["width"]), vector)
                        place = code.mul(code.sum((in_row, gates), gate), lanes)
                        code.store(value, code["scratch"], place)

    @staticmethod
    def _dots(code: Code, offsets: list[Any], tops: list[Any]) -> list[Any]:
        """Of each row of A, at its offset, the vector of its products with the weights' rows."""
        lanes, depth, count = code.lanes, code["depth"], len(offsets)
        units = min(_UNITS, lanes)
        turns = max(1, _SUMS // (units * count))
        whole = code.mul(code.b.udiv(depth, code.whole(turns * lanes)), turns * lanes)
        left = [code.at(code["a"], offset) for offset in offsets]
        totals: list[list[Any]] = [[] for _ in offsets]
        for start in range(0, lanes, units):
            some = tops[start : start + units]
            size = units * count  # sums of a turn, those of the first row first

            def advance(
                k: Any, mask: Any, turn: int, sums: list[Any], some: list[Any] = some
            ) -> None:
                factors = [code.load(a, k, mask) for a in left]
                for i, top in enumerate(some):
                    right = code.load(top, k, mask)
                    for row, factor in enumerate(factors):
                        place = turn * units * count + row * units + i
                        sums[place] = code.fma(factor, right, sums[place])

            sums = [ir.Constant(code.vector, None)] * (size * turns)
            with code.carrying(0, whole, turns * lanes, sums) as (k, carried):
                for turn in range(turns):
                    advance(code.add(k, turn * lanes), None, turn, carried)
            with code.carrying(whole, depth, lanes, sums) as (k, carried):
                advance(k, code.tail(code.sub(depth, k)), 0, carried)
            for turn in range(1, turns):
                for i in range(size):
                    sums[i] = code.b.fadd(sums[i], sums[turn * size + i])
            for row in range(count):
                totals[row] += sums[row * units : (row + 1) * units]
        return [_lane_sums(code, each) for each in totals]

    @staticmethod
    def _of_columns(code: Code, gates: int, vectors: int) -> None:
        """A vector of C is a sum over the depth of the weight's rows."""
        assert gates == 1, "the gates' blocks do not lie side by side"
        lanes, depth, size = code.lanes, code["depth"], code["size"]
        for count in range(1, vectors + 1):
            is_so_wide = code.b.icmp_signed("==", code["width"], code.whole(count))
            copies = max(1, _SUMS // count)
            left = code.sub(size, code.add(code["first"], (count - 1) * lanes))
            masks = [None] * (count - 1) + [code.tail(left)]
            with code.loop(0, code.b.select(is_so_wide, code["height"], code.whole(0))) as m:
                a = code.at(code["a"], code.mul(m, code["a_stride"]))
                weight = code.at(code["weight"], code["first"])
                sums = [ir.Constant(code.vector, None)] * (count * copies)
                whole = code.mul(code.b.udiv(depth, code.whole(copies)), copies)
                for start, stop, turns in ((0, whole, copies), (whole, depth, 1)):
                    with code.carrying(start, stop, turns, sums) as (k, totals):
                        for turn in range(turns):
                            at = code.add(k, turn)
                            factor = code.splat(code.load_scalar(a, at))
                            row = code.mul(at, size)
                            for j, mask in enumerate(masks):
                                right = code.load(weight, code.add(row, j * lanes), mask)
                                place = turn * count + j
                                totals[place] = code.fma(factor, right, totals[place])
                for j in range(count):
                    total = sums[j]
                    for turn in range(1, copies):
                        total = code.b.fadd(total, sums[turn * count + j])
                    place = code.mul(code.sum((m, code["width"]), j), lanes)
                    code.store(total, code["scratch"], place)


def _lane_sums(code: Code, vectors: list[Any]) -> Any:
    """The vector of the sums of as many vectors as it has lanes."""
    lanes = code.lanes
    if lanes == 1:
        return vectors[0]
    kind = ir.VectorType(ir.IntType(32), lanes)
    even, odd = (ir.Constant(kind, [2 * i + turn for i in range(lanes)]) for turn in (0, 1))
    while len(vectors) > 1:
        vectors = [
            code.b.fadd(code.b.shuffle_vector(a, b, even), code.b.shuffle_vector(a, b, odd))
            for a, b in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    return vectors[0]
