"""Matrix products in panels: a micro-kernel, and what is done with each tile while it is hot.

C = A B, where B has `gates` blocks of H columns. A panel takes a few vectors of hidden units and
all their gates, so that the cell's equations can follow on the finished tile. B is packed:
panel by panel, each cut into chunks of columns, [K][columns of the chunk]; or, if the kernel
is called so, left as it is stored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu import bfloat16, direct
from elman.compiler.cpu.emit import I32, I64, POINTER, Code, Shape
from elman.compiler.cpu.packing import Packing
from elman.compiler.cpu.tile import Tile

Epilogue = Callable[[Any, Any, Any, Any], None]  # row, column, offset of its gates in C, mask
_LATENCY = 8  # sums that must be under way for the multipliers to be busy
_LINE = 64  # bytes that memory gives at a time


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
        self.packing = Packing(module, shape)
        self._direct = direct.Products(module, shape)

    def scratch(self, code: Code, tile: Tile) -> Any:
        """Room for a tile of C."""
        rows = tile.rows if self.shape.half else max(tile.rows, direct.ROWS)
        count = max(1, rows * tile.vectors * tile.gates)
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
        mode: Any,
        transposed: bool,
    ) -> None:
        """Multiply the rows of some steps by the packed matrix, `depth` long; see `Epilogue`.

        If `mode` is not 0, the matrix is as it is stored, `transposed` or not; if it is 2, each
        panel is packed, to `Panel`, before its rows are multiplied.

        `rows_of(step)` writes code that finds a step's rows. Of the panels only the share (part,
        parts) is done. `size` is that of a block of columns, the number of hidden units if it is
        not given.
        """
        lanes = code.lanes
        size = code["hidden"] if size is None else size
        blocks = code.quotient_up(size, lanes)
        stored = code.b.icmp_signed("==", mode, code.whole(1))
        packs = code.b.icmp_signed("==", mode, code.whole(2))
        deep = bfloat16.count(code, depth) if self.shape.half else depth
        with tile.panels(code, blocks, share) as (block, width):
            source = code.at(packed, code.sum((block, tile.gates * lanes, deep)))
            if transposed and tile.gates and not self.shape.half:
                with code.b.if_then(packs):
                    given = [packed, code["Panel"], *map(code.whole, (depth, size, block, width))]
                    code.b.call(self.packing.packer(tile, transposed=True), given)
                source = code.b.select(packs, code["Panel"], source)
            with code.loop(*steps) as step:
                rows = rows_of(step)
                count = code.sub(rows.bottom, rows.top)
                is_packed = code.b.not_(stored)
                most = code.b.select(is_packed, code.whole(tile.rows), code.whole(direct.ROWS))
                tiles = code.b.udiv(code.add(count, code.sub(most, 1)), most)
                with code.loop(0, tiles) as index:  # rows in tiles of nearly equal height
                    edges = (code.share(count, code.add(index, i), tiles) for i in (0, 1))
                    full = (code.least(count, code.mul(code.add(index, i), most)) for i in (0, 1))
                    top, bottom = (
                        code.add(rows.top, code.b.select(is_packed, edge, whole))
                        for edge, whole in zip(edges, full, strict=True)
                    )
                    if tile.gates:
                        height = code.sub(bottom, top)
                        left = code.at(rows.a, code.mul(top, rows.stride))
                        for in_panels in code.either(is_packed):
                            if in_panels:
                                # Each tile of rows fetches a part of what comes next.
                                line = _LINE // code.shape.size
                                following = (code.mul(width, tile.gates * lanes), deep)
                                ahead = code.sum(following, (index, line, rows.depth))
                                sizes = [width, height, rows.stride, rows.depth]
                                places = [left, source, scratch, code.at(source, ahead)]
                                if transposed and not self.shape.half:
                                    gate = code.b.udiv(code.mul(index, tile.gates), tiles)
                                    since = code.sub(index, code.share(tiles, gate, tile.gates))
                                    unit = code.mul(code.add(block, width), lanes)
                                    stored_row = code.sum((gate, size), unit, (since, line))
                                    later = code.at(packed, code.mul(stored_row, rows.depth))
                                    places[-1] = code.b.select(packs, later, places[-1])
                                if self.shape.half:
                                    places.append(code["Pairs"])
                                code.b.call(
                                    self._multiplier(tile), [*map(code.whole, sizes), *places]
                                )
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
            if rows > 1:  # a single row waits for memory anyhow
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
