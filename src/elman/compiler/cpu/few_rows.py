"""The product of few rows with a large matrix as it is stored, read once.

An item is a block of the matrix's rows. The few rows lie as panels of some columns, each panel term
by term, and stay in the first two caches; libraries copy the large matrix into such a form instead,
which takes as long as the product.
"""

from functools import cache
from typing import Any

import llvmlite.ir as ir
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.cpu import target
from elman.compiler.cpu.emit import Arguments, Code, Shape
from elman.compiler.cpu.packing import transpose
from elman.compiler.cpu.parallel_loop import LoopKernels, parallel_loop

_VECTORS = 2  # of a panel's columns
_ROWS = 4  # of the matrix at a time: with two vectors, eight sums keep the multipliers busy
_BLOCK = 4  # times as many rows as a vector has numbers are an item
_ARGUMENTS = Arguments(
    ("items", "size", "depth", "panels", "apart", "Panels", "Matrix", "Bias", "Out")
)


def product(x: Tensor, matrix: Tensor, bias: Tensor, apart: int) -> Tensor:
    """`x matrix^T + bias`, (N, V), its rows `apart` numbers from each other.

    **Arguments:** `x`: (N, K); `matrix`: (V, K) with V at least 64; `bias`: (V,). On a CPU, of
    float32 or float64.
    """
    matrix, bias = matrix.contiguous(), bias.contiguous()
    (count, depth), size = x.shape, len(matrix)
    lanes = _shape(x.dtype).lanes
    width, block = _VECTORS * lanes, _BLOCK * lanes
    padded = F.pad(x, (0, 0, 0, -count % width))
    panels = padded.view(-1, width, depth).transpose(1, 2).contiguous()
    out = x.new_empty(len(padded), apart)
    items = -(-size // block)
    numbers = (items, size, depth, len(panels), apart)
    given = (*numbers, *(each.data_ptr() for each in (panels, matrix, bias, out)))
    values = dict(zip(_ARGUMENTS.names, given, strict=True))
    _kernel(x.dtype).run("product", values, min(torch.get_num_threads(), items))
    return out[:count, :size]


def _shape(dtype: torch.dtype) -> Shape:
    return target.host().shape(double=dtype == torch.float64)


@cache
def _kernel(dtype: torch.dtype) -> LoopKernels:
    return LoopKernels("few rows", dtype, ("product",), _ARGUMENTS, build)


def build(shape: Shape) -> str:
    """The module of the kernel."""
    module = ir.Module("elman")
    with parallel_loop(module, shape, "product", _ARGUMENTS, "items") as (code, item):
        lanes, block = code.lanes, _BLOCK * code.lanes
        # The last block begins earlier, so that it is whole: some of its results are there already.
        start = code.least(code.mul(item, block), code.sub(code["size"], block))
        width = _VECTORS * lanes
        with code.loop(0, code["panels"]) as number, code.loop(0, block, lanes) as within:
            first, column = code.add(start, within), code.mul(number, width)
            panel = code.at(code["Panels"], code.mul(column, code["depth"]))
            rows = [
                each
                for at in range(0, lanes, min(_ROWS, lanes))
                for each in _products(code, code.add(first, at), panel, min(_ROWS, lanes))
            ]
            bias = code.load(code["Bias"], first)
            for v in range(_VECTORS):
                for lane, value in enumerate(transpose(code, [row[v] for row in rows])):
                    own = code.add(column, v * lanes + lane)
                    place = code.add(code.mul(own, code["apart"]), first)
                    code.store(code.b.fadd(value, bias), code["Out"], place)
    return str(module)


def _products(code: Code, first: Any, panel: Any, rows: int) -> list[list[Any]]:
    """Some of the matrix's rows times a panel: of each row the vectors."""
    depth, lanes = code["depth"], code.lanes
    matrix = code.at(code["Matrix"], code.mul(first, depth))
    sums = [code.splat(0.0)] * (rows * _VECTORS)
    with code.carrying(0, depth, 1, sums) as (k, totals):
        at = code.mul(k, _VECTORS * lanes)
        factors = [code.load(panel, code.add(at, v * lanes)) for v in range(_VECTORS)]
        for row in range(rows):
            one = code.splat(code.load_scalar(matrix, code.add(code.mul(depth, row), k)))
            for v, factor in enumerate(factors):
                place = row * _VECTORS + v
                totals[place] = code.fma(one, factor, totals[place])
    return [sums[row * _VECTORS : (row + 1) * _VECTORS] for row in range(rows)]
