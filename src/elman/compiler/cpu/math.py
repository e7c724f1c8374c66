"""Elementwise functions on vectors: within 2 ulp of the truth, and NaN stays NaN."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I1, Code
from elman.compiler.expression import COMPARISONS, Node, order

_LN2_HIGH = {False: 0.693359375, True: 6.93145751953125e-1}
_LN2_LOW = {False: -2.12194440e-4, True: 1.42860682030941723212e-6}
_HALF_PI_HIGH, _HALF_PI_LOW = 1.57079632673412561417, 6.07710050650619224932e-11
_EXP = {  # (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2, highest power first
    False: (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    ),
    True: tuple(1 / math.factorial(k) for k in range(13, 1, -1)),
}


def _clamp(c: Code, x: Any, low: float, high: float) -> Any:
    x = c.b.select(c.b.fcmp_ordered("<", x, c.splat(low)), c.splat(low), x)
    return c.b.select(c.b.fcmp_ordered(">", x, c.splat(high)), c.splat(high), x)


def _reduce(c: Code, x: Any) -> tuple[Any, Any]:
    """n, as integers, and expm1(r), where x = n ln 2 + r."""
    double = c.shape.double
    magic, bits = (6755399441055744.0, 0x4338 << 48) if double else (12582912.0, 0x4B400000)
    shifted = c.fma(x, c.splat(math.log2(math.e)), c.splat(magic))
    whole = c.b.fsub(shifted, c.splat(magic))
    n = c.b.sub(c.b.bitcast(shifted, c.integers), ir.Constant(c.integers, [bits] * c.lanes))
    r = c.fma(whole, c.splat(-_LN2_HIGH[double]), x)
    r = c.fma(whole, c.splat(-_LN2_LOW[double]), r)
    first, *rest = _EXP[double]
    p = c.splat(first)
    for coefficient in rest:
        p = c.fma(p, r, c.splat(coefficient))
    return n, c.fma(c.b.fmul(r, r), p, r)


def _power_of_two(c: Code, n: Any) -> Any:
    bias, shift = (1023, 52) if c.shape.double else (127, 23)
    biased = c.b.add(n, ir.Constant(c.integers, [bias] * c.lanes))
    return c.b.bitcast(c.b.shl(biased, ir.Constant(c.integers, [shift] * c.lanes)), c.vector)


def _moderate_exp(c: Code, x: Any) -> tuple[Any, Any]:
    """2^n and expm1(r) of exp(x) = 2^n (1 + expm1(r)); 2^n is infinite where exp(x) is."""
    x = _clamp(c, x, *((-708.0, 710.0) if c.shape.double else (-87.3, 89.0)))
    n, p = _reduce(c, x)
    return _power_of_two(c, n), p


def exp(c: Code, x: Any) -> Any:
    """e^x with overflow to infinity and underflow to 0, by two factors of 2^(n/2)."""
    n, p = _reduce(c, _clamp(c, x, *((-746.0, 710.0) if c.shape.double else (-104.0, 89.0))))
    half = c.b.ashr(n, ir.Constant(c.integers, [1] * c.lanes))
    value = c.b.fadd(p, c.splat(1))
    value = c.b.fmul(value, _power_of_two(c, half))
    return c.b.fmul(value, _power_of_two(c, c.b.sub(n, half)))


def sigmoid(c: Code, x: Any) -> Any:
    """1 / (1 + e^-x)."""
    scale, p = _moderate_exp(c, c.b.fneg(x))
    return c.b.fdiv(c.splat(1), c.fma(scale, c.b.fadd(p, c.splat(1)), c.splat(1)))


def tanh(c: Code, x: Any) -> Any:
    """-expm1(-2|x|) / (expm1(-2|x|) + 2) with the sign of x."""
    scale, p = _moderate_exp(c, c.b.fmul(_unary(c, "llvm.fabs", x), c.splat(-2)))
    m = c.fma(scale, p, c.b.fsub(scale, c.splat(1)))
    size = c.b.fdiv(m, c.b.fadd(m, c.splat(2)))
    copysign = c.intrinsic("llvm.copysign", c.vector, [c.vector] * 2)
    return c.b.call(copysign, [size, x])


def log(c: Code, x: Any) -> Any:
    """By 2 atanh((m - 1) / (m + 1)), where x = 2^e m and m is near 1."""
    double, b = c.shape.double, c.b
    tiny, lift, shift = (2.0**-1022, 54, 52) if double else (2.0**-126, 25, 23)
    small = b.fcmp_ordered("<", x, c.splat(tiny))
    scaled = b.select(small, b.fmul(x, c.splat(2.0**lift)), x)
    bits = b.bitcast(scaled, c.integers)

    def whole(value: int) -> Any:
        return ir.Constant(c.integers, [value] * c.lanes)

    root = 0x3FE6A09E667F3BCD if double else 0x3F3504F3  # sqrt(1/2)
    e = b.ashr(b.sub(bits, whole(root)), whole(shift))
    m = b.bitcast(b.sub(bits, b.shl(e, whole(shift))), c.vector)
    exponent = b.sitofp(e, c.vector)
    exponent = b.select(small, b.fsub(exponent, c.splat(lift)), exponent)
    s = b.fdiv(b.fsub(m, c.splat(1)), b.fadd(m, c.splat(1)))
    square = b.fmul(s, s)
    terms = 11 if double else 5
    p = c.splat(2 / (2 * terms + 1))
    for k in range(terms - 1, 0, -1):
        p = c.fma(p, square, c.splat(2 / (2 * k + 1)))
    p = c.fma(b.fmul(p, square), s, b.fmul(s, c.splat(2)))
    value = c.fma(exponent, c.splat(_LN2_LOW[double]), p)
    value = c.fma(exponent, c.splat(_LN2_HIGH[double]), value)
    value = b.select(b.fcmp_ordered("==", x, c.splat(0)), c.splat(-math.inf), value)
    value = b.select(b.fcmp_ordered("<", x, c.splat(0)), c.splat(math.nan), value)
    ordinary = b.fcmp_ordered("<", x, c.splat(math.inf))  # else infinity or NaN: itself
    return b.select(ordinary, value, x)


def softplus(c: Code, x: Any) -> Any:
    """log1p(e^x), with the rounding error of 1 + e^x given back; x itself above 20."""
    e = exp(c, x)
    u = c.b.fadd(e, c.splat(1))
    lost = c.b.fdiv(c.b.fsub(e, c.b.fsub(u, c.splat(1))), u)
    value = c.b.fadd(log(c, u), lost)
    return c.b.select(c.b.fcmp_ordered(">", x, c.splat(20)), x, value)


def _unary(c: Code, name: str, x: Any) -> Any:
    return c.b.call(c.intrinsic(name, c.vector, [c.vector]), [x])


def _turned(c: Code, x: Any, name: str, quarters: int) -> Any:
    """The sine of x and so many quarter turns.

    x is brought to a quarter turn around 0 in float64, which is enough for |x| < 1e9; beyond, the
    result is some number from -1 to 1. In float64 it is a call of the C library for each lane.
    """
    if c.shape.double:
        return _unary(c, f"llvm.{name}", x)
    wide, bits = (ir.VectorType(kind, c.lanes) for kind in (ir.DoubleType(), ir.IntType(64)))

    def number(value: float) -> Any:
        return ir.Constant(wide, [value] * c.lanes)

    magic = 6755399441055744.0  # 1.5 * 2^52: whole numbers lie side by side there
    exact = c.b.fpext(x, wide)
    shifted = c.b.fadd(c.b.fmul(exact, number(2 / math.pi)), number(magic))
    whole = c.b.fsub(shifted, number(magic))
    rest = c.b.fsub(exact, c.b.fmul(whole, number(_HALF_PI_HIGH)))
    rest = c.b.fsub(rest, c.b.fmul(whole, number(_HALF_PI_LOW)))
    r = _clamp(c, c.b.fptrunc(rest, c.vector), -0.8, 0.8)
    square = c.b.fmul(r, r)
    odd, even = c.splat(1 / math.factorial(9)), c.splat(-1 / math.factorial(10))
    for k in (7, 5, 3):
        odd = c.fma(odd, square, c.splat((-1) ** (k // 2) / math.factorial(k)))
    for k in (8, 6, 4, 2, 0):
        even = c.fma(even, square, c.splat((-1) ** (k // 2) / math.factorial(k)))
    odd = c.fma(c.b.fmul(odd, square), r, r)
    turns = c.b.add(c.b.bitcast(shifted, bits), ir.Constant(bits, [quarters] * c.lanes))
    turns = c.b.trunc(turns, c.integers)
    one, two, none = (ir.Constant(c.integers, [value] * c.lanes) for value in (1, 2, 0))
    is_odd = c.b.icmp_signed("!=", c.b.and_(turns, one), none)
    is_negative = c.b.icmp_signed("!=", c.b.and_(turns, two), none)
    value = c.b.select(is_odd, even, odd)
    return c.b.select(is_negative, c.b.fneg(value), value)


def _relu(c: Code, x: Any) -> Any:
    return c.b.select(c.b.fcmp_ordered("<", x, c.splat(0)), c.splat(0), x)


def _extreme(sign: str) -> Callable[[Code, Any, Any], Any]:
    def apply(c: Code, a: Any, b: Any) -> Any:
        first = c.b.or_(c.b.fcmp_ordered(sign, a, b), c.b.fcmp_unordered("uno", a, a))
        return c.b.select(first, a, b)

    return apply


def _compare(op: str) -> Callable[[Code, Any, Any], Any]:
    sign = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}[op]
    if op == "ne":
        return lambda c, a, b: c.b.fcmp_unordered(sign, a, b)
    return lambda c, a, b: c.b.fcmp_ordered(sign, a, b)


def _arithmetic(name: str) -> Callable[[Code, Any, Any], Any]:
    return lambda c, a, b: getattr(c.b, name)(a, b, flags=("contract",))


_EMIT: dict[str, Callable[..., Any]] = {
    "add": _arithmetic("fadd"),
    "sub": _arithmetic("fsub"),
    "mul": _arithmetic("fmul"),
    "div": lambda c, a, b: c.b.fdiv(a, b),
    "neg": lambda c, a: c.b.fneg(a),
    "sigmoid": sigmoid,
    "tanh": tanh,
    "exp": exp,
    "log": log,
    "softplus": softplus,
    "relu": _relu,
    "abs": lambda c, a: _unary(c, "llvm.fabs", a),
    "sqrt": lambda c, a: _unary(c, "llvm.sqrt", a),
    "sin": lambda c, a: _turned(c, a, "sin", 0),
    "cos": lambda c, a: _turned(c, a, "cos", 1),
    "maximum": _extreme(">"),
    "minimum": _extreme("<"),
    "where": lambda c, q, a, b: c.b.select(q, a, b),
    "and": lambda c, a, b: c.b.and_(a, b),
    "or": lambda c, a, b: c.b.or_(a, b),
    "not": lambda c, a: c.b.xor(a, ir.Constant(ir.VectorType(I1, c.lanes), [1] * c.lanes)),
    **{op: _compare(op) for op in COMPARISONS},
}


def emit(code: Code, outputs: Iterable[Node], values: dict[Node, Any]) -> None:
    """Write what the outputs need, given some values; the results join them in `values`."""
    for node in order(outputs, tuple(values)):
        if node in values:
            continue
        if node.op == "const":
            values[node] = code.splat(float(node.leaf))  # type: ignore[arg-type]
        else:
            values[node] = _EMIT[node.op](code, *(values[arg] for arg in node.args))
