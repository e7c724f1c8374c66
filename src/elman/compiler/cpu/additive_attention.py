"""Additive attention without gradients: scores, their softmax and the context in one pass.

An item is one query of one sequence. Its sums T x S of query and keys, which torch's operations
write and read again several times, are never stored.
"""

from functools import cache
from typing import Any

import llvmlite.ir as ir
import torch
from torch import Tensor

from elman.compiler.cpu import math
from elman.compiler.cpu.emit import Arguments, Code, Shape
from elman.compiler.cpu.parallel_loop import LoopKernels, parallel_loop

_BYTE = ir.IntType(8)
_SIZES = ("items", "batch", "steps", "size", "features")
_TENSORS = ("Query", "V", "Values", "Keys", "Mask", "Context", "Weights")
_ARGUMENTS = Arguments([*_SIZES, *_TENSORS])


def attend(
    query: Tensor, v: Tensor, values: Tensor, keys: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """The context, (U, B, M), and the weights, (U, B, T), both 0 where all is masked.

    **Arguments:** `query`: (U, B, S), projected; `v`: (S,); `values`: (T, B, M); `keys`: (T, B, S);
    `mask`: (T, B) bool, which steps are real. On a CPU, of float32 or float64.
    """
    query, v, values, keys, mask = (each.contiguous() for each in (query, v, values, keys, mask))
    steps, batch, features = values.shape
    context = query.new_empty(*query.shape[:2], features)
    weights = query.new_empty(*query.shape[:2], steps)
    tensors = (query, v, values, keys, mask, context, weights)
    sizes = (len(query) * batch, batch, steps, keys.shape[2], features)
    given = (*sizes, *(each.data_ptr() for each in tensors))
    block = dict(zip(_ARGUMENTS.names, given, strict=True))
    threads = min(torch.get_num_threads(), max(1, sizes[0]))
    kernel(query.dtype).run("attend", block, threads)
    return context, weights


@cache
def kernel(dtype: torch.dtype) -> LoopKernels:
    """The kernel for this processor, compiled at the first call."""
    return LoopKernels("additive attention", dtype, ("attend",), _ARGUMENTS, build)


def build(shape: Shape) -> str:
    """The module of the kernel."""
    module = ir.Module("elman")
    with parallel_loop(module, shape, "attend", _ARGUMENTS, "items") as (code, item):
        sequence = code.b.urem(item, code["batch"])
        weights = code.at(code["Weights"], code.mul(item, code["steps"]))
        highest = _scores(code, item, sequence, weights)
        total = _exponentials(code, weights, highest)
        inverse = code.b.fdiv(code.number(1.0), total)
        with code.loop(0, code["steps"]) as t:
            weight = code.b.fmul(code.load_scalar(weights, t), inverse)
            weight = code.b.select(_is_real(code, t, sequence), weight, code.number(0.0))
            code.store_scalar(weight, weights, t)
        _context(code, item, sequence, weights)
    return str(module)


def _scores(code: Code, item: Any, sequence: Any, weights: Any) -> Any:
    """Store the score of each step, the lowest number for padding; the highest of them."""
    lowest = code.number(-1.7e308 if code.shape.double else -3.4e38)
    highest = [lowest]
    query = code.at(code["Query"], code.mul(item, code["size"]))
    with code.carrying(0, code["steps"], 1, highest) as (t, values):
        keys = code.at(code["Keys"], code.mul(_row(code, t, sequence), code["size"]))
        place = code.entry.alloca(code.vector)
        code.b.store(code.splat(0.0), place)
        for column, mask in code.vectors(code["size"]):
            q, k = (code.load(each, column, mask) for each in (query, keys))
            value = math.tanh(code, code.b.fadd(q, k))
            total = code.b.load(place, typ=code.vector)
            code.b.store(code.fma(value, code.load(code["V"], column, mask), total), place)
        own = code.lane_sum(code.b.load(place, typ=code.vector))
        own = code.b.select(_is_real(code, t, sequence), own, lowest)
        code.store_scalar(own, weights, t)
        values[0] = code.b.select(code.b.fcmp_ordered(">", own, values[0]), own, values[0])
    return highest[0]


def _exponentials(code: Code, weights: Any, highest: Any) -> Any:
    """Scores become exp(score - highest); their sum."""

    def terms(column: Any, mask: Any) -> list[Any]:
        score = code.load(weights, column, mask)
        value = math.exp(code, code.b.fsub(score, code.splat(highest)))
        code.store(value, weights, column, mask)
        return [value]

    return code.totals(code["steps"], 1, terms)[0]


def _context(code: Code, item: Any, sequence: Any, weights: Any) -> None:
    """The mean of the memory by the weights."""
    features = code["features"]
    for column, mask in code.vectors(features):
        sums = [code.splat(0.0)]
        with code.carrying(0, code["steps"], 1, sums) as (t, values):
            at = code.add(code.mul(_row(code, t, sequence), features), column)
            weight = code.splat(code.load_scalar(weights, t))
            values[0] = code.fma(weight, code.load(code["Values"], at, mask), values[0])
        code.store(sums[0], code["Context"], code.add(code.mul(item, features), column), mask)


def _row(code: Code, t: Any, sequence: Any) -> Any:
    return code.add(code.mul(t, code["batch"]), sequence)


def _is_real(code: Code, t: Any, sequence: Any) -> Any:
    place = code.at(code["Mask"], _row(code, t, sequence), _BYTE)
    return code.b.icmp_unsigned("!=", code.b.load(place, typ=_BYTE), ir.Constant(_BYTE, 0))
