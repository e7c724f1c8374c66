"""Convolutions with kernels of 3 x 3 by Winograd's algorithm F(4 x 4, 3 x 3).

Lavin & Gray 2016 (arXiv:1509.09308): a tile of 4 x 4 results takes 36 products of transformed
tiles of 6 x 6 numbers, where the definition takes 144. The transforms are compiled; the products
are 36 matrix products at a time, which torch makes. Float32 only: rounding is a few times that of
the definition. The gradient of the input is a convolution, too, with the kernel turned round; that
of the kernel is made of the same tiles.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.ir as ir
import torch
from torch import Tensor

from elman.compiler.cpu import scratch
from elman.compiler.cpu.emit import Arguments, Code, Shape
from elman.compiler.cpu.parallel_loop import LoopKernels, parallel_loop

Matrix = Sequence[Sequence[float]]

TILE, PATCH = 4, 6
POSITIONS = PATCH * PATCH
_TILES = 256  # that are transformed at a time, to stay in the caches
_INPUT: Matrix = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_OUTPUT: Matrix = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
_RESULT: Matrix = tuple(zip(*_OUTPUT, strict=True))
_KERNEL: Matrix = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_ARGUMENTS = Arguments(
    ("tiles", "down", "across", "height", "width", "channels", "Image", "Tiles", "Nothing", "Bias")
)
_TO_TILES = {"input": (_INPUT, -1), "result": (_RESULT, 0)}  # transform, and where a patch begins
_LEAST_CHANNELS, _LEAST_TILES = 8, 32


def applies(x: Tensor, weight: Tensor, stride: tuple[int, int], dilation: tuple[int, int]) -> bool:
    """Whether it computes this convolution, and in less time than torch's."""
    images, _, height, width = x.shape
    down, across = _tiles(height, width)
    return (
        x.dtype == torch.float32
        and weight.shape[2:] == (3, 3)
        and stride == dilation == (1, 1)
        and min(weight.shape[:2]) >= _LEAST_CHANNELS
        and images * down * across >= _LEAST_TILES
        and TILE * TILE * down * across <= 1.6 * height * width
    )


def transformed(weight: Tensor, *, turned: bool = False) -> Tensor:
    """(O, I, 3, 3) as (36, I, O); `turned` for the gradient of the input, as (36, O, I)."""
    if turned:
        weight = weight.flip(2, 3).transpose(0, 1)
    g = weight.new_tensor(_KERNEL)
    both = torch.einsum("ai,bj->abij", g, g).flatten(0, 1).flatten(1)
    outputs, inputs = weight.shape[:2]
    flat = weight.permute(2, 3, 1, 0).reshape(9, inputs * outputs)
    return (both @ flat).view(POSITIONS, inputs, outputs)


def convolve(x: Tensor, kernel: Tensor, bias: Tensor | None, threads: int) -> Tensor:
    """Images (N, I, H, W), channels last in memory, by a transformed kernel: (N, O, H, W)."""
    images, _, height, width = x.shape
    outputs = kernel.shape[2]
    y = x.new_empty(images, height, width, outputs)
    source = x.permute(0, 2, 3, 1).contiguous()
    bias = x.new_zeros(outputs) if bias is None else bias.contiguous()
    for first, last in _chunks(images, height, width):
        tiles = _spread("input", source[first:last], threads)
        products = _room(x, tiles.shape[1], outputs)
        torch.bmm(tiles, kernel, out=products)
        values = _values(y[first:last], products)
        _kernels().run("join", {**values, "Bias": bias.data_ptr()}, threads)
        scratch.give(tiles, products)
    return y.permute(0, 3, 1, 2)


def kernel_gradients(d: Tensor, inputs: Sequence[Tensor], threads: int) -> list[Tensor]:
    """The kernels' gradients, (O, I, 3, 3) each, of convolutions of some inputs whose results have
    the same gradient d, (N, O, H, W)."""
    images, outputs, height, width = d.shape
    of_results = d.permute(0, 2, 3, 1).contiguous()
    sources = [x.permute(0, 2, 3, 1).contiguous() for x in inputs]
    sums = [d.new_zeros(POSITIONS, x.shape[1], outputs) for x in inputs]
    for first, last in _chunks(images, height, width):
        right = _spread("result", of_results[first:last], threads)
        for source, total in zip(sources, sums, strict=True):
            left = _spread("input", source[first:last], threads)
            torch.baddbmm(total, left.transpose(1, 2), right, out=total)
            scratch.give(left)
        scratch.give(right)
    g = d.new_tensor(_KERNEL)
    both = torch.einsum("ai,bj->ijab", g, g).flatten(0, 1).flatten(1)
    return [
        (both @ total.flatten(1)).view(3, 3, *total.shape[1:]).permute(3, 2, 0, 1) for total in sums
    ]


