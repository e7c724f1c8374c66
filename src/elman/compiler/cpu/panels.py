"""Matrix products in panels: a micro-kernel, and what is done with each tile while it is hot.

C = A B, where B has `gates` blocks of H columns. A panel takes a few vectors of hidden units and
all their gates, so that the cell's equations can follow on the finished tile. B is packed:
panel by panel, each cut into chunks of columns, [K][columns of the chunk]; or, where the kernel
is told so, left as it is stored.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu import bfloat16, direct
from elman.compiler.cpu.emit import I32, I64, POINTER, Code, Shape

Epilogue = Callable[[Any, Any, Any, Any], None]  # row, column, offset of its gates in C, mask
MOST_ROWS = 8  # of a tile
_LATENCY = 8  # sums that must be under way for the multipliers to be busy
_LINE = 64  # bytes that memory gives at a time


@dataclass(frozen=True)
class Tile:
    """How a product of so many gates is cut for a machine's registers."""

    gates: int
    vectors: int  # most vectors of hidden units in a panel
    chunk: int  # most columns, in vectors, that one micro-kernel takes
    rows: int

    @classmethod
    def of(cls, gates: int, shape: Shape) -> "Tile":
        """The largest that fits: rows x columns accumulators, the columns and one factor."""
        if shape.registers == 32:
            vectors = max(1, 4 // max(gates, 1))
            chunk = gates * vectors if gates * vectors <= 6 else 4
        else:
            vectors, chunk = (1 if gates % 3 == 0 else 3), 3
        widest = max(1, min(chunk, gates * vectors))
        return cls(gates, vectors, chunk, min(MOST_ROWS, (shape.registers - 1 - widest) // widest))

    def chunks(self, vectors: int) -> Iterator[tuple[int, int]]:
        """First column and number of columns of each chunk of a panel so wide."""
        columns = self.gates * vectors
        count = -(-columns // self.chunk)
        edges = [columns * i // count for i in range(count + 1)] if count else [0]
        return zip(edges, (b - a for a, b in pairwise(edges)), strict=False)

    @contextmanager
    def panels(self, code: Code, blocks: Any, share: tuple[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Loop over the panels of a share (part, parts) of so many vectors of hidden units: first
        vector and number of vectors of each, nearly equal."""
        part, parts = share
        begin, end = code.share(blocks, part, parts), code.share(blocks, code.add(part, 1), parts)
        own = code.sub(end, begin)
        count = code.quotient_up(own, self.vectors)
        with code.loop(0, count) as panel:
            block = code.share(own, panel, count)
            width = code.sub(code.share(own, code.add(panel, 1), count), block)
            yield code.add(begin, block), width


@dataclass(frozen=True)
class Rows:
    """What is multiplied: rows [top, bottom) of `a`, each `stride` apart and `depth` long."""

    a: Any
    stride: Any
    depth: Any
    top: Any
    bottom: Any


class Panels:
    """Writes products into functions of one module, each micro-kernel once."""

    def __init__(self, module: ir.Module, shape: Shape) -> None:
        self.module, self.shape = module, shape
        self._kernels: dict[tuple[int, int], Any] = {}
        self._multipliers: dict[Tile, Any] = {}
        self._direct = direct.Products(module, shape)

    def scratch(self, code: Code, tile: Tile) -> Any:
        """Room for a tile of C."""
        count = max(1, tile.rows * tile.vectors * tile.gates)
        place = code.entry.alloca(ir.ArrayType(code.vector, count))
        place.align = code.lanes * code.shape.size
        return place

    def product(
        self,
        code: Code,
        tile: Tile,
        packed: Any,
        depth: Any,
        steps: tuple[Any, Any],
        rows_of: Callable[[Any], Rows],
        share: tuple[Any, Any],
        scratch: Any,
        epilogue: Epilogue,
        size: Any = None,
        *,
        transposed: bool,
    ) -> None:
        """Multiply the rows of some steps by the packed matrix, `depth` long; see `Epilogue`.

        If the argument `direct` is not 0, the matrix is as it is stored, `transposed` or not.

        `rows_of(step)` writes code that finds a step's rows. Of the panels only the share (part,
        parts) is done. `size` is that of a block of columns, the number of hidden units if it is
        not given.
        """
        lanes = code.lanes
        size = code["hidden"] if size is None else size
        blocks = code.quotient_up(size, lanes)
        with tile.panels(code, blocks, share) as (block, width), code.loop(*steps) as step:
            deep = bfloat16.count(code, depth) if self.shape.half else depth
            source = code.at(packed, code.sum((block, tile.gates * lanes, deep)))
            rows = rows_of(step)
            count = code.sub(rows.bottom, rows.top)
            tiles = code.quotient_up(count, tile.rows)
            with code.loop(0, tiles) as index:  # rows in tiles of nearly equal height
                top = code.add(rows.top, code.share(count, index, tiles))
                bottom = code.add(rows.top, code.share(count, code.add(index, 1), tiles))
                if tile.gates:
                    height = code.sub(bottom, top)
                    left = code.at(rows.a, code.mul(top, rows.stride))
                    for is_packed in code.either(code.is_zero(code["direct"])):
                        if is_packed:
                            # Each tile of rows fetches a part of the next panel.
                            passed = (code.mul(index, _LINE // code.shape.size), rows.depth)
                            ahead = code.sum((code.mul(width, tile.gates * lanes), deep), passed)
                            sizes = [width, height, code.whole(rows.stride), code.whole(rows.depth)]
                            places = [left, source, scratch, code.at(source, ahead)]
                            if self.shape.half:
                                places.append(code["Pairs"])
                            code.b.call(self._multiplier(tile), [*sizes, *places])
                        elif not self.shape.half:
                            self._direct.call(
                                code,
                                tile.gates,
                                tile.vectors,
                                transposed=transposed,
                                width=width,
                                height=height,
                                a_stride=rows.stride,
                                depth=rows.depth,
                                first=code.mul(block, lanes),
                                size=size,
                                a=left,
                                weight=packed,
                                scratch=scratch,
                            )
                with code.loop(top, bottom) as row, code.loop(0, width) as j:
                    column = code.mul(code.add(block, j), lanes)
                    in_row = code.mul(code.sub(row, top), width)
                    place = code.mul(code.add(in_row, j), tile.gates * lanes)
                    left = code.sub(size, column)
                    for is_tail in code.either(code.less(left, lanes)):
                        epilogue(row, column, place, code.tail(left) if is_tail else None)

    def _multiplier(self, tile: Tile) -> Any:
        """The function that calls the micro-kernels for a panel's width and a number of rows."""
        if tile in self._multipliers:
            return self._multipliers[tile]
        integers = ("width", "height", "a_stride", "depth")
        places = ("a", "packed", "scratch", "ahead", *(("Pairs",) if self.shape.half else ()))
        names = [(n, I64) for n in integers] + [(n, POINTER) for n in places]
        code = Code(self.module, self.shape, f"panel_{len(self._multipliers)}", names)
        code.function.attributes.add("noinline")
        end = code.function.append_basic_block("multiplied")
        size = code.add(
            code.mul(code.sub(code["width"], 1), tile.rows), code.sub(code["height"], 1)
        )
        a, stride, depth = code["a"], code["a_stride"], code["depth"]
        if self.shape.half:
            bfloat16.convert(code, a, stride, depth, code["height"], code["Pairs"])
            depth = bfloat16.count(code, depth)
            a, stride = code["Pairs"], depth
        switch = code.b.switch(size, end)
        for vectors in range(1, tile.vectors + 1):
            for rows in range(1, tile.rows + 1):
                case = code.function.append_basic_block("case")
                switch.add_case(code.whole((vectors - 1) * tile.rows + rows - 1), case)
                code.b.position_at_end(case)
                for first, columns in tile.chunks(vectors):
                    kernel = self._kernel(rows, columns)
                    b = code.at(code["packed"], code.mul(depth, first * code.lanes))
                    c = code.at(code["scratch"], first * code.lanes)
                    apart = code.whole(vectors * tile.gates * code.lanes)
                    code.b.call(kernel, [a, stride, b, depth, c, apart, code["ahead"]])
                code.b.branch(end)
        code.b.position_at_end(end)
        self._multipliers[tile] = code.finish()
        return self._multipliers[tile]

    def _kernel(self, rows: int, columns: int) -> Any:
        if (rows, columns) not in self._kernels:
            self._kernels[rows, columns] = _micro_kernel(self.module, self.shape, rows, columns)
        return self._kernels[rows, columns]

    def pack(self, name: str, tile: Tile, *, transposed: bool) -> None:
        """Write `name(source, target, depth, hidden, parts)`: [depth][gates * hidden], or the
        transpose of that, into the panels that so many parts share."""
        sizes = (("depth", I64), ("hidden", I64), ("parts", I64))
        arguments = (("source", POINTER), ("target", POINTER), *sizes)
        code = Code(self.module, self.shape, name, arguments, exported=True)
        lanes, depth, hidden = code.lanes, code["depth"], code["hidden"]
        down, across = (1, depth) if transposed else (code.mul(hidden, tile.gates), 1)
        blocks = code.quotient_up(hidden, lanes)
        with (
            code.loop(0, code["parts"]) as part,
            tile.panels(code, blocks, (part, code["parts"])) as (block, width),
        ):
            deep = code.mul(bfloat16.count(code, depth), 2) if self.shape.half else depth
            total = code.mul(width, tile.gates)
            chunks = code.quotient_up(total, tile.chunk)
            with code.loop(0, chunks) as chunk:  # as `Tile.chunks` has them
                first = code.share(total, chunk, chunks)
                columns = code.sub(code.share(total, code.add(chunk, 1), chunks), first)
                start = code.sum((code.sum((block, tile.gates), first), lanes, deep))
                with code.loop(0, columns) as each:
                    own = code.add(first, each)
                    j, gate = (
                        divide(own, code.whole(max(1, tile.gates)))
                        for divide in (code.b.udiv, code.b.urem)
                    )
                    column = code.mul(code.add(block, j), lanes)
                    write = self._pack_pairs if self.shape.half else self._pack_vectors
                    write(code, start, (columns, each), column, (gate, hidden), (down, across))
        code.finish()

    def _pack_vectors(
        self, code: Code, start: Any, chunk: Any, column: Any, gate: Any, strides: Any
    ) -> None:
        """One vector of columns, over the whole depth."""
        (columns, each), (down, across) = chunk, strides
        lanes, hidden, source = code.lanes, code["hidden"], code["source"]
        mask = code.tail(code.sub(hidden, column))
        last = code.sub(hidden, 1)
        tops = [
            code.at(source, code.mul(code.sum(gate, code.least(code.add(column, i), last)), across))
            for i in range(lanes)
        ]
        with code.loop(0, code["depth"]) as k:
            if across == 1:
                value = code.load(tops[0], code.mul(k, down), mask)
            else:
                value = ir.Constant(code.vector, None)
                for lane, top in enumerate(tops):
                    one = code.load_scalar(top, code.mul(k, down))
                    value = code.b.insert_element(value, one, ir.Constant(I32, lane))
                value = code.b.select(mask, value, code.splat(0.0))
            row = code.sum((k, columns, lanes), (each, lanes))
            code.store(value, code["target"], code.add(start, row))

    def _pack_pairs(
        self, code: Code, start: Any, chunk: Any, column: Any, gate: Any, strides: Any
    ) -> None:
        """The same of bfloat16 numbers, two of the depth in each place."""
        (columns, each), (down, across) = chunk, strides
        lanes, depth = code.lanes, code["depth"]
        deep = code.mul(bfloat16.count(code, depth), 2)
        with code.loop(0, deep) as k, code.loop(0, lanes) as lane:
            unit = code.add(column, lane)
            inside = code.b.and_(code.less(unit, code["hidden"]), code.less(k, depth))
            unit = code.sum(gate, code.least(unit, code.sub(code["hidden"], 1)))
            at = code.sum((code.least(k, code.sub(depth, 1)), down), (unit, across))
            value = code.load_scalar(code["source"], at)
            value = code.b.select(inside, value, code.number(0.0))
            pair, turn = (divide(k, code.whole(2)) for divide in (code.b.udiv, code.b.urem))
            row = code.sum((pair, columns, lanes), (each, lanes), lane)
            bfloat16.store(code, value, code["target"], code.sum(start, (row, 2), turn))


def _micro_kernel(module: ir.Module, shape: Shape, rows: int, columns: int) -> Any:
    """C[rows][columns] = A[rows][depth] B[depth][columns], columns in vectors.

    Several steps of the depth are written out; where there are few sums, each step has its own.
    With every step a line from `ahead` on is fetched, for later, into the second cache.
    """
    names = (("a", POINTER), ("a_stride", I64), ("b", POINTER), ("depth", I64), ("c", POINTER))
    more = (("c_stride", I64), ("ahead", POINTER))
    code = Code(module, shape, f"multiply_{rows}_{columns}", (*names, *more))
    for index in (0, 2, 4):
        code.function.args[index].add_attribute("noalias")
    code.function.attributes.add("noinline")
    unroll = 2 if rows * columns > _LATENCY else 4
    copies = unroll if rows * columns * unroll <= shape.registers - 1 - columns else 1
    sums = [ir.Constant(code.vector, None)] * (rows * columns * copies)
    kind = I32 if shape.half else code.scalar
    tops = [code.at(code["a"], code.mul(code["a_stride"], row), kind) for row in range(rows)]

    def advance(k: Any, turn: int, totals: list[Any]) -> None:
        start = code.mul(k, columns * code.lanes)
        load = bfloat16.load if shape.half else Code.load
        multiply = bfloat16.dot if shape.half else Code.fma
        right = [
            load(code, code["b"], code.add(start, (turn * columns + column) * code.lanes))
            for column in range(columns)
        ]
        at = code.add(k, turn)
        for row, top in enumerate(tops):
            if shape.half:
                factor = bfloat16.spread(code, top, at)
            else:
                factor = code.splat(code.load_scalar(top, at))
            for column, value in enumerate(right):
                place = (row * columns + column) * copies + turn % copies
                totals[place] = multiply(code, factor, value, totals[place])

    whole = code.mul(code.b.udiv(code["depth"], code.whole(unroll)), unroll)
    with code.carrying(0, whole, unroll, sums) as (k, totals):
        for turn in range(unroll):
            advance(k, turn, totals)
            code.prefetch(code["ahead"], code.mul(code.add(k, turn), _LINE // shape.size))
    with code.carrying(whole, code["depth"], 1, sums) as (k, totals):
        advance(k, 0, totals)
    for row in range(rows):
        for column in range(columns):
            first = (row * columns + column) * copies
            value, *rest = sums[first : first + copies]
            for more in rest:
                value = code.b.fadd(value, more)
            offset = code.add(code.mul(code["c_stride"], row), column * code.lanes)
            code.store(value, code["c"], offset)
    return code.finish()
