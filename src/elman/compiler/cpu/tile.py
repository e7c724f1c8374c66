"""How a matrix product is cut for a machine's registers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from elman.compiler.cpu.emit import Code, Shape

MOST_ROWS = 8  # of a tile


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
