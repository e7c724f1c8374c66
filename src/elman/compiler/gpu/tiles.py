"""How a batch and its units are cut into tiles, one a program."""

from typing import NamedTuple


class Tiles(NamedTuple):
    """Sizes of a kernel's tiles and how they are run."""

    rows: int
    units: int
    depth: int  # of a product's step
    warps: int
    stages: int
    parts: int = 1  # of a product's inner dimension, each done by other warps
    resident: bool = False  # the recurrent matrix stays in registers

    def of_rows(self, batch: int) -> int:
        """Tiles of the batch."""
        return -(-batch // self.rows)

    def of_units(self, size: int) -> int:
        """Tiles of the hidden units."""
        return -(-size // self.units)


def choose(batch: int, size: int, products: int, programs: int, *, back: bool) -> Tiles:
    """Tiles for so many programs as can run at a time."""
    if not products:
        return Tiles(8, 64, 16, 4, 1)
    if size <= 64:
        return Tiles(16, max(16, 1 << (size - 1).bit_length()), 16, 4, 1)
    for rows, units in ((16, 16), (32, 16), (32, 32), (64, 32), (64, 64)):
        tiles = Tiles(rows, units, 64, 4, 3)
        if tiles.of_rows(batch) * tiles.of_units(size) <= programs:
            return tiles
    return Tiles(64, max(64, 1 << (-(-size // programs) - 1).bit_length()), 32, 8, 2)
