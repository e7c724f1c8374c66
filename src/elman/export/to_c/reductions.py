"""Sums, means, largest values and softmax along axes."""

from math import prod

from elman.export.code.operations import stretched
from elman.export.code.sizes import ONE, ZERO, dimensions, of, strides
from elman.export.to_c.code import at
from elman.export.to_c.program import Program
from elman.nn.graph import Operation, Value


def reduced(program: Program, operation: Operation) -> None:
    """`sum`, `mean` or `max` over some axes."""
    (x,), (y,) = operation.inputs, operation.outputs
    axes, kind, code = operation.attributes["axes"], operation.kind, program.code
    shape = dimensions(x.shape)
    kept = strides([ONE if axis in axes else size for axis, size in enumerate(shape)])
    into = [ZERO if axis in axes else step for axis, step in enumerate(kept)]
    with code.loop(of(y.shape)) as i:
        code.line(f"{program.element(y, i)} = {'-INFINITY' if kind == 'max' else '0.0f'};")
    with code.nest(shape, into, strides(shape)) as (to, place):
        target, term = program.element(y, to), program.element(x, place)
        if kind == "max":
            code.line(f"{target} = {program.runtime.use('maximum')}({target}, {term});")
        else:
            code.line(f"{target} += {term};")
    if kind == "mean":
        count = prod((shape[axis] for axis in axes), start=ONE)
        with code.loop(of(y.shape)) as i:
            code.line(f"{program.element(y, i)} /= (float)({count.c});")


def softmax(program: Program, operation: Operation) -> None:
    """`softmax` and `masked_softmax` along an axis; 0 where a mask is False."""
    x, *mask = operation.inputs
    (y,), axis, code = operation.outputs, operation.attributes["axis"], program.code
    shape = dimensions(x.shape)
    own, of_mask = strides(shape), [stretched(each, shape) for each in mask]
    others = [each for each in range(len(shape)) if each != axis]
    outer = [[steps[each] for each in others] for steps in (own, *of_mask)]
    with code.nest([shape[each] for each in others], *outer) as (place, *masked):

        def element(value: Value, counter: str) -> str:
            return program.element(value, at(place, counter, own[axis]))

        def real(counter: str) -> str:
            return program.element(mask[0], at(masked[0], counter, of_mask[0][axis]))

        code.line("float largest = -INFINITY, sum = 0.0f;")
        maximum, exp = map(program.runtime.use, ("maximum", "exp"))
        with code.loop(shape[axis]) as i:
            right = f"{maximum}(largest, {element(x, i)})"
            code.line(f"largest = {f'{real(i)} ? {right} : largest' if mask else right};")
        with code.loop(shape[axis]) as i:
            right = f"{exp}({element(x, i)} - largest)"
            code.line(f"{element(y, i)} = {f'{real(i)} ? {right} : 0.0f' if mask else right};")
        with code.loop(shape[axis]) as i:
            code.line(f"sum += {element(y, i)};")
        if mask:
            code.line("sum = sum > 0.0f || sum != sum ? sum : 1.0f;")
        with code.loop(shape[axis]) as i:
            code.line(f"{element(y, i)} /= sum;")


def log_softmax(program: Program, operation: Operation) -> None:
    """The logarithm of the softmax along an axis."""
    (x,), (y,), axis = operation.inputs, operation.outputs, operation.attributes["axis"]
    shape, code = dimensions(x.shape), program.code
    own = strides(shape)
    others = [each for each in range(len(shape)) if each != axis]
    with code.nest([shape[each] for each in others], [own[each] for each in others]) as (place,):

        def element(value: Value, counter: str) -> str:
            return program.element(value, at(place, counter, own[axis]))

        code.line("float largest = -INFINITY, sum = 0.0f;")
        maximum, exp = map(program.runtime.use, ("maximum", "exp"))
        with code.loop(shape[axis]) as i:
            code.line(f"largest = {maximum}(largest, {element(x, i)});")
        with code.loop(shape[axis]) as i:
            code.line(f"sum += {exp}({element(x, i)} - largest);")
        code.line("sum = largest + logf(sum);")
        with code.loop(shape[axis]) as i:
            code.line(f"{element(y, i)} = {element(x, i)} - sum;")
