"""Rows of scores to log probabilities, or to the cross entropy of targets with its gradient.

An item is a row, which stays in the first cache while it is read several times. Rows may lie apart
by more than they hold.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.ir as ir
import torch
from torch import Tensor

from elman.compiler.cpu import math
from elman.compiler.cpu.emit import Arguments, Code, Shape
from elman.compiler.cpu.parallel_loop import LoopKernels, parallel_loop

_NAMES = ("log_softmax", "cross_entropy")
_ARGUMENTS = Arguments(
    ("rows", "size", "from", "to", "Scores", "Logs", "Targets", "Losses", "Smoothing")
)


def log_softmax(scores: Tensor, logs: Tensor) -> None:
    """Write the log probabilities of scores (N, V) into `logs`, (N, V), which may be the same.

    In both a row's numbers follow each other; they are float32 or float64, on a CPU. All of a row
    is NaN if one score is NaN or infinite.
    """
    _run("log_softmax", scores, Logs=logs, to=logs.stride(0))


def cross_entropy(scores: Tensor, targets: Tensor, smoothing: Tensor) -> Tensor:
    """The cross entropy of each row of scores (N, V), whose place its gradient takes.

    **Arguments:** `targets`: (N,) int64; `smoothing`: () of the scores' dtype, the share of the
    targets that is spread over all V.
    """
    losses = scores.new_empty(len(scores))
    _run("cross_entropy", scores, Targets=targets, Losses=losses, Smoothing=smoothing)
    return losses


def _run(name: str, scores: Tensor, to: int = 0, **tensors: Tensor) -> None:
    rows, size = scores.shape
    block = {"rows": rows, "size": size, "from": scores.stride(0), "to": to}
    block |= {key: each.data_ptr() for key, each in (("Scores", scores), *tensors.items())}
    _kernels(scores.dtype).run(name, block, max(1, min(torch.get_num_threads(), rows)))


@cache
def _kernels(dtype: torch.dtype) -> LoopKernels:
    return LoopKernels("log softmax", dtype, _NAMES, _ARGUMENTS, build)


def build(shape: Shape) -> str:
    """The module of the kernels."""
    module = ir.Module("elman")
    with parallel_loop(module, shape, "log_softmax", _ARGUMENTS, "rows") as (code, row):
        scores = code.at(code["Scores"], code.mul(row, code["from"]))
        logs = code.at(code["Logs"], code.mul(row, code["to"]))
        highest = _highest(code, scores)
        (total,) = _sums(code, scores, highest, [lambda exponential, _: exponential])
        norm = code.b.fadd(code.splat(highest), math.log(code, code.splat(total)))
        for column, mask in code.vectors(code["size"]):
            value = code.b.fsub(code.load(scores, column, mask), norm)
            code.store(value, logs, column, mask)
    with parallel_loop(module, shape, "cross_entropy", _ARGUMENTS, "rows") as (code, row):
        _cross_entropy(code, row)
    return str(module)


def _cross_entropy(code: Code, row: Any) -> None:
    b, scores = code.b, code.at(code["Scores"], code.mul(row, code["from"]))
    target = code.load_int(code["Targets"], row)
    own = code.load_scalar(scores, target)
    highest = _highest(code, scores)
    terms = [lambda exponential, _: exponential, lambda _, score: score]
    total, plain = _sums(code, scores, highest, terms, keeps=True)
    log = b.extract_element(math.log(code, code.splat(total)), ir.Constant(ir.IntType(32), 0))
    norm = b.fadd(highest, log)
    smoothing = code.load_scalar(code["Smoothing"], 0)
    rest = b.fsub(code.number(1.0), smoothing)
    each = b.fdiv(smoothing, b.sitofp(code["size"], code.scalar))
    expected = b.fadd(b.fmul(rest, own), b.fmul(each, plain))
    code.store_scalar(b.fsub(norm, expected), code["Losses"], row)
    inverse = code.splat(b.fdiv(code.number(1.0), total))
    less = code.splat(b.fneg(each))
    for column, mask in code.vectors(code["size"]):
        value = code.fma(code.load(scores, column, mask), inverse, less)
        code.store(value, scores, column, mask)
    at_target = b.fsub(code.load_scalar(scores, target), rest)
    code.store_scalar(at_target, scores, target)


def _highest(code: Code, scores: Any) -> Any:
    """The greatest of a row, NaN only if nothing else is there."""
    low = code.number(-float("inf"))
    place = code.entry.alloca(code.vector)
    code.b.store(code.splat(low), place)
    for column, mask in code.vectors(code["size"]):
        value, before = code.load(scores, column, mask), code.b.load(place, typ=code.vector)
        if mask is not None:  # what is not there counts as nothing
            value = code.b.select(mask, value, code.splat(low))
        more = code.b.fcmp_ordered(">", value, before)
        code.b.store(code.b.select(more, value, before), place)
    found = code.b.load(place, typ=code.vector)
    highest = low
    for lane in range(code.lanes):
        value = code.b.extract_element(found, ir.Constant(ir.IntType(32), lane))
        highest = code.b.select(code.b.fcmp_ordered(">", value, highest), value, highest)
    return highest


def _sums(
    code: Code, scores: Any, highest: Any, terms: Sequence[Any], *, keeps: bool = False
) -> list[Any]:
    """Over a row the sums of terms of exp(score - highest), which is kept if asked, and score."""

    def of_columns(column: Any, mask: Any) -> list[Any]:
        score = code.load(scores, column, mask)
        value = math.exp(code, code.b.fsub(score, code.splat(highest)))
        if keeps:
            code.store(value, scores, column, mask)
        return [term(value, score) for term in terms]

    return code.totals(code["size"], len(terms), of_columns)
