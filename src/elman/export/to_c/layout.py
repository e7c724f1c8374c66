"""Operations that move numbers and compute none."""

from math import prod

from elman.errors import ExportError
from elman.export.to_c.program import Program, stretched
from elman.export.to_c.sizes import ONE, ZERO, Size, dimensions, of, strides
from elman.nn.graph import Operation


def concat(program: Program, operation: Operation) -> None:
    """Several values side by side."""
    (y,), axis = operation.outputs, operation.attributes["axis"]
    steps, start = strides(dimensions(y.shape)), ZERO
    for x in operation.inputs:
        shape = dimensions(x.shape)
        program.gather(y, x, shape, strides(shape), into=steps, start=start)
        start += shape[axis] * steps[axis]


def cut(program: Program, operation: Operation) -> None:
    """A part of one axis."""
    (x,), (y,) = operation.inputs, operation.outputs
    axis, start = operation.attributes["axis"], operation.attributes["start"]
    shape = dimensions(x.shape)
    steps = strides(shape)
    if start < 0:
        if shape[axis].fixed is None:
            raise ExportError("a slice counted from the end of a sequence has no form in C")
        start += shape[axis].fixed or 0
    offset = steps[axis] * Size((start,) if start else ())
    program.gather(y, x, dimensions(y.shape), steps, offset=offset)


def transpose(program: Program, operation: Operation) -> None:
    """The axes in another order."""
    (x,), (y,) = operation.inputs, operation.outputs
    steps = strides(dimensions(x.shape))
    order = operation.attributes["order"]
    program.gather(y, x, dimensions(y.shape), [steps[axis] for axis in order])


def repeat(program: Program, operation: Operation) -> None:
    """An axis of size 1 as one of another size."""
    x, (y,) = operation.inputs[0], operation.outputs
    shape = dimensions(y.shape)
    program.gather(y, x, shape, stretched(x, shape))


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
            at = f"({o} * ({shape[axis].c}) + (size_t){entry}) * ({inner.c}) + {j}"
            code.line(f"{program.element(y, to)} = {program.element(x, at)};")


def step_mask(program: Program, operation: Operation) -> None:
    """Which steps are real: all of them, as a call computes one sequence."""
    (y,) = operation.outputs
    program.code.line(f"memset({program.pointer(y)}, 1, {of(y.shape).c});")


def last_step(program: Program, operation: Operation) -> None:
    """The last step of a sequence; 0 of an empty one."""
    x, (y,) = operation.inputs[0], operation.outputs
    size, code = of(y.shape), program.code
    with code.block("if (steps > 0)"):
        source = f"{program.pointer(x)} + (steps - 1) * ({size.c})"
        program.copy(program.pointer(y), source, size)
    with code.block("else"):
        program.clear(program.pointer(y), size)
