"""Convolution and pooling over any number of spatial axes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from elman.errors import ExportError
from elman.export.code.sizes import Size, dimensions, fixed, of
from elman.export.to_c.code import Code, at
from elman.export.to_c.program import Program
from elman.nn.graph import Operation


def conv(program: Program, operation: Operation) -> None:
    """A convolution whose kernel is a weight."""
    x, weight, *bias = operation.inputs
    (y,), code = operation.outputs, program.code
    kernel = program.constant(weight)
    if kernel is None:
        raise ExportError("a convolution whose kernel is no weight has no form in C")
    batch, outputs, *_ = dimensions(y.shape)
    inputs, groups = dimensions(x.shape)[1], operation.attributes["groups"]
    own = kernel.shape[1]
    numbers = program.weights.vector(weight.name, kernel)
    places = (operation.attributes[name] for name in ("stride", "padding", "dilation"))
    area = dimensions(y.shape)[2:]
    with code.loop(batch) as n, code.loop(outputs) as o, _over(code, area) as position:
        start = program.element(bias[0], o) if bias else "0.0f"
        code.line(f"float sum = {start};")
        first = f"{o} / {len(kernel) // groups} * {own} + " if groups > 1 else ""
        with code.loop(fixed(own)) as c:
            plane = f"{n} * ({inputs.c}) + {first}{c}"
            channel = f"{o} * {own} + {c}"
            with _window(code, position, kernel.shape[2:], dimensions(x.shape)[2:], *places) as (
                source,
                offset,
            ):
                left = program.element(x, _index(plane, source, dimensions(x.shape)[2:]))
                sizes = [fixed(size) for size in kernel.shape[2:]]
                code.line(f"sum += {left} * {numbers}[{_index(channel, offset, sizes)}];")
        place = _index(f"{n} * ({outputs.c}) + {o}", position, area)
        code.line(f"{program.element(y, place)} = sum;")


def pool(program: Program, operation: Operation) -> None:
    """`max_pool`, and `mean_pool`, whose mean counts what was padded as 0."""
    (x,), (y,), code = operation.inputs, operation.outputs, program.code
    kernel, stride, padding = (operation.attributes[k] for k in ("kernel", "stride", "padding"))
    area, spatial = dimensions(y.shape)[2:], dimensions(x.shape)[2:]
    largest = operation.kind == "max_pool"
    with code.loop(of(y.shape[:2])) as plane, _over(code, area) as position:
        code.line(f"float found = {'-INFINITY' if largest else '0.0f'};")
        ones = (1,) * len(kernel)
        with _window(code, position, kernel, spatial, stride, padding, ones) as (source, _):
            term = program.element(x, _index(plane, source, spatial))
            maximum = program.runtime.use("maximum") if largest else ""
            code.line(f"found = {maximum}(found, {term});" if largest else f"found += {term};")
        count = 1
        for size in kernel:
            count *= size
        right = "found" if largest else f"found / {float(count)}f"
        code.line(f"{program.element(y, _index(plane, position, area))} = {right};")


@contextmanager
def _over(code: Code, area: Sequence[Size]) -> Iterator[list[str]]:
    """Loops over all places of an area."""
    with ExitStack() as stack:
        yield [stack.enter_context(code.loop(size)) for size in area]


@contextmanager
def _window(
    code: Code,
    position: Sequence[str],
    kernel: Sequence[int],
    spatial: Sequence[Size],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Iterator[tuple[list[str], list[str]]]:
    """Loops over a kernel; gives where in x and where in the kernel, leaving out the padding."""
    with ExitStack() as stack:
        source, offset = [], []
        for axis, size in enumerate(kernel):
            k = stack.enter_context(code.loop(fixed(size)))
            name = f"p{axis}"
            place = at("0", position[axis], fixed(stride[axis]))
            place = at(place, k, fixed(dilation[axis]))
            code.line(f"const size_t {name} = {place};")
            low, high = padding[axis], spatial[axis] + fixed(padding[axis])
            below = f"{name} < {low} || " if low else ""
            code.line(f"if ({below}{name} >= {high.c})")
            code.line("    continue;")
            source.append(f"({name} - {low})" if low else name)
            offset.append(k)
        yield source, offset


def _index(plane: str, places: Sequence[str], sizes: Sequence[Size]) -> str:
    text = plane
    for place, size in zip(places, sizes, strict=True):
        text = f"({text}) * ({size.c}) + {place}"
    return text
