"""Operations that move numbers and compute none."""

from math import prod

from elman.compiler.cpu.emit import I64
from elman.errors import ExportError
from elman.export.native.program import Program, stretched
from elman.export.to_c.sizes import ONE, ZERO, Size, dimensions, fixed, of, strides
from elman.nn.graph import Operation, Value


def concat(program: Program, operation: Operation) -> None:
    """Several values side by side."""
    (y,), axis = operation.outputs, operation.attributes["axis"]
    steps, start = strides(dimensions(y.shape)), ZERO
    for x in operation.inputs:
        shape = dimensions(x.shape)
        program.copy(y, x, shape, steps, strides(shape), start=start)
        start += shape[axis] * steps[axis]


def cut(program: Program, operation: Operation) -> None:
    """A part of one axis."""
    (x,), (y,) = operation.inputs, operation.outputs
    axis, start = operation.attributes["axis"], operation.attributes["start"]
    shape = dimensions(x.shape)
    steps = strides(shape)
    if start < 0:
        if shape[axis].number is None:
            raise ExportError("a slice counted from the end of a sequence has no native code")
        start += shape[axis].number or 0
    offset = steps[axis] * fixed(start)
    own = dimensions(y.shape)
    program.copy(y, x, own, strides(own), steps, offset=offset)


def transpose(program: Program, operation: Operation) -> None:
    """The axes in another order."""
    (x,), (y,) = operation.inputs, operation.outputs
    steps, own = strides(dimensions(x.shape)), dimensions(y.shape)
    order = operation.attributes["order"]
    program.copy(y, x, own, strides(own), [steps[axis] for axis in order])


def repeat(program: Program, operation: Operation) -> None:
    """An axis of size 1 as one of another size."""
    x, (y,) = operation.inputs[0], operation.outputs
    shape = dimensions(y.shape)
    program.copy(y, x, shape, strides(shape), stretched(x, shape))


def gather(program: Program, operation: Operation) -> None:
    """The entries of an axis that an index names."""
    (x, index), (y,) = operation.inputs, operation.outputs
    axis, shape = operation.attributes["axis"], dimensions(x.shape)
    front, back = prod(shape[:axis], start=ONE), prod(shape[axis + 1 :], start=ONE)
    _rows(program, y, x, index, front, shape[axis], back)


def embedding(program: Program, operation: Operation) -> None:
    """The rows of a table that ids name."""
    (ids, table), (y,) = operation.inputs, operation.outputs
    rows, size = dimensions(table.shape)
    _rows(program, y, table, ids, ONE, rows, size)


def step_mask(program: Program, operation: Operation) -> None:
    """Which steps are real."""
    lengths, _ = operation.inputs
    (y,), code = operation.outputs, program.code
    length = code.b.load(program.pointer(lengths), typ=code.integers.element)
    target = program.pointer(y)
    with code.loop(0, code.size(of(y.shape))) as t:
        real = code.b.icmp_signed("<", t, code.b.sext(length, I64))
        code.b.store(code.b.zext(real, code.integers.element), code.at(target, t))


def last_step(program: Program, operation: Operation) -> None:
    """The last real step of a sequence; 0 of an empty one."""
    x, lengths = operation.inputs
    (y,), code = operation.outputs, program.code
    size, target = code.size(of(y.shape)), program.pointer(y)
    length = code.b.sext(code.b.load(program.pointer(lengths), typ=code.integers.element), I64)
    for is_empty in code.either(code.less(length, 1)):
        if is_empty:
            code.fill(target, size, 0.0)
        else:
            start = code.mul(code.sub(length, 1), size)
            code.copy_exact(code.at(program.pointer(x), start), target, size)


def steps(program: Program, operation: Operation) -> None:
    """The numbers of the steps, from 0."""
    (y,), code = operation.outputs, program.code
    target = program.pointer(y)
    with code.loop(0, code.size(of(y.shape))) as t:
        value = code.b.sitofp(code.b.trunc(t, code.integers.element), code.scalar)
        code.store_scalar(value, target, t)


def around(program: Program, operation: Operation) -> None:
    """The steps at some offsets from each, 0 beyond the ends."""
    (x,), (y,), code = operation.inputs, operation.outputs, program.code
    count, _, features = dimensions(x.shape)
    offsets, size = operation.attributes["offsets"], code.size(features)
    source, target = program.pointer(x), program.pointer(y)
    with code.loop(0, code.size(count)) as t:
        for number, offset in enumerate(offsets):
            row = code.sum((t, len(offsets)), number)
            to, place = code.at(target, code.mul(row, size)), code.add(t, offset)
            inside = code.b.icmp_unsigned("<", place, code.whole(code.size(count)))
            for is_inside in code.either(inside):
                if is_inside:
                    code.copy_exact(code.at(source, code.mul(place, size)), to, size)
                else:
                    code.fill(to, size, 0.0)


def _rows(
    program: Program, y: Value, x: Value, index: Value, front: Size, entries: Size, back: Size
) -> None:
    """y[o, i] = x[o, index[i]], each of `back` numbers."""
    code, count = program.code, of(index.shape)
    numbers, target, source = (program.pointer(value) for value in (index, y, x))
    size, number = code.size(back), code.size(count)
    with code.loop(0, code.size(front)) as o, code.loop(0, number) as i:
        place = code.at(numbers, i, code.integers.element)
        entry = code.b.sext(code.b.load(place, typ=code.integers.element), I64)
        start = code.mul(code.sum((o, code.size(entries)), entry), size)
        end = code.mul(code.sum((o, number), i), size)
        code.copy_exact(code.at(source, start), code.at(target, end), size)
