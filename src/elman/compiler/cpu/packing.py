"""Weights brought into panels: see `panels`."""

from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu import bfloat16
from elman.compiler.cpu.emit import I32, I64, POINTER, Code, Shape
from elman.compiler.cpu.tile import Tile


class Packing:
    """Writes the functions that pack into one module, each once."""

    def __init__(self, module: ir.Module, shape: Shape) -> None:
        self.module, self.shape = module, shape
        self._written: dict[tuple[Tile, bool], Any] = {}

    def pack(self, name: str, tile: Tile, *, transposed: bool) -> None:
        """Write `name(source, target, depth, hidden, parts)`: [depth][gates * hidden], or the
        transpose of that, into the panels that so many parts share."""
        sizes = (("depth", I64), ("hidden", I64), ("parts", I64))
        arguments = (("source", POINTER), ("target", POINTER), *sizes)
        packer = self.packer(tile, transposed=transposed)
        code = Code(self.module, self.shape, name, arguments, exported=True)
        depth, hidden, parts = code["depth"], code["hidden"], code["parts"]
        deep = code.mul(bfloat16.count(code, depth), 2) if self.shape.half else depth
        blocks = code.quotient_up(hidden, code.lanes)
        with (
            code.loop(0, parts) as part,
            tile.panels(code, blocks, (part, parts)) as (block, width),
        ):
            start = code.sum((block, tile.gates * code.lanes, deep))
            kind = ir.IntType(16) if self.shape.half else None
            target = code.at(code["target"], start, kind)
            code.b.call(packer, [code["source"], target, depth, hidden, block, width])
        code.finish()

    def packer(self, tile: Tile, *, transposed: bool) -> Any:
        """The function that packs one panel: `width` vectors of hidden units from `block` on."""
        key = tile, transposed
        if key in self._written:
            return self._written[key]
        names = [(n, POINTER) for n in ("source", "target")]
        names += [(n, I64) for n in ("depth", "hidden", "block", "width")]
        code = Code(self.module, self.shape, f"pack_{len(self._written)}", names)
        lanes, depth, hidden = code.lanes, code["depth"], code["hidden"]
        down, across = (1, depth) if transposed else (code.mul(hidden, tile.gates), 1)
        deep = code.mul(bfloat16.count(code, depth), 2) if self.shape.half else depth
        total = code.mul(code["width"], tile.gates)
        chunks = code.quotient_up(total, tile.chunk)
        with code.loop(0, chunks) as chunk:  # as `Tile.chunks` has them
            first = code.share(total, chunk, chunks)
            columns = code.sub(code.share(total, code.add(chunk, 1), chunks), first)
            start = code.sum((first, lanes, deep))
            if not (transposed or self.shape.half):
                assert tile.gates <= 1, "the gates' columns do not lie side by side"
                self._copy_columns(code, start, columns, code.sum(code["block"], first))
            else:
                with code.loop(0, columns) as each:
                    own = code.add(first, each)
                    j, gate = (
                        divide(own, code.whole(max(1, tile.gates)))
                        for divide in (code.b.udiv, code.b.urem)
                    )
                    column = code.mul(code.add(code["block"], j), lanes)
                    write = self._pack_pairs if self.shape.half else self._pack_vectors
                    write(code, start, (columns, each), column, (gate, hidden), (down, across))
        self._written[key] = code.finish()
        return self._written[key]

    @staticmethod
    def _copy_columns(code: Code, start: Any, columns: Any, first: Any) -> None:
        """A chunk of so many vectors of columns, row by row."""
        lanes, hidden = code.lanes, code["hidden"]
        with code.loop(0, code["depth"]) as k, code.loop(0, columns) as each:
            column = code.mul(code.add(first, each), lanes)
            at, left = code.add(code.mul(k, hidden), column), code.sub(hidden, column)
            place = code.add(start, code.mul(code.add(code.mul(k, columns), each), lanes))
            for is_tail in code.either(code.less(left, lanes)):
                value = code.load(code["source"], at, code.tail(left) if is_tail else None)
                code.store(value, code["target"], place)

    def _pack_vectors(
        self, code: Code, start: Any, chunk: Any, column: Any, gate: Any, strides: Any
    ) -> None:
        """One vector of columns of the transpose, over the whole depth."""
        (columns, each), (_, across) = chunk, strides
        lanes, hidden, source, depth = code.lanes, code["hidden"], code["source"], code["depth"]
        mask = code.tail(code.sub(hidden, column))
        last = code.sub(hidden, 1)
        tops = [
            code.at(source, code.mul(code.sum(gate, code.least(code.add(column, i), last)), across))
            for i in range(lanes)
        ]

        def store(value: Any, k: Any) -> None:
            row = code.sum((k, columns, lanes), (each, lanes))
            code.store(value, code["target"], code.add(start, row))

        whole = code.mul(code.b.udiv(depth, code.whole(lanes)), lanes)
        with code.loop(0, whole, lanes) as k:
            for turn, value in enumerate(transpose(code, [code.load(top, k) for top in tops])):
                store(code.b.select(mask, value, code.splat(0.0)), code.add(k, turn))
        with code.loop(whole, depth) as k:
            value = ir.Constant(code.vector, None)
            for lane, top in enumerate(tops):
                one = code.load_scalar(top, k)
                value = code.b.insert_element(value, one, ir.Constant(I32, lane))
            store(code.b.select(mask, value, code.splat(0.0)), k)

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


def transpose(code: Code, rows: list[Any]) -> list[Any]:
    """As many vectors as they have lanes, as the rows of a matrix, to its columns."""
    lanes, size = code.lanes, 1
    kind = ir.VectorType(I32, lanes)
    while size < lanes:
        near, far = (  # in each pair of blocks: of the first vector, then of the second
            [lanes * (i // size % 2) + i - i // size % 2 * size + turn for i in range(lanes)]
            for turn in (0, size)
        )
        for i in range(lanes):
            if not i & size:
                a, b = rows[i], rows[i + size]
                rows[i] = code.b.shuffle_vector(a, b, ir.Constant(kind, near))
                rows[i + size] = code.b.shuffle_vector(a, b, ir.Constant(kind, far))
        size *= 2
    return rows
