"""Products with matrices."""

from elman.export.code.operations import stretched
from elman.export.code.sizes import ZERO, dimensions, of, strides
from elman.export.native.program import Program
from elman.nn.graph import Operation


def linear(program: Program, operation: Operation) -> None:
    """A matrix times each row, plus a bias."""
    x, weight, *bias = operation.inputs
    (y,), code = operation.outputs, program.code
    numbers = program.weight(weight)
    product = program.parts.product(code, numbers)
    offset = program.parts.filled(code, program.weight(bias[0])) if bias else None
    source, target = program.pointer(x), program.pointer(y)
    rows, columns = numbers.shape
    room = program.room(product.size)
    with code.loop(0, code.size(of(x.shape[:-1]))) as i:
        product.write(code, code.at(source, code.mul(i, columns)), offset, room)
        code.copy_exact(room, code.at(target, code.mul(i, rows)), rows)


def matmul(program: Program, operation: Operation) -> None:
    """Products of two computed matrices, or of many side by side."""
    a, b = operation.inputs
    (y,), code = operation.outputs, program.code
    shape, inner = dimensions(y.shape), dimensions(a.shape)[-1]
    *front, rows, columns = shape
    of_y = strides(shape)
    of_a = stretched(a, (*front, rows, inner))
    of_b = stretched(b, (*front, inner, columns))
    target = program.pointer(y)
    code.fill(target, code.size(of(y.shape)), 0.0)
    whole = (*front, rows, inner, columns)
    steps = [
        (*of_y[:-1], ZERO, of_y[-1]),
        (*of_a, ZERO),
        (*of_b[:-2], ZERO, *of_b[-2:]),
    ]
    single = columns.number == 1
    for to, left, right in program.nest(
        whole, (y, steps[0]), (a, steps[1]), (b, steps[2]), single=single
    ):
        value = code.fma(program.load(left), program.load(right), program.load(to))
        program.store(value, to)
