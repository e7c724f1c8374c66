"""Matrix products with the weights as they are stored: for few rows, which do not pay for packing.

They fill the same tiles of C as the products in panels do, so that the same epilogues follow.
"""

from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I64, POINTER, Code, Shape

_UNITS = 4  # weights' rows that share one pass over one or two rows of A
ROWS = 12  # of A that pass over a block of the weight's rows while it is in the first cache
_LINE = 64  # bytes that memory gives at a time
_SUMS = 8  # that must be under way for the multipliers to be busy
_BLOCK = 16  # bytes within which lanes are exchanged in one cycle
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
        for is_single in code.either(code.b.icmp_signed("==", code["height"], code.whole(1))):
            if is_single:
                self._of_row(code, gates)
            else:
                self._of_several_rows(code, gates)

    def _of_row(self, code: Code, gates: int) -> None:
        """The same of one row: each gate's rows of the weight are read in the order of their
        addresses and those that follow are fetched, so that it takes little longer than memory
        takes to give the weight."""
        lanes, depth, size, first = code.lanes, code["depth"], code["size"], code["first"]
        units = min(_BLOCK // code.shape.size, lanes)
        turns = max(1, _SUMS // units)
        whole = code.mul(code.b.udiv(depth, code.whole(turns * lanes)), turns * lanes)
        line = _LINE // code.shape.size
        with code.loop(0, gates) as gate, code.loop(0, code.mul(code["width"], lanes), units) as r:
            unit = code.least(code.add(first, r), code.sub(size, 1))
            left = code.sub(code.sub(size, unit), 1)
            base = code.at(code["weight"], code.mul(code.sum((gate, size), unit), depth))
            tops = [base] + [
                code.at(base, code.mul(code.least(left, i), depth)) for i in range(1, units)
            ]
            sums = [ir.Constant(code.vector, None)] * (units * turns)
            with code.carrying(0, whole, turns * lanes, sums) as (k, carried):
                for turn in range(turns):
                    at = code.add(k, turn * lanes)
                    if turn * lanes % line == 0:
                        for top in tops:
                            code.prefetch(top, code.sum(at, (depth, units)), cache=1)
                    self._advance(code, at, None, tops, carried, turn * units)
            with code.carrying(whole, depth, lanes, sums) as (k, carried):
                self._advance(code, k, code.tail(code.sub(depth, k)), tops, carried, 0)
            for place in range(units, units * turns):
                sums[place % units] = code.b.fadd(sums[place % units], sums[place])
            vector, lane = (divide(r, code.whole(lanes)) for divide in (code.b.udiv, code.b.urem))
            place = code.add(code.mul(code.sum((vector, gates), gate), lanes), lane)
            total = _block_sums(code, sums[:units])
            code.b.store(total, code.at(code["scratch"], place), align=code.shape.size)

    @staticmethod
    def _advance(
        code: Code, k: Any, mask: Any, tops: list[Any], sums: list[Any], start: int
    ) -> None:
        factor = code.load(code["a"], k, mask)
        for i, top in enumerate(tops, start):
            sums[i] = code.fma(factor, code.load(top, k, mask), sums[i])

    def _of_several_rows(self, code: Code, gates: int) -> None:
        lanes, depth, size, first = code.lanes, code["depth"], code["size"], code["first"]
        last, most = code.sub(size, 1), _most_rows(code.shape)
        with code.loop(0, gates) as gate, code.loop(0, code["width"]) as vector:
            column = code.add(first, code.mul(vector, lanes))
            begin = code.mul(gate, size)
            rows = [code.add(begin, code.least(code.add(column, i), last)) for i in range(lanes)]
            tops = [code.at(code["weight"], code.mul(row, depth)) for row in rows]
            start = code.whole(0)
            for count in range(most, 0, -1):
                left = code.sub(code["height"], start)
                stop = code.add(start, code.mul(code.b.udiv(left, code.whole(count)), count))
                with code.loop(start, stop, count) as m:
                    at = [code.add(m, i) for i in range(count)]
                    offsets = [code.mul(each, code["a_stride"]) for each in at]
                    found = self._dots(code, offsets, tops)
                    for own, value in zip(at, found, strict=True):
                        in_row = code.sum((own, code["width"]), vector)
                        place = code.mul(code.sum((in_row, gates), gate), lanes)
                        code.store(value, code["scratch"], place)
                start = stop

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
                k: Any,
                mask: Any,
                turn: int,
                sums: list[Any],
                some: list[Any] = some,
                size: int = size,
            ) -> None:
                factors = [code.load(a, k, mask) for a in left]
                for i, top in enumerate(some):
                    right = code.load(top, k, mask)
                    for row, factor in enumerate(factors):
                        place = turn * size + row * units + i
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


def _most_rows(shape: Shape) -> int:
    """Rows of A whose products with `_UNITS` rows of the weight fit the registers, with a vector
    of each of the former and of one of the latter."""
    units = min(_UNITS, shape.lanes)
    return min(_UNITS, (shape.registers - 1) // (units + 1))


def _block_sums(code: Code, vectors: list[Any]) -> Any:
    """The sums of as many vectors as a block has lanes, a vector of them."""
    block = len(vectors)
    while len(vectors) > 1:
        vectors = _pair_sums(code, vectors, block, within=True)
    parts = [
        ir.Constant(ir.VectorType(ir.IntType(32), block), list(range(start, start + block)))
        for start in range(0, code.lanes, block)
    ]
    total, *rest = (code.b.shuffle_vector(vectors[0], vectors[0], part) for part in parts)
    for each in rest:
        total = code.b.fadd(total, each)
    return total


def _lane_sums(code: Code, vectors: list[Any]) -> Any:
    """The vector of the sums of as many vectors as it has lanes."""
    block = min(code.lanes, _BLOCK // code.shape.size)
    while len(vectors) > 1:
        # First within blocks, where exchanging lanes is cheap, then whole blocks.
        within = len(vectors) * block > code.lanes
        vectors = _pair_sums(code, vectors, block, within=within)
    return vectors[0]


def _pair_sums(code: Code, vectors: list[Any], block: int, *, within: bool) -> list[Any]:
    even, odd = (_halves(code.lanes, block, turn, within=within) for turn in (0, 1))
    return [
        code.b.fadd(code.b.shuffle_vector(a, b, even), code.b.shuffle_vector(a, b, odd))
        for a, b in zip(vectors[::2], vectors[1::2], strict=True)
    ]


def _halves(lanes: int, block: int, turn: int, *, within: bool) -> Any:
    """Of two vectors the even (turn 0) or odd lanes of each pair of blocks, or such blocks."""
    if within:
        pairs = range(0, lanes, block)
        order = [
            b + side * lanes + i for b in pairs for side in (0, 1) for i in range(turn, block, 2)
        ]
    else:
        order = [b + i for b in range(turn * block, 2 * lanes, 2 * block) for i in range(block)]
    return ir.Constant(ir.VectorType(ir.IntType(32), lanes), order)
