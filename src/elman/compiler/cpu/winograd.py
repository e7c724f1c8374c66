"""Convolutions with kernels of 3 x 3 by Winograd's algorithm F(4 x 4, 3 x 3).

Lavin & Gray 2016 (arXiv:1509.09308): a tile of 4 x 4 results takes 36 products of transformed
tiles of 6 x 6 numbers, where the definition takes 144. The transforms are compiled; the products
are 36 matrix products at a time, which torch makes. Float32 only: rounding is a few times that of
the definition. The gradient of the input is a convolution, too, with the kernel turned round; that
of the kernel is made of the same tiles.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

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
_ROWS, _VECTORS = 6, 2  # of the sums that are held in registers
_GRADIENT_ROWS = 6
_BYTES = 1 << 18  # of transformed tiles at a time, to stay in the second cache
_WIDTH = 64
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
_SIZES = ("tiles", "down", "across", "height", "width", "outputs", "blocks", "block", "room")
_COMMON = (*_SIZES, "Nothing", "Scratch")
_CONVOLVE = Arguments((*_COMMON, "inputs", "padded", "Image", "Kernel", "Bias", "Result"))
_GRADIENT = Arguments(
    (*_COMMON, "items", "parts", "inputs0", "inputs1", "padded", "Image0", "Image1", "D", "Sums")
)
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
    """Images (N, I, H, W), channels last in memory, by a transformed kernel: (N, O, H, W), in
    memory that `scratch` may be given afterwards."""
    images, inputs, height, width = x.shape
    y = scratch.take(x, images, height * width * outputs).view(images, height, width, outputs)
    source = x.permute(0, 2, 3, 1).contiguous()
    bias = x.new_zeros(outputs) if bias is None else bias.contiguous()
    most = max(1, _BYTES // (4 * POSITIONS * inputs * _ROWS)) * _ROWS
    values, held = _values(y, outputs, min(most, 8 * _ROWS), inputs, threads)
    values |= {"inputs": inputs, "padded": len(kernel) * kernel.shape[3]}
    tensors = {"Image": source, "Kernel": kernel, "Bias": bias, "Result": y}
    values |= {name: tensor.data_ptr() for name, tensor in tensors.items()}
    _kernels("convolve").run("convolve", values, threads)
    scratch.give(held[0])
    return y.permute(0, 3, 1, 2)


def kernel_gradients(d: Tensor, inputs: Sequence[Tensor], threads: int) -> list[Tensor]:
    """The kernels' gradients, (O, I, 3, 3) each, of convolutions of one or two inputs whose
    results have the same gradient d, (N, O, H, W)."""
    of_results = d.permute(0, 2, 3, 1).contiguous()
    sources = [x.permute(0, 2, 3, 1).contiguous() for x in inputs]
    counts = [x.shape[1] for x in inputs]
    padded = -(-sum(counts) // _GRADIENT_ROWS) * _GRADIENT_ROWS
    outputs = d.shape[1]
    most = max(1, _BYTES // (8 * POSITIONS * padded * _ROWS)) * _ROWS
    groups = -(-outputs // _WIDTH)
    sums = d.new_zeros(groups, threads, POSITIONS, padded, _WIDTH)
    values, held = _values(of_results, outputs, min(most, 4 * _ROWS), padded, threads)
    values |= {"items": groups * threads, "parts": threads, "padded": padded}
    values |= {"D": of_results.data_ptr(), "Sums": sums.data_ptr(), "inputs1": 0}
    for i, (source, count) in enumerate(zip(sources, counts, strict=True)):
        values |= {f"Image{i}": source.data_ptr(), f"inputs{i}": count}
    _kernels("gradient").run("gradient", values, threads)
    scratch.give(held[0])
    total = sums.sum(1).permute(1, 2, 0, 3).reshape(POSITIONS, padded, -1)[..., :outputs]
    both = (_both(d) @ total.reshape(POSITIONS, -1)).view(3, 3, padded, outputs).permute(3, 2, 0, 1)
    return list(torch.split(both[:, : sum(counts)], counts, 1))


def _tiles(height: int, width: int) -> tuple[int, int]:
    return -(-height // TILE), -(-width // TILE)


def _both(like: Tensor) -> Tensor:
    """The transform of a kernel along both of its dimensions, (9, 36)."""
    g = like.new_tensor(_KERNEL)
    return torch.einsum("ai,bj->ijab", g, g).reshape(9, POSITIONS)


def _panel() -> int:
    """Outputs whose products are summed at a time."""
    return _VECTORS * host().shape(double=False).lanes


def _values(
    images: Tensor, outputs: int, block: int, inputs: int, threads: int
) -> tuple[dict[str, int], list[Tensor]]:
    """Arguments that both kernels take, of images (N, H, W, C), and what owns their memory, the
    threads' own first: transformed tiles of `inputs` channels and of some outputs."""
    count, height, width, _ = images.shape
    down, across = _tiles(height, width)
    tiles, room = count * down * across, POSITIONS * block * (inputs + _WIDTH)
    held = [scratch.take(images, threads, room), images.new_zeros(max(inputs, outputs))]
    sizes = (tiles, down, across, height, width, outputs, -(-tiles // block), block, room)
    values = dict(zip(_SIZES, sizes, strict=True))
    return values | {"Scratch": held[0].data_ptr(), "Nothing": held[1].data_ptr()}, held


@cache
def _kernels(name: str) -> LoopKernels:
    arguments, write = _MODULES[name]
    return LoopKernels(f"winograd {name}", torch.float32, (name,), arguments, write)


def build_convolution(shape: Shape) -> str:
    """The module of the convolution, an item a block of tiles: they are transformed, multiplied,
    and the results brought back, some outputs at a time."""
    module = ir.Module("elman")
    with parallel_loop(module, shape, "convolve", _CONVOLVE, "blocks") as (code, item):
        block, inputs, panel = code["block"], code["inputs"], _VECTORS * code.lanes
        start, count = _block(code, item)
        left = code.at(code["Scratch"], code.mul(code["thread"], code["room"]))
        sums = code.at(left, code.sum((block, inputs, POSITIONS)))
        image = _Channels(code["Image"], inputs, code.whole(0), inputs)
        with code.loop(0, count) as t:
            _transform_tile(code, code.add(start, t), _INPUT, -1, image, (left, t, inputs, 0))
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
                    strides = (inputs, code.whole(1), code.whole(panel))
                    _multiply(code, _ROWS, inputs, own, right, target, strides)
            with code.loop(0, count) as t:
                known = code.least(width, code.sub(code["outputs"], base))
                _result_tile(code, code.add(start, t), sums, t, base, known)
    return str(module)


def build_gradient(shape: Shape) -> str:
    """The module of the kernels' gradient, an item some outputs and a part of the blocks of tiles,
    whose sums stand for themselves."""
    module = ir.Module("elman")
    with parallel_loop(module, shape, "gradient", _GRADIENT, "items") as (code, item):
        block, padded, parts = code["block"], code["padded"], code["parts"]
        part, base = code.b.urem(item, parts), code.mul(code.b.udiv(item, parts), _WIDTH)
        left = code.at(code["Scratch"], code.mul(code["thread"], code["room"]))
        right = code.at(left, code.sum((block, padded, POSITIONS)))
        sums = code.at(code["Sums"], code.mul(code.mul(item, padded), POSITIONS * _WIDTH))
        first, second = (
            _Channels(code[f"Image{i}"], code[f"inputs{i}"], code.whole(0), code[f"inputs{i}"])
            for i in range(2)
        )
        width = code.least(_WIDTH, code.sub(code["outputs"], base))
        results = _Channels(code["D"], code["outputs"], base, width)
        begin, end = (code.share(code["blocks"], p, parts) for p in (part, code.add(part, 1)))
        with code.loop(begin, end) as number:
            start, count = _block(code, number)
            with code.loop(0, count) as t:
                tile = code.add(start, t)
                _transform_tile(code, tile, _INPUT, -1, first, (left, t, padded, 0))
                with code.loop(0, code.least(second.width, 1)):  # if there is a second one
                    place = (left, t, padded, first.width)
                    _transform_tile(code, tile, _INPUT, -1, second, place)
                _transform_tile(code, tile, _RESULT, 0, results, (right, t, _WIDTH, 0))
            with code.loop(0, POSITIONS) as k, code.loop(0, padded, _GRADIENT_ROWS) as i:
                row = code.mul(k, block)
                own = code.at(left, code.add(code.mul(row, padded), i))
                at = code.mul(code.add(code.mul(k, padded), i), _WIDTH)
                with code.loop(0, width, _VECTORS * code.lanes) as column:
                    factors = code.at(right, code.add(code.mul(row, _WIDTH), column))
                    target = code.at(sums, code.add(at, column))
                    strides = (code.whole(1), padded, code.whole(_WIDTH))
                    _multiply(
                        code, _GRADIENT_ROWS, count, own, factors, target, strides, adding=True
                    )
    return str(module)


_MODULES = {"convolve": (_CONVOLVE, build_convolution), "gradient": (_GRADIENT, build_gradient)}


class _Channels(NamedTuple):
    """Some channels of images (N, H, W, C): their memory, C, the first one, and how many."""

    memory: Any
    count: Any
    first: Any
    width: Any


def _block(code: Code, number: Any) -> tuple[Any, Any]:
    """The first tile of a block, and how many it has."""
    start = code.mul(number, code["block"])
    return start, code.least(code["block"], code.sub(code["tiles"], start))


def _multiply(
    code: Code,
    rows: int,
    depth: Any,
    left: Any,
    right: Any,
    target: Any,
    strides: tuple[Any, Any, Any],
    *,
    adding: bool = False,
) -> None:
    """A few rows of sums of products, each of two vectors, `_WIDTH` numbers apart.

    `strides`: of `left` from row to row and from term to term, of `right` from term to term.
    """
    places = [
        (row, v, row * _WIDTH + v * code.lanes) for row in range(rows) for v in range(_VECTORS)
    ]
    sums = [ir.Constant(code.vector, None)] * len(places)
    by_row, by_term, by_right = strides
    with code.carrying(0, depth, 1, sums) as (k, totals):
        at, own = code.mul(k, by_right), code.mul(k, by_term)
        factors = [code.load(right, code.add(at, v * code.lanes)) for v in range(_VECTORS)]
        ones = [
            code.splat(code.load_scalar(left, code.add(code.mul(by_row, row), own)))
            for row in range(rows)
        ]
        for place, (row, v, _) in enumerate(places):
            totals[place] = code.fma(ones[row], factors[v], totals[place])
    for total, (*_, at) in zip(sums, places, strict=True):
        before = code.load(target, at) if adding else None
        code.store(code.b.fadd(before, total) if adding else total, target, at)


def _transform_tile(
    code: Code,
    tile: Any,
    matrix: Matrix,
    begin: int,
    image: _Channels,
    target: tuple[Any, Any, Any, Any],
) -> None:
    """A patch of the image to 36 rows of channels, one in each position's block of rows.

    `target`: memory, the row in each block, numbers in a row, and the first of them.
    """
    places = _places(code, tile, begin, len(matrix[0]), image)
    memory, row, size, at = target
    for column, mask in code.vectors(image.width):
        patch = [[code.load(place, column, mask) for place in line] for line in places]
        values = [each for line in _transform(code, matrix, patch) for each in line]
        for index, value in enumerate(values):
            own = code.mul(code.add(code.mul(code["block"], index), row), size)
            code.store(value, memory, code.sum(own, at, column), mask)


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


def _places(code: Code, tile: Any, begin: int, size: int, channels: _Channels) -> list[list[Any]]:
    """The address of each place of a patch, that of `Nothing` outside of the map."""
    image, top, left = _first(code, tile, begin)
    inside = _inside(code, tile, begin, size)
    rows = []
    for i in range(size):
        row = code.mul(code.add(code.mul(image, code["height"]), code.add(top, i)), code["width"])
        row = code.add(row, left)
        offsets = [code.mul(code.add(row, j), channels.count) for j in range(size)]
        known = [code.at(channels.memory, code.add(each, channels.first)) for each in offsets]
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
