"""Products with matrices, rows of tables and layer normalisation."""

from elman.errors import ExportError
from elman.export.code.operations import stretched
from elman.export.code.sizes import ONE, ZERO, dimensions, fixed, of, strides
from elman.export.to_c.code import at
from elman.export.to_c.literals import number
from elman.export.to_c.program import Program
from elman.nn.graph import Operation


def linear(program: Program, operation: Operation) -> None:
    """A matrix times each row, plus a bias."""
    x, weight, *bias = operation.inputs
    (y,), code = operation.outputs, program.code
    matrix = program.constant(weight)
    if matrix is None:
        raise ExportError("a product with a matrix that is no weight has no form in C")
    rows, columns = matrix.shape
    with code.loop(of(x.shape[:-1])) as i:
        source = at(program.pointer(x), i, fixed(columns))
        target = at(program.pointer(y), i, fixed(rows))
        if bias:
            program.copy(target, program.pointer(bias[0]), fixed(rows))
        else:
            program.clear(target, fixed(rows))
        code.line(program.weights.product(weight.name, matrix, source, target))


def matmul(program: Program, operation: Operation) -> None:
    """Products of two computed matrices, or of many side by side."""
    a, b = operation.inputs
    (y,), code = operation.outputs, program.code
    shape, inner = dimensions(y.shape), dimensions(a.shape)[-1]
    *front, rows, columns = shape
    of_y = strides(shape)
    of_a = stretched(a, (*front, rows, inner))
    of_b = stretched(b, (*front, inner, columns))
    outer = [of_y[:-1], of_a[:-1], (*of_b[:-2], ZERO)]
    with code.nest((*front, rows), *outer) as (to, left, right):
        with code.loop(columns) as j:
            code.line(f"{program.element(y, at(to, j, ONE))} = 0.0f;")
        with code.loop(inner) as k, code.loop(columns) as j:
            factor = program.element(a, at(left, k, of_a[-1]))
            other = program.element(b, at(at(right, k, of_b[-2]), j, of_b[-1]))
            code.line(f"{program.element(y, at(to, j, ONE))} += {factor} * {other};")


def embedding(program: Program, operation: Operation) -> None:
    """The rows of a table that ids name."""
    ids, table = operation.inputs
    (y,), code = operation.outputs, program.code
    numbers = program.constant(table)
    if numbers is None:
        raise ExportError("a table that is no weight has no form in C")
    rows, columns = numbers.shape
    with code.loop(of(ids.shape)) as i:
        index = program.element(ids, i)
        program.check_range(index, fixed(rows))
        row = program.weights.row(table.name, numbers, f"(size_t){index}")
        with code.loop(fixed(columns)) as j:
            code.line(f"{program.element(y, at(j, i, fixed(columns)))} = {row(j)};")


def layer_norm(program: Program, operation: Operation) -> None:
    """Each row brought to mean 0 and variance 1, times a gain, plus a shift."""
    x, *affine = operation.inputs
    (y,), code = operation.outputs, program.code
    size, epsilon = int(x.shape[-1]), number(operation.attributes["epsilon"])
    gain = program.pointer(affine[0]) if affine else "NULL"
    program.copy(program.pointer(y), program.pointer(x), of(y.shape))
    with code.loop(of(x.shape[:-1])) as i:
        function, row = program.runtime.use("layer_norm"), at(program.pointer(y), i, fixed(size))
        code.line(f"{function}({row}, {gain}, {size}, {epsilon});")
        if len(affine) > 1:
            with code.loop(fixed(size)) as j:
                shift = program.element(affine[1], j)
                code.line(f"{program.element(y, at(j, i, fixed(size)))} += {shift};")
