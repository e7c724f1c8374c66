"""Entries that an index names, and steps by their numbers."""

from math import prod

from elman.export.code.sizes import ONE, dimensions, fixed, of
from elman.export.to_c.code import at, moved
from elman.export.to_c.program import Program
from elman.nn.graph import Operation


def gather(program: Program, operation: Operation) -> None:
    """The entries of an axis that an index names."""
    (x, index), (y,) = operation.inputs, operation.outputs
    axis, code = operation.attributes["axis"], program.code
    shape, count = dimensions(x.shape), of(index.shape)
    outer, inner = prod(shape[:axis], start=ONE), prod(shape[axis + 1 :], start=ONE)
    with code.loop(count) as i:
        entry = program.element(index, i)
        program.check_range(entry, shape[axis])
        with code.loop(outer) as o, code.loop(inner) as j:
            to = f"({o} * ({count.c}) + {i}) * ({inner.c}) + {j}"
            source = f"({o} * ({shape[axis].c}) + (size_t){entry}) * ({inner.c}) + {j}"
            code.line(f"{program.element(y, to)} = {program.element(x, source)};")


def step_mask(program: Program, operation: Operation) -> None:
    """Which steps come before the end of the sequence."""
    lengths, _ = operation.inputs
    (y,) = operation.outputs
    with program.code.loop(of(y.shape)) as i:
        real = f"(unsigned char)((int32_t){i} < {program.element(lengths, '0')})"
        program.code.line(f"{program.element(y, i)} = {real};")


def last_step(program: Program, operation: Operation) -> None:
    """The last step of a sequence; 0 of an empty one."""
    (x, lengths), (y,) = operation.inputs, operation.outputs
    size, code = of(y.shape), program.code
    length, limit = program.element(lengths, "0"), dimensions(x.shape)[0]
    program.check_range(length, limit + ONE)
    with code.block(f"if ({length} > 0)"):
        source = at(program.pointer(x), f"(size_t)({length} - 1)", size)
        program.copy(program.pointer(y), source, size)
    with code.block("else"):
        program.clear(program.pointer(y), size)


def steps(program: Program, operation: Operation) -> None:
    """The numbers of the steps, from 0."""
    (y,) = operation.outputs
    with program.code.loop(of(y.shape)) as i:
        program.code.line(f"{program.element(y, i)} = (float){i};")


def around(program: Program, operation: Operation) -> None:
    """The steps at some offsets from each, 0 beyond the ends."""
    (x,), (y,), code = operation.inputs, operation.outputs, program.code
    count, _, features = dimensions(x.shape)
    offsets = operation.attributes["offsets"]
    width = features * fixed(len(offsets))
    with code.loop(count) as t:
        for number, offset in enumerate(offsets):
            target = moved(at(program.pointer(y), t, width), features * fixed(number))
            place = f"{t} + {offset}" if offset >= 0 else f"{t} - {-offset}"
            inside = f"{place} < {count.c}" if offset >= 0 else f"{t} >= {-offset}"
            with code.block(f"if ({inside})"):
                program.copy(target, at(program.pointer(x), f"({place})", features), features)
            with code.block("else"):
                program.clear(target, features)
