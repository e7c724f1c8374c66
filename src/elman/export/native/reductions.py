"""Sums, means, largest values and softmax along axes, and layer normalisation."""

import math
from math import prod
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I32
from elman.export.code.operations import stretched
from elman.export.code.sizes import ONE, ZERO, dimensions, of, strides
from elman.export.native.elementwise import of_floats
from elman.export.native.norm import normalise
from elman.export.native.program import Place, Program
from elman.nn.graph import Operation


def reduced(program: Program, operation: Operation) -> None:
    """`sum`, `mean` or `max` over some axes."""
    (x,), (y,) = operation.inputs, operation.outputs
    axes, kind, code = operation.attributes["axes"], operation.kind, program.code
    shape = dimensions(x.shape)
    kept = strides([ONE if axis in axes else size for axis, size in enumerate(shape)])
    into = [ZERO if axis in axes else step for axis, step in enumerate(kept)]
    target, count = program.pointer(y), code.size(of(y.shape))
    code.fill(target, count, -math.inf if kind == "max" else 0.0)
    single = _merges_sums(shape, into)
    for to, place in program.nest(shape, (y, into), (x, strides(shape)), single=single):
        own = program.load(place)
        before = program.load(to)
        value = (
            of_floats(code, "maximum", before, own) if kind == "max" else code.b.fadd(before, own)
        )
        program.store(value, to)
    if kind == "mean":
        entries = code.whole(code.size(prod((shape[a] for a in axes), start=ONE)))
        number = code.b.sitofp(code.b.trunc(entries, I32), code.scalar)
        for at in code.elements(count):
            code.store(code.b.fdiv(code.load(target, at), code.splat(number)), target, at)


def _merges_sums(shape: Any, into: Any) -> bool:
    """Whether neighbours are added to one sum."""
    last = [step for size, step in zip(shape, into, strict=True) if size != ONE]
    return not last or last[-1] == ZERO


def softmax(program: Program, operation: Operation) -> None:
    """`softmax`, `masked_softmax` (0 where the mask is False) and `log_softmax` along an axis."""
    x, *mask = operation.inputs
    (y,), axis, code = operation.outputs, operation.attributes["axis"], program.code
    shape = dimensions(x.shape)
    own, of_mask = strides(shape), [stretched(each, shape) for each in mask]
    rest = [each for each in range(len(shape)) if each != axis]
    outer = [
        (x, [own[a] for a in rest]),
        *((m, [s[a] for a in rest]) for m, s in zip(mask, of_mask, strict=True)),
    ]
    target = program.pointer(y)
    length, apart = code.size(shape[axis]), code.size(own[axis])
    largest, total = (code.entry.alloca(ir.VectorType(code.scalar, 1)) for _ in range(2))
    for start, *masked in program.nest([shape[a] for a in rest], *outer, single=True):

        def at(place: Place, index: Any, step: Any) -> Place:
            offset = code.sum(place.offset, (index, step))
            return Place(place.base, offset, True, place.dtype)

        def chosen(index: Any, value: Any, other: Any, masked: Any = masked) -> Any:
            if not masked:
                return value
            real = program.load(at(masked[0], index, code.size(of_mask[0][axis])))
            return code.b.select(real, value, other)

        out = Place(target, start.offset, True, "float32")
        code.b.store(code.splat(-math.inf), largest)
        code.b.store(code.splat(0.0), total)
        with code.loop(0, length) as i:
            before = code.b.load(largest, typ=code.vector)
            value = of_floats(code, "maximum", before, program.load(at(start, i, apart)))
            code.b.store(chosen(i, value, before), largest)
        with code.loop(0, length) as i:
            value = code.b.fsub(
                program.load(at(start, i, apart)), code.b.load(largest, typ=code.vector)
            )
            power = chosen(i, of_floats(code, "exp", value), code.splat(0.0))
            code.b.store(code.b.fadd(code.b.load(total, typ=code.vector), power), total)
            program.store(value if operation.kind == "log_softmax" else power, at(out, i, apart))
        whole = code.b.load(total, typ=code.vector)
        if masked:
            none = code.b.fcmp_ordered("==", whole, code.splat(0.0))
            whole = code.b.select(none, code.splat(1.0), whole)
        if operation.kind == "log_softmax":
            whole = of_floats(code, "log", whole)
        with code.loop(0, length) as i:
            value = program.load(at(out, i, apart))
            divide = code.b.fsub if operation.kind == "log_softmax" else code.b.fdiv
            program.store(divide(value, whole), at(out, i, apart))


def layer_norm(program: Program, operation: Operation) -> None:
    """Each row brought to mean 0 and variance 1, times a gain, plus a shift."""
    x, *affine = operation.inputs
    (y,), code = operation.outputs, program.code
    size = int(x.shape[-1])
    source, target = program.pointer(x), program.pointer(y)
    terms = [program.pointer(each) for each in affine]
    with code.loop(0, code.size(of(x.shape[:-1]))) as row:
        start = code.mul(row, size)
        places = code.at(source, start), code.at(target, start)
        normalise(code, *places, size, operation.attributes["epsilon"], *terms)
