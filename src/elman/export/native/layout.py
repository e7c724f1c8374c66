"""Entries that an index names, and steps by their numbers."""

from math import prod

from elman.compiler.cpu.emit import I64
from elman.export.code.sizes import ONE, Size, dimensions, of
from elman.export.native.program import ELEMENTS, Program
from elman.nn.graph import Operation, Value


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
    target, kind = program.pointer(y), ELEMENTS[y.dtype]
    with code.loop(0, code.size(of(y.shape))) as t:
        real = code.b.icmp_signed("<", t, code.b.sext(length, I64))
        code.b.store(code.b.zext(real, kind), code.at(target, t, kind))


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
