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
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.cpu import scratch
from elman.compiler.cpu.emit import Arguments, Code, Shape
from elman.compiler.cpu.parallel_loop import LoopKernels, parallel_loop
from elman.compiler.cpu.target import host

Matrix = Sequence[Sequence[float]]

TILE, PATCH = 4, 6
POSITIONS = PATCH * PATCH
_TILES = 256  # whose gradients are transformed at a time
_ROWS, _VECTORS = 6, 2  # of the sums that are held in registers
_BYTES = 1 << 18  # of transformed tiles at a time, to stay in the second cache
_WIDTH = 32  # results of the channels that are finished at a time
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
_SIZES = ("tiles", "down", "across", "height", "width", "channels")
_ARGUMENTS = Arguments((*_SIZES, "Image", "Tiles", "Nothing"))
_CONVOLVE = Arguments(
    (*_SIZES, "blocks", "block", "outputs", "padded", "room")
    + ("Image", "Nothing", "Kernel", "Bias", "Scratch", "Result")
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
    """(O, I, 3, 3) as panels of a few outputs, (O / panel, 36, I, panel), the last one filled up
    with zeros; `turned` for the gradient of the input, of which I and O change places."""
    if turned:
        weight = weight.flip(2, 3).transpose(0, 1)
    outputs, inputs = weight.shape[:2]
    flat = weight.permute(2, 3, 1, 0).reshape(9, inputs * outputs)
    values = (_both(weight).T @ flat).view(POSITIONS, inputs, outputs)
    panel = _panel()
    values = F.pad(values, (0, -outputs % panel))
    return values.view(POSITIONS, inputs, -1, panel).permute(2, 0, 1, 3).contiguous()


def convolve(x: Tensor, kernel: Tensor, bias: Tensor | None, outputs: int, threads: int) -> Tensor:
    """Images (N, I, H, W), channels last in memory, by a transformed kernel: (N, O, H, W)."""
    images, inputs, height, width = x.shape
    y = x.new_empty(images, height, width, outputs)
    source = x.permute(0, 2, 3, 1).contiguous()
    bias = x.new_zeros(outputs) if bias is None else bias.contiguous()
    nothing = x.new_zeros(inputs)
    most = max(1, _BYTES // (4 * POSITIONS * inputs * _ROWS)) * _ROWS
    block = min(most, 8 * _ROWS)
    room = POSITIONS * block * (inputs + _WIDTH)
    own = scratch.take(x, threads, room)
    values = _values(source) | {"block": block, "outputs": outputs, "room": room}
    values |= {"blocks": -(-values["tiles"] // block), "padded": len(kernel) * kernel.shape[3]}
    tensors = {"Nothing": nothing, "Kernel": kernel, "Bias": bias, "Scratch": own, "Result": y}
    values |= {name: tensor.data_ptr() for name, tensor in tensors.items()}
    _convolution().run("convolve", values, threads)
    scratch.give(own)
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
    return [
        (_both(d) @ total.flatten(1)).view(3, 3, *total.shape[1:]).permute(3, 2, 0, 1)
        for total in sums
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


def _both(like: Tensor) -> Tensor:
    """The transform of a kernel along both of its dimensions, (9, 36)."""
    g = like.new_tensor(_KERNEL)
    return torch.einsum("ai,bj->ijab", g, g).reshape(9, POSITIONS)


def _panel() -> int:
    """Outputs whose products are summed at a time."""
    return _VECTORS * host().shape(double=False).lanes


def _values(images: Tensor) -> dict[str, int]:
    count, height, width, channels = images.shape
    down, across = _tiles(height, width)
    return {
        "tiles": count * down * across,
        "down": down,
        "across": across,
        "height": height,
        "width": width,
        "channels": channels,
        "Image": images.data_ptr(),
    }


def _spread(name: str, images: Tensor, threads: int) -> Tensor:
    """Images (N, H, W, C) as transformed tiles, (36, tiles, C)."""
    count, height, width, channels = images.shape
    down, across = _tiles(height, width)
    tiles = _room(images, count * down * across, channels)
    nothing = images.new_zeros(channels)
    values = _values(images) | {"Tiles": tiles.data_ptr(), "Nothing": nothing.data_ptr()}
    _kernels().run(name, values, threads)
    return tiles


@cache
def _kernels() -> LoopKernels:
    return LoopKernels("winograd", torch.float32, tuple(_TO_TILES), _ARGUMENTS, build)


@cache
def _convolution() -> LoopKernels:
    names = ("convolve",)
    return LoopKernels("winograd convolution", torch.float32, names, _CONVOLVE, build_convolution)


def build(shape: Shape) -> str:
    """The module of the transforms, one tile an item."""
    module = ir.Module("elman")
    for name, (matrix, begin) in _TO_TILES.items():
        with parallel_loop(module, shape, name, _ARGUMENTS, "tiles") as (code, tile):
            first = code.mul(tile, POSITIONS)
            _transform_tile(code, tile, matrix, begin, code["Tiles"], first, 1)
    return str(module)


def build_convolution(shape: Shape) -> str:
    """The module of the convolution, an item a block of tiles: they are transformed, multiplied,
    and the results brought back, some outputs at a time."""
    module = ir.Module("elman")
    with parallel_loop(module, shape, "convolve", _CONVOLVE, "blocks") as (code, item):
        block, inputs = code["block"], code["channels"]
        start = code.mul(item, block)
        count = code.least(block, code.sub(code["tiles"], start))
        left = code.at(code["Scratch"], code.mul(code["thread"], code["room"]))
        sums = code.at(left, code.sum((block, inputs, POSITIONS)))
        with code.loop(0, count) as t:
            _transform_tile(code, code.add(start, t), _INPUT, -1, left, t, block)
        panel = _VECTORS * code.lanes
        with code.loop(0, code["padded"], _WIDTH) as base:
            width = code.least(_WIDTH, code.sub(code["padded"], base))
            with code.loop(0, POSITIONS) as k, code.loop(0, width, panel) as column:
                number = code.b.udiv(code.add(base, column), code.whole(panel))
                row = code.add(code.mul(number, POSITIONS), k)
                right = code.at(code["Kernel"], code.mul(code.mul(row, inputs), panel))
                with code.loop(0, count, _ROWS) as m:
                    at = code.add(code.mul(k, block), m)
                    own = code.at(left, code.mul(at, inputs))
                    target = code.at(sums, code.add(code.mul(at, _WIDTH), column))
                    _multiply(code, own, right, target)
            with code.loop(0, count) as t:
                known = code.least(width, code.sub(code["outputs"], base))
                _result_tile(code, code.add(start, t), sums, t, base, known)
    return str(module)


def _multiply(code: Code, left: Any, right: Any, target: Any) -> None:
    """Some rows of transformed tiles by a panel of the kernel."""
    inputs = code["channels"]
    sums = [ir.Constant(code.vector, None)] * (_ROWS * _VECTORS)
    with code.carrying(0, inputs, 1, sums) as (i, totals):
        at = code.mul(i, _VECTORS * code.lanes)
        factors = [code.load(right, code.add(at, v * code.lanes)) for v in range(_VECTORS)]
        for row in range(_ROWS):
            one = code.splat(code.load_scalar(left, code.add(code.mul(inputs, row), i)))
            for v, factor in enumerate(factors):
                place = row * _VECTORS + v
                totals[place] = code.fma(one, factor, totals[place])
    for row in range(_ROWS):
        for v in range(_VECTORS):
            code.store(sums[row * _VECTORS + v], target, row * _WIDTH + v * code.lanes)


def _transform_tile(
    code: Code, tile: Any, matrix: Matrix, begin: int, target: Any, first: Any, stride: Any
) -> None:
    """A patch of the image to its 36 rows of channels, from row `first` on, `stride` rows apart."""
    rows, channels = _places(code, tile, begin, len(matrix[0])), code["channels"]
    for column, mask in code.vectors(channels):
        patch = [[code.load(at, column, mask) for at in row] for row in rows]
        values = [each for row in _transform(code, matrix, patch) for each in row]
        for index, value in enumerate(values):
            row = code.add(first, code.mul(stride, index))
            code.store(value, target, code.add(code.mul(row, channels), column), mask)


def _result_tile(code: Code, tile: Any, sums: Any, row: Any, base: Any, width: Any) -> None:
    """The 36 sums of a tile, for some outputs, to its places of the result."""
    inside = _inside(code, tile, 0, TILE)
    image, top, left = _first(code, tile, 0)
    for column, mask in code.vectors(width):
        positions = []
        for index in range(POSITIONS):
            at = code.mul(code.add(code.mul(code["block"], index), row), _WIDTH)
            positions.append(code.load(sums, code.add(at, column), mask))
        patch = [positions[PATCH * i : PATCH * (i + 1)] for i in range(PATCH)]
        values = _transform(code, _OUTPUT, patch)
        output = code.add(base, column)
        bias = code.load(code["Bias"], output, mask)
        for i in range(TILE):
            line = code.add(code.mul(image, code["height"]), code.add(top, i))
            for j in range(TILE):
                with code.b.if_then(inside[i][j]):
                    place = code.sum((line, code["width"]), code.add(left, j))
                    at = code.add(code.mul(place, code["outputs"]), output)
                    code.store(code.b.fadd(values[i][j], bias), code["Result"], at, mask)


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
