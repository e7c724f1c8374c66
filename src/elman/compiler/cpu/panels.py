"""Matrix products in panels: a micro-kernel, and what is done with each tile while it is hot.

C = A B, where B has `gates` blocks of H columns. A panel takes a few vectors of hidden units and
all their gates, so that the cell's equations can follow on the finished tile. B is packed:
panel by panel, [K][columns of the panel].
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I64, POINTER, Code, Shape

Epilogue = Callable[[Any, Any, Any, Any], None]  # row, column, offset of its gates in C, mask


@dataclass(frozen=True)
class Tile:
    """How a product of so many gates is cut for a machine's registers."""

    gates: int
    vectors: int  # of hidden units in a panel
    chunks: tuple[int, ...]  # gates that one micro-kernel takes
    rows: int

    @classmethod
    def of(cls, gates: int, shape: Shape) -> "Tile":
        """The largest that fits: rows x columns accumulators, the columns and one factor."""
        most, limit = (4, 6) if shape.registers == 32 else (2, 3)
        vectors = max(1, most // max(gates, 1))
        width = gates * vectors
        if width <= limit:
            chunks: tuple[int, ...] = (gates,)
        else:
            chunks = (most,) * (gates // most) + ((gates % most,) if gates % most else ())
        widest = max(chunks) * vectors or 1
        return cls(gates, vectors, chunks, min(8, (shape.registers - 1 - widest) // widest))


class Panels:
    """Writes products into functions of one module, each micro-kernel once."""

    def __init__(self, module: ir.Module, shape: Shape) -> None:
        self.module, self.shape = module, shape
        self._kernels: dict[tuple[int, int], Any] = {}

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
        a: Any,
        a_stride: Any,
        packed: Any,
        depth: Any,
        rows: tuple[Any, Any],
        share: tuple[Any, Any],
        scratch: Any,
        epilogue: Epilogue,
        size: Any = None,
    ) -> None:
        """Multiply rows of `a`, depth long, by the packed matrix; see `Epilogue`.

        Of the panels only the share (part, parts) is done. `size` is that of a block of columns,
        the number of hidden units if it is not given.
        """
        lanes = code.lanes
        size = code["hidden"] if size is None else size
        blocks = code.quotient_up(size, lanes)
        panels = code.quotient_up(blocks, tile.vectors)
        count = code.sub(rows[1], rows[0])
        tiles = code.quotient_up(count, tile.rows)
        begin, end = code.share(panels, *share), code.share(panels, code.add(share[0], 1), share[1])
        with code.loop(begin, end) as panel:
            block = code.mul(panel, tile.vectors)
            width = code.least(code.sub(blocks, block), tile.vectors)
            source = code.at(packed, code.sum((block, tile.gates * lanes, depth)))
            with code.loop(0, tiles) as index:  # rows in tiles of nearly equal height
                top = code.add(rows[0], code.share(count, index, tiles))
                bottom = code.add(rows[0], code.share(count, code.add(index, 1), tiles))
                if tile.gates:
                    height = code.sub(bottom, top)
                    left = code.at(a, code.mul(top, a_stride))
                    self._multiply(
                        code, tile, width, height, left, a_stride, source, depth, scratch
                    )
                with code.loop(top, bottom) as row, code.loop(0, width) as j:
                    column = code.mul(code.add(block, j), lanes)
                    in_row = code.mul(code.sub(row, top), width)
                    place = code.mul(code.add(in_row, j), tile.gates * lanes)
                    left = code.sub(size, column)
                    for is_tail in code.either(code.less(left, lanes)):
                        epilogue(row, column, place, code.tail(left) if is_tail else None)

    def _multiply(
        self,
        code: Code,
        tile: Tile,
        width: Any,
        height: Any,
        a: Any,
        a_stride: Any,
        packed: Any,
        depth: Any,
        scratch: Any,
    ) -> None:
        """Call the micro-kernels for this size of tile."""
        end = code.function.append_basic_block("multiplied")
        wrong = code.function.append_basic_block("unreachable")
        size = code.add(code.mul(code.sub(width, 1), tile.rows), code.sub(height, 1))
        switch = code.b.switch(size, wrong)
        for vectors in range(1, tile.vectors + 1):
            for rows in range(1, tile.rows + 1):
                case = code.function.append_basic_block("case")
                switch.add_case(code.whole((vectors - 1) * tile.rows + rows - 1), case)
                code.b.position_at_end(case)
                done = 0
                for gates in tile.chunks:
                    kernel = self._kernel(rows, gates * vectors)
                    b = code.at(packed, code.mul(depth, done * code.lanes))
                    c = code.at(scratch, done * code.lanes)
                    stride = code.whole(vectors * tile.gates * code.lanes)
                    code.b.call(kernel, [a, code.whole(a_stride), b, code.whole(depth), c, stride])
                    done += gates
                code.b.branch(end)
        code.b.position_at_end(wrong)
        code.b.unreachable()
        code.b.position_at_end(end)

    def _kernel(self, rows: int, columns: int) -> Any:
        if (rows, columns) not in self._kernels:
            self._kernels[rows, columns] = _micro_kernel(self.module, self.shape, rows, columns)
        return self._kernels[rows, columns]

    def pack(self, name: str, tile: Tile) -> None:
        """Write `name(source, target, depth, hidden)`: [depth][gates * hidden] into panels."""
        arguments = (("source", POINTER), ("target", POINTER), ("depth", I64), ("hidden", I64))
        code = Code(self.module, self.shape, name, arguments, exported=True)
        lanes, depth, hidden = code.lanes, code["depth"], code["hidden"]
        blocks = code.quotient_up(hidden, lanes)
        with code.loop(0, blocks, tile.vectors) as block:
            width = code.least(code.sub(blocks, block), tile.vectors)
            base = code.sum((block, tile.gates * lanes, depth))
            with code.loop(0, depth) as k, code.loop(0, width) as j:
                column = code.mul(code.add(block, j), lanes)
                mask = code.tail(code.sub(hidden, column))
                done = 0
                for gates in tile.chunks:
                    row = code.mul(code.add(code.mul(k, width), j), gates * lanes)
                    start = code.sum(base, (depth, done * lanes), row)
                    for gate in range(gates):
                        place = code.sum((k, tile.gates, hidden), (done + gate, hidden), column)
                        value = code.load(code["source"], place, mask)
                        code.store(value, code["target"], code.add(start, gate * lanes))
                    done += gates
        code.finish()


def _micro_kernel(module: ir.Module, shape: Shape, rows: int, columns: int) -> Any:
    """C[rows][columns] = A[rows][depth] B[depth][columns], columns in vectors."""
    names = (("a", POINTER), ("a_stride", I64), ("b", POINTER), ("depth", I64), ("c", POINTER))
    code = Code(module, shape, f"multiply_{rows}_{columns}", (*names, ("c_stride", I64)))
    for index in (0, 2, 4):
        code.function.args[index].add_attribute("noalias")
    code.function.attributes.add("noinline")
    sums = [[code.entry.alloca(code.vector) for _ in range(columns)] for _ in range(rows)]
    for places in sums:
        for place in places:
            code.b.store(ir.Constant(code.vector, None), place)
    tops = [code.at(code["a"], code.mul(code["a_stride"], row)) for row in range(rows)]
    with code.loop(0, code["depth"]) as k:
        start = code.mul(k, columns * code.lanes)
        right = [
            code.load(code["b"], code.add(start, column * code.lanes)) for column in range(columns)
        ]
        for row in range(rows):
            factor = code.splat(code.load_scalar(tops[row], k))
            for column in range(columns):
                place = sums[row][column]
                total = code.fma(factor, right[column], code.b.load(place, typ=code.vector))
                code.b.store(total, place)
    for row in range(rows):
        for column in range(columns):
            value = code.b.load(sums[row][column], typ=code.vector)
            offset = code.add(code.mul(code["c_stride"], row), column * code.lanes)
            code.store(value, code["c"], offset)
    return code.finish()
