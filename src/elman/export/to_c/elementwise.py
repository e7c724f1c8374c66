"""Elementwise operations of a graph, with broadcasting, as loops in C."""

from elman.errors import ExportError
from elman.export.code.elements import ELEMENTS
from elman.export.code.operations import stretched
from elman.export.code.sizes import dimensions, of, strides
from elman.export.to_c import expressions
from elman.export.to_c.program import Program
from elman.nn.graph import Operation


def apply(program: Program, operation: Operation) -> None:
    """An operation of `elman.compiler.expression.ARITY`."""
    (y,), kind = operation.outputs, operation.kind
    if y.dtype == "int64" and kind not in expressions.ON_WHOLE_NUMBERS:
        raise ExportError(f"{kind} of whole numbers has no form in C")
    shape = dimensions(y.shape)
    steps = (stretched(value, shape) for value in operation.inputs)
    with program.code.nest(shape, strides(shape), *steps) as (to, *places):
        arguments = []
        mixed = len({value.dtype for value in operation.inputs} - {"bool"}) > 1
        for value, place in zip(operation.inputs, places, strict=True):
            text = program.element(value, place)
            arguments.append(f"(float){text}" if mixed and value.dtype == "int64" else text)
        right = expressions.apply(kind, arguments, program.runtime.use)
        if y.dtype == "bool":
            right = f"(unsigned char)({right})"
        program.code.line(f"{program.element(y, to)} = {right};")


def cast(program: Program, operation: Operation) -> None:
    """Numbers as those of another type."""
    (x,), (y,) = operation.inputs, operation.outputs
    with program.code.loop(of(y.shape)) as i:
        source, target = program.element(x, i), program.element(y, i)
        right = f"{source} != 0" if y.dtype == "bool" else source
        program.code.line(f"{target} = ({ELEMENTS[y.dtype]})({right});")


def erf(program: Program, operation: Operation) -> None:
    """The error function of each element."""
    (x,), (y,) = operation.inputs, operation.outputs
    with program.code.loop(of(y.shape)) as i:
        program.code.line(f"{program.element(y, i)} = erff({program.element(x, i)});")
