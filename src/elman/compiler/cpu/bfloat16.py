"""Products of bfloat16 numbers, two at a time, with float32 sums.

A pair stands in 32 bits, the earlier number in the low half. Where the processor multiplies pairs
(AVX512-BF16) it does so, else they are taken apart: slow, and there to be tested against.
"""

from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I32, Code

_I16 = ir.IntType(16)
_HIGH = 0xFFFF0000


class _BFloat(ir.Type):  # type: ignore[misc]
    """LLVM's bfloat, which llvmlite does not name."""

    def __str__(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


def count(code: Code, depth: Any) -> Any:
    """Pairs in a row so long."""
    return code.quotient_up(depth, 2)


def rounded(code: Code, value: Any) -> Any:
    """The bits of the nearest bfloat16, ties to even, of a float32 or a vector; NaN stays NaN."""
    is_vector = isinstance(value.type, ir.VectorType)

    def kind(single: ir.Type) -> ir.Type:
        return ir.VectorType(single, code.lanes) if is_vector else single

    def every(number: int) -> Any:
        return ir.Constant(kind(I32), [number] * code.lanes if is_vector else number)

    bits = code.b.bitcast(value, kind(I32))
    odd = code.b.and_(code.b.lshr(bits, every(16)), every(1))
    up = code.b.add(code.b.add(bits, every(0x7FFF)), odd)
    is_nan = code.b.fcmp_unordered("uno", value, value)
    bits = code.b.select(is_nan, code.b.or_(bits, every(0x00400000)), up)
    return code.b.trunc(code.b.lshr(bits, every(16)), kind(_I16))


def convert(code: Code, a: Any, stride: Any, depth: Any, height: Any, target: Any) -> None:
    """Write rows of float32 as rows of pairs, the last of which may end with 0."""
    lanes = code.lanes
    whole = code.mul(code.b.udiv(depth, code.whole(lanes)), lanes)
    with code.loop(0, height) as row:
        source = code.at(a, code.mul(row, stride))
        goal = code.at(target, code.mul(row, code.mul(count(code, depth), 2)), _I16)
        with code.loop(0, whole, lanes) as column:
            value = code.load(source, column)
            store = code.b.store(rounded(code, value), code.at(goal, column, _I16))
            store.align = 2
        with code.loop(whole, code.mul(count(code, depth), 2)) as column:
            inside = code.less(column, depth)
            value = code.load_scalar(source, code.least(column, code.sub(depth, 1)))
            value = code.b.select(inside, rounded(code, value), ir.Constant(_I16, 0))
            code.b.store(value, code.at(goal, column, _I16), align=2)


def load(code: Code, base: Any, offset: Any) -> Any:
    """A vector of pairs, the offset in pairs."""
    kind = ir.VectorType(I32, code.lanes)
    return code.b.load(code.at(base, offset, I32), typ=kind, align=4)


def spread(code: Code, base: Any, offset: Any) -> Any:
    """One pair in every lane."""
    one = code.b.load(code.at(base, offset, I32), typ=I32, align=4)
    return code.spread(one, ir.VectorType(I32, code.lanes))


def dot(code: Code, a: Any, b: Any, total: Any) -> Any:
    """The products of two pairs in every lane, added to the total."""
    if code.shape.dots:
        both = ir.VectorType(_BFloat(), 2 * code.lanes)
        name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * code.lanes}"
        function = code.external(name, code.vector, [code.vector, both, both])
        return code.b.call(function, [total, code.b.bitcast(a, both), code.b.bitcast(b, both)])
    kind = ir.VectorType(I32, code.lanes)
    shift = ir.Constant(kind, [16] * code.lanes)
    mask = ir.Constant(kind, [_HIGH] * code.lanes)

    def low(value: Any) -> Any:
        return code.b.bitcast(code.b.shl(value, shift), code.vector)

    def high(value: Any) -> Any:
        return code.b.bitcast(code.b.and_(value, mask), code.vector)

    return code.fma(high(a), high(b), code.fma(low(a), low(b), total))


def store(code: Code, value: Any, base: Any, place: Any) -> None:
    """One number rounded, the place in numbers."""
    code.b.store(rounded(code, value), code.at(base, place, _I16), align=2)


def room(code: Code, rows: int, depth: Any) -> Any:
    """Memory of the function for so many rows of pairs."""
    space = code.b.alloca(I32, size=code.mul(count(code, depth), rows))
    space.align = 64
    return space
