"""Elementwise operations of a graph, with broadcasting."""

from math import factorial, pi, sqrt
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu import math
from elman.compiler.expression import ARITY, COMPARISONS, LOGICAL, Node, make, read
from elman.errors import ExportError
from elman.export.code.operations import stretched
from elman.export.code.sizes import dimensions, of, strides
from elman.export.native.program import Program
from elman.export.native.writer import Writer
from elman.nn.graph import Operation

_ERFC = (  # p, lowest power first, for 0.6 <= |x| <= 6
    *(-1.26515019, 0.992968619, 0.433440030, -0.186660647),
    *(0.663418472, -1.38556826, 1.00357187, -0.256144375),
)
_ON_WHOLE_NUMBERS = {"add": "add", "sub": "sub", "mul": "mul"}
_SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def apply(program: Program, operation: Operation) -> None:
    """An operation of `elman.compiler.expression.ARITY`."""
    (y,), kind = operation.outputs, operation.kind
    kinds = {value.dtype for value in operation.inputs} - {"bool"}
    shape = dimensions(y.shape)
    operands = [(value, stretched(value, shape)) for value in operation.inputs]
    for to, *places in program.nest(shape, (y, strides(shape)), *operands):
        arguments = [program.load(place) for place in places]
        if kinds == {"int64"}:
            value = _on_whole_numbers(program.code, kind, arguments)
        else:
            arguments = [_as_float(program.code, each) for each in arguments]
            value = of_floats(program.code, kind, *arguments)
        program.store(value, to)


def of_floats(code: Writer, kind: str, *arguments: Any) -> Any:
    """The function on vectors of float32 and of conditions."""
    node = _node(kind)
    values = {read("x", index): value for index, value in enumerate(arguments)}
    if kind == "where" or kind in LOGICAL:
        values = {_argument(kind, index): value for index, value in enumerate(arguments)}
    math.emit(code, (node,), values)
    return values[node]


def cast(program: Program, operation: Operation) -> None:
    """Numbers as those of another type."""
    (x,), (y,), code = operation.inputs, operation.outputs, program.code
    for to, place in program.nest(
        (of(y.shape),), (y, strides((of(y.shape),))), (x, strides((of(x.shape),)))
    ):
        value = program.load(place)
        if y.dtype == "float32":
            convert = code.b.uitofp if x.dtype == "bool" else code.b.sitofp
            value = value if x.dtype == "float32" else convert(value, code.vector)
        elif y.dtype == "int64" and x.dtype == "float32":
            value = code.b.fptosi(value, code.integers)
        elif y.dtype == "int64" and x.dtype == "bool":
            value = code.b.zext(value, code.integers)
        elif y.dtype == "bool" and x.dtype != "bool":
            value = (
                code.b.fcmp_unordered("!=", value, code.splat(0))
                if x.dtype == "float32"
                else code.b.icmp_signed("!=", value, ir.Constant(code.integers, None))
            )
        program.store(value, to)


def erf(program: Program, operation: Operation) -> None:
    """The error function of each element, to 1e-7.

    Near 0 its Taylor series; else 1 - t exp(p(t) - x^2) with t = 1 / (1 + |x| / 2), where p is a
    Chebyshev approximation of log(erfc(x) / t) + x^2.
    """
    (x,), (y,), code = operation.inputs, operation.outputs, program.code
    shape = (of(y.shape),)
    for to, place in program.nest(shape, (y, strides(shape)), (x, strides(shape))):
        value = program.load(place)
        size = of_floats(code, "abs", value)
        square = code.b.fmul(value, value)
        near = code.splat(0.0)
        for k in range(7, -1, -1):
            term = 2 / sqrt(pi) * (-1) ** k / (factorial(k) * (2 * k + 1))
            near = code.fma(near, square, code.splat(term))
        near = code.b.fmul(near, value)
        t = code.b.fdiv(code.splat(1), code.fma(size, code.splat(0.5), code.splat(1)))
        power = code.splat(_ERFC[-1])
        for coefficient in reversed(_ERFC[:-1]):
            power = code.fma(power, t, code.splat(coefficient))
        tail = of_floats(code, "exp", code.b.fsub(power, square))
        far = code.b.fsub(code.splat(1), code.b.fmul(t, tail))
        copysign = code.intrinsic("llvm.copysign", code.vector, [code.vector] * 2)
        far = code.b.call(copysign, [far, value])
        is_near = code.b.fcmp_ordered("<", size, code.splat(0.7))
        program.store(code.b.select(is_near, near, far), to)


def _argument(kind: str, index: int) -> Node:
    """A node that stands for an argument; where a condition is needed, for a condition."""
    if kind in LOGICAL or (kind == "where" and index == 0):
        return make("lt", read("x", index), read("y", index))
    return read("x", index)


def _node(kind: str) -> Node:
    return make(kind, *(_argument(kind, index) for index in range(ARITY[kind])))


def _on_whole_numbers(code: Writer, kind: str, arguments: list[Any]) -> Any:
    if kind in COMPARISONS:
        return code.b.icmp_signed(_SIGNS[kind], *arguments)
    if kind in ("maximum", "minimum"):
        a, b = arguments
        return code.b.select(code.b.icmp_signed(">" if kind == "maximum" else "<", a, b), a, b)
    if kind == "where":
        return code.b.select(*arguments)
    if kind in _ON_WHOLE_NUMBERS:
        return getattr(code.b, _ON_WHOLE_NUMBERS[kind])(*arguments)
    raise ExportError(f"{kind} of whole numbers has no native code")


def _as_float(code: Writer, value: Any) -> Any:
    if value.type == code.integers:
        return code.b.sitofp(value, code.vector)
    return value
