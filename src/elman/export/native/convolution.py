"""Convolution and pooling over any number of spatial axes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import inf, prod
from typing import Any

from elman.export.code.sizes import Size, dimensions, fixed, of
from elman.export.native.elementwise import of_floats
from elman.export.native.program import Program
from elman.export.native.writer import Writer
from elman.nn.graph import Operation


def conv(program: Program, operation: Operation) -> None:
    """A convolution whose kernel is a weight: each window is copied and multiplied at once."""
    x, weight, *bias = operation.inputs
    (y,), code = operation.outputs, program.code
    kernel = program.weight(weight)
    groups = operation.attributes["groups"]
    each, own = len(kernel) // groups, kernel.shape[1]
    window = own * prod(kernel.shape[2:])
    products = [
        program.parts.product(code, kernel[g * each : (g + 1) * each].reshape(each, -1))
        for g in range(groups)
    ]
    shifts = [
        program.parts.filled(code, program.weight(bias[0])[g * each : (g + 1) * each])
        if bias
        else None
        for g in range(groups)
    ]
    room = program.room(window + products[0].size)
    result = code.at(room, window)
    source, target = program.pointer(x), program.pointer(y)
    area, spatial = dimensions(y.shape)[2:], dimensions(x.shape)[2:]
    inputs, places = code.size(dimensions(x.shape)[1]), _options(operation)
    sizes = [fixed(size) for size in kernel.shape[2:]]
    with code.loop(0, code.size(dimensions(y.shape)[0])) as n, _over(code, area) as position:
        for group in range(groups):
            code.fill(room, window, 0.0)
            with code.loop(0, own) as c:
                plane = code.sum((n, inputs), group * own, c)
                with _window(code, position, kernel.shape[2:], spatial, *places) as (at, k):
                    value = code.load_scalar(source, _index(code, plane, at, spatial))
                    code.store_scalar(value, room, _index(code, c, k, sizes))
            products[group].write(code, room, shifts[group], result)
            with code.loop(0, each) as o:
                plane = code.sum((n, len(kernel)), group * each, o)
                value = code.load_scalar(result, o)
                code.store_scalar(value, target, _index(code, plane, position, area))


def pool(program: Program, operation: Operation) -> None:
    """`max_pool`, and `mean_pool`, whose mean counts what was padded as 0."""
    (x,), (y,), code = operation.inputs, operation.outputs, program.code
    kernel, stride, padding = (operation.attributes[k] for k in ("kernel", "stride", "padding"))
    area, spatial = dimensions(y.shape)[2:], dimensions(x.shape)[2:]
    source, target = program.pointer(x), program.pointer(y)
    largest = operation.kind == "max_pool"
    with code.scalars():
        found = code.entry.alloca(code.vector)
        with code.loop(0, code.size(of(y.shape[:2]))) as plane, _over(code, area) as position:
            code.b.store(code.splat(-inf if largest else 0.0), found)
            ones = (1,) * len(kernel)
            with _window(code, position, kernel, spatial, stride, padding, ones) as (at, _):
                own = code.load(source, _index(code, plane, at, spatial))
                before = code.b.load(found, typ=code.vector)
                code.b.store(of_floats(code, "maximum" if largest else "add", before, own), found)
            value = code.b.load(found, typ=code.vector)
            if not largest:
                value = code.b.fdiv(value, code.splat(float(prod(kernel))))
            code.store(value, target, _index(code, plane, position, area))


def _options(operation: Operation) -> list[Sequence[int]]:
    return [operation.attributes[name] for name in ("stride", "padding", "dilation")]


@contextmanager
def _over(code: Writer, area: Sequence[Size]) -> Iterator[list[Any]]:
    """Loops over all places of an area."""
    with ExitStack() as stack:
        yield [stack.enter_context(code.loop(0, code.size(size))) for size in area]


@contextmanager
def _window(
    code: Writer,
    position: Sequence[Any],
    kernel: Sequence[int],
    spatial: Sequence[Size],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Iterator[tuple[list[Any], list[Any]]]:
    """Loops over a kernel; gives where in x and where in the kernel, leaving out the padding."""
    with ExitStack() as stack:
        source, offset = [], []
        for axis, size in enumerate(kernel):
            k = stack.enter_context(code.loop(0, size))
            moved = code.sum((position[axis], stride[axis]), (k, dilation[axis]))
            at = code.sub(moved, padding[axis])
            inside = code.b.icmp_unsigned("<", at, code.whole(code.size(spatial[axis])))
            stack.enter_context(code.loop(0, code.b.zext(inside, moved.type)))
            source.append(at)
            offset.append(k)
        yield source, offset


def _index(code: Writer, plane: Any, places: Sequence[Any], sizes: Sequence[Size]) -> Any:
    index = plane
    for place, size in zip(places, sizes, strict=True):
        index = code.sum((index, code.size(size)), place)
    return index
