"""Layer normalisation of one row (Ba et al. 2016)."""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir

from elman.export.native.writer import Writer


def normalise(
    code: Writer, x: Any, out: Any, size: int, epsilon: float, gain: Any = None, shift: Any = None
) -> None:
    """Mean 0 and variance 1, times the gain, plus the shift, where they are given."""
    count = code.number(float(size))
    mean = code.b.fdiv(total(code, x, size, lambda value: value), count)

    def square(value: Any) -> Any:
        apart = code.b.fsub(value, code.splat(mean))
        return code.b.fmul(apart, apart)

    variance = code.b.fdiv(total(code, x, size, square), count)
    root = code.square_root(code.b.fadd(variance, code.number(epsilon)))
    scale = code.b.fdiv(code.number(1.0), root)
    for at in code.elements(size):
        value = code.b.fsub(code.load(x, at), code.splat(mean))
        value = code.b.fmul(value, code.splat(scale))
        if gain is not None:
            value = code.b.fmul(value, code.load(gain, at))
        if shift is not None:
            value = code.b.fadd(value, code.load(shift, at))
        code.store(value, out, at)


def total(code: Writer, x: Any, size: Any, term: Callable[[Any], Any]) -> Any:
    """The sum of a term of so many numbers."""
    place = code.entry.alloca(code.vector)
    code.b.store(ir.Constant(code.vector, None), place)
    rest = code.entry.alloca(code.scalar)
    code.b.store(code.number(0.0), rest)
    for at in code.elements(size):
        value = term(code.load(x, at))
        if value.type.count == 1:
            value = code.b.extract_element(value, ir.Constant(ir.IntType(32), 0))
            code.b.store(code.b.fadd(code.b.load(rest, typ=code.scalar), value), rest)
        else:
            code.b.store(code.b.fadd(code.b.load(place, typ=value.type), value), place)
    return code.b.fadd(
        code.lane_sum(code.b.load(place, typ=code.vector)), code.b.load(rest, typ=code.scalar)
    )