def _tiles(height: int, width: int) -> tuple[int, int]:
    return -(-height // TILE), -(-width // TILE)


def _chunks(images: int, height: int, width: int) -> list[tuple[int, int]]:
    down, across = _tiles(height, width)
    size = max(1, _TILES // (down * across))
    return [(first, min(first + size, images)) for first in range(0, images, size)]


def _room(like: Tensor, tiles: int, channels: int) -> Tensor:
    """(36, tiles, C), the positions of a tile side by side."""
    return (
        scratch.take(like, tiles, POSITIONS * channels).view(tiles, POSITIONS, -1).transpose(0, 1)
    )


def _values(images: Tensor, tiles: Tensor) -> dict[str, int]:
    _, height, width, channels = images.shape
    down, across = _tiles(height, width)
    return {
        "tiles": tiles.shape[1],
        "down": down,
        "across": across,
        "height": height,
        "width": width,
        "channels": channels,
        "Image": images.data_ptr(),
        "Tiles": tiles.data_ptr(),
    }


def _spread(name: str, images: Tensor, threads: int) -> Tensor:
    """Images (N, H, W, C) as transformed tiles, (36, tiles, C)."""
    count, height, width, channels = images.shape
    down, across = _tiles(height, width)
    tiles = _room(images, count * down * across, channels)
    nothing = images.new_zeros(channels)
    values = _values(images, tiles) | {"Nothing": nothing.data_ptr()}
    _kernels().run(name, values, threads)
    return tiles


@cache
def _kernels() -> LoopKernels:
    entries = (*_TO_TILES, "join")
    return LoopKernels("winograd", torch.float32, entries, _ARGUMENTS, build)


def build(shape: Shape) -> str:
    """The module of the transforms, one tile an item."""
    module = ir.Module("elman")
    for name, (matrix, begin) in _TO_TILES.items():
        with parallel_loop(module, shape, name, _ARGUMENTS, "tiles") as (code, tile):
            size = len(matrix[0])
            rows = _places(code, tile, begin, size)
            for column, mask in code.vectors(code["channels"]):
                patch = [[code.load(at, column, mask) for at in row] for row in rows]
                values = _transform(code, matrix, patch)
                for index, value in enumerate(each for row in values for each in row):
                    code.store(value, code["Tiles"], _position(code, tile, index, column), mask)
    with parallel_loop(module, shape, "join", _ARGUMENTS, "tiles") as (code, tile):
        rows, inside = _places(code, tile, 0, TILE), _inside(code, tile, 0, TILE)
        for column, mask in code.vectors(code["channels"]):
            patch = [
                [
                    code.load(code["Tiles"], _position(code, tile, PATCH * i + j, column), mask)
                    for j in range(PATCH)
                ]
                for i in range(PATCH)
            ]
            values, bias = _transform(code, _OUTPUT, patch), code.load(code["Bias"], column, mask)
            for i in range(TILE):
                for j in range(TILE):
                    value = code.b.fadd(values[i][j], bias)
                    with code.b.if_then(inside[i][j]):
                        code.store(value, rows[i][j], column, mask)
    return str(module)


def _first(code: Code, tile: Any, begin: int) -> tuple[Any, Any, Any]:
    """A tile's image, and the row and column at which its patch begins."""
    across, down = code["across"], code["down"]
    image = code.b.udiv(tile, code.mul(down, across))
    row = code.b.urem(code.b.udiv(tile, across), down)
    starts = (code.add(code.mul(each, TILE), begin) for each in (row, code.b.urem(tile, across)))
    return (image, *starts)


def _inside(code: Code, tile: Any, begin: int, size: int) -> list[list[Any]]:
    """Whether each place of a patch is one of the map."""
    _, top, left = _first(code, tile, begin)

    def within(start: Any, limit: Any) -> list[Any]:
        places = [code.add(start, k) for k in range(size)]
        return [code.b.icmp_unsigned("<", place, limit) for place in places]

    down, across = within(top, code["height"]), within(left, code["width"])
    return [[code.b.and_(i, j) for j in across] for i in down]


def _places(code: Code, tile: Any, begin: int, size: int) -> list[list[Any]]:
    """The address of each place of a patch, that of `Nothing` outside of the map."""
    image, top, left = _first(code, tile, begin)
    inside = _inside(code, tile, begin, size)
    rows = []
    for i in range(size):
        row = code.mul(code.add(code.mul(image, code["height"]), code.add(top, i)), code["width"])
        row = code.add(row, left)
        offsets = [code.mul(code.add(row, j), code["channels"]) for j in range(size)]
        known = [code.at(code["Image"], offset) for offset in offsets]
        pairs = zip(inside[i], known, strict=True)
        rows.append([code.b.select(good, at, code["Nothing"]) for good, at in pairs])
    return rows


def _position(code: Code, tile: Any, index: int, column: Any) -> Any:
    row = code.add(code.mul(tile, POSITIONS), index)
    return code.add(code.mul(row, code["channels"]), column)


def _transform(code: Code, matrix: Matrix, patch: list[list[Any]]) -> list[list[Any]]:
    """matrix @ patch @ matrix.T, of vectors."""
    columns = [_product(code, matrix, list(column)) for column in zip(*patch, strict=True)]
    return [_product(code, matrix, list(row)) for row in zip(*columns, strict=True)]


def _product(code: Code, matrix: Matrix, vector: list[Any]) -> list[Any]:
    results = []
    for row in matrix:
        total = None
        for factor, value in zip(row, vector, strict=True):
            if not factor:
                continue
            if total is None:
                total = value if factor == 1 else code.b.fmul(value, code.splat(factor))
            elif factor == 1:
                total = code.b.fadd(total, value)
            elif factor == -1:
                total = code.b.fsub(total, value)
            else:
                total = code.fma(value, code.splat(factor), total)
        results.append(total)
    return results
