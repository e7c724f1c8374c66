"""Each kind of operation of a graph as ONNX nodes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from elman.compiler.expression import ARITY
from elman.export.to_onnx import over_time, recurrent
from elman.export.to_onnx.expressions import elementwise
from elman.export.to_onnx.writer import TYPES, Writer
from elman.nn.graph import Operation, Shape

_LEAST = float(np.finfo(np.float32).min)


def write(writer: Writer, operation: Operation) -> None:
    """Add the nodes of an operation; its outputs get the names that the graph has for them."""
    inputs = [writer.source(value) for value in operation.inputs]
    if operation.kind in ARITY:
        found = [elementwise(writer, operation.kind, *inputs)]
    elif operation.kind in ("recurrent", "recurrent_step"):
        over_time = operation.kind == "recurrent"
        found = (recurrent.sequence if over_time else recurrent.step)(writer, operation, inputs)
    else:
        found = [_KINDS[operation.kind](writer, operation, *inputs)]
    for source, value in zip(found, operation.outputs, strict=True):
        writer.rename(source, value.name)


def _linear(writer: Writer, _: Operation, x: str, weight: str, bias: str = "") -> str:
    found = writer.add("MatMul", x, writer.transposed(weight))
    return writer.add("Add", found, bias) if bias else found


def _layer_norm(
    writer: Writer, operation: Operation, x: str, gain: str = "", shift: str = ""
) -> str:
    if not gain:
        size = operation.inputs[0].shape[-1]
        gain = writer.constant(np.ones(int(size), np.float32), "ones")
    terms = [gain, shift] if shift else [gain]
    epsilon = operation.attributes["epsilon"]
    return writer.add("LayerNormalization", x, *terms, axis=-1, epsilon=epsilon)


def _softmax(operator: str) -> Callable[..., str]:
    return lambda writer, operation, x: writer.add(operator, x, axis=operation.attributes["axis"])


def _masked_softmax(writer: Writer, operation: Operation, x: str, mask: str) -> str:
    low = writer.add("Where", mask, x, writer.number(_LEAST))
    shares = writer.add("Softmax", low, axis=operation.attributes["axis"])
    return writer.add("Where", mask, shares, writer.number(0.0))


def _sum(writer: Writer, operation: Operation, x: str) -> str:
    axes, keep = operation.attributes["axes"], int(operation.attributes["keep"])
    return writer.add("ReduceSum", x, writer.whole(*axes), keepdims=keep)


def _mean(writer: Writer, operation: Operation, x: str) -> str:
    axes, keep = operation.attributes["axes"], int(operation.attributes["keep"])
    return writer.add("ReduceMean", x, axes=list(axes), keepdims=keep)


def _max(writer: Writer, operation: Operation, x: str) -> str:
    """The largest; over an axis that may be empty with the least of all numbers before it."""
    axes, keep = operation.attributes["axes"], int(operation.attributes["keep"])
    shape = operation.inputs[0].shape
    for axis in axes:
        if isinstance(shape[axis], str):
            sizes = [writer.whole(1) if i == axis else writer.size(x, i) for i in range(len(shape))]
            one = writer.add("Concat", *sizes, axis=0)
            least = writer.add("Expand", writer.number(_LEAST), one)
            x = writer.add("Concat", least, x, axis=axis)
    return writer.add("ReduceMax", x, axes=list(axes), keepdims=keep)


def _slice(writer: Writer, operation: Operation, x: str) -> str:
    stop = operation.attributes["stop"]
    ends = (operation.attributes["start"], 2**62 if stop is None else stop)
    axis = writer.whole(operation.attributes["axis"])
    return writer.add("Slice", x, *map(writer.whole, ends), axis)


def _reshape(writer: Writer, operation: Operation, x: str) -> str:
    old, new = operation.inputs[0].shape, operation.outputs[0].shape
    kept = [size == old[i : i + 1][0] if i < len(old) else False for i, size in enumerate(new)]
    if all(isinstance(size, int) or same for size, same in zip(new, kept, strict=True)):
        sizes = [size if isinstance(size, int) else 0 for size in new]
        return writer.add("Reshape", x, writer.whole(*sizes))
    for operator, small, large in (("Squeeze", new, old), ("Unsqueeze", old, new)):
        axes = _ones(small, large)
        if axes is not None:
            return writer.add(operator, x, writer.whole(*axes))
    return writer.add("Reshape", x, writer.shape(operation.outputs[0]), allowzero=1)


def _ones(small: Shape, large: Shape) -> list[int] | None:
    """The axes of size 1 without which `large` is `small`, None if it is not."""
    axes, rest = [], list(small)
    for axis, size in enumerate(large):
        if rest and rest[0] == size:
            rest.pop(0)
        elif size == 1:
            axes.append(axis)
        else:
            return None
    return None if rest else axes


def _repeat(writer: Writer, operation: Operation, x: str, like: str) -> str:
    axis, like_axis = operation.attributes["axis"], operation.attributes["like_axis"]
    sizes = [
        writer.size(like, like_axis) if i == axis else writer.whole(1)
        for i in range(len(operation.inputs[0].shape))
    ]
    return writer.add("Expand", x, writer.add("Concat", *sizes, axis=0))


def _around(writer: Writer, operation: Operation, x: str) -> str:
    """Steps of x, with zeros before and after, at places that are each step's and an offset."""
    offsets = np.array(operation.attributes["offsets"], np.int64)
    reach = int(abs(offsets).max())
    padded = writer.add("Pad", x, writer.whole(reach, 0, 0, reach, 0, 0))
    steps = writer.add("Unsqueeze", over_time.count(writer, writer.size(x, 0)), writer.whole(1))
    places = writer.add("Add", steps, writer.constant(offsets + reach, "offsets"))
    return writer.add("Transpose", writer.add("Gather", padded, places), perm=[0, 2, 1, 3])


def _conv(writer: Writer, operation: Operation, *inputs: str) -> str:
    a = operation.attributes
    return writer.add(
        "Conv",
        *inputs,
        strides=list(a["stride"]),
        pads=[*a["padding"], *a["padding"]],
        dilations=list(a["dilation"]),
        group=a["groups"],
    )


def _pool(operator: str, **options: Any) -> Callable[..., str]:
    def pool(writer: Writer, operation: Operation, x: str) -> str:
        a = operation.attributes
        pads = [*a["padding"], *a["padding"]]
        kernel, strides = list(a["kernel"]), list(a["stride"])
        return writer.add(operator, x, kernel_shape=kernel, strides=strides, pads=pads, **options)

    return pool


def _steps(writer: Writer, _: Operation, like: str) -> str:
    return writer.add("Cast", over_time.count(writer, writer.size(like, 0)), to=TYPES["float32"])


def _step_mask(writer: Writer, _: Operation, lengths: str, like: str) -> str:
    return over_time.mask(writer, writer.size(like, 0), lengths)


def _last_step(writer: Writer, operation: Operation, x: str, lengths: str) -> str:
    """The step of the length; zeros of an empty sequence."""
    rank = len(operation.inputs[0].shape)
    sizes = [writer.whole(1), *(writer.size(x, axis) for axis in range(1, rank))]
    zeros = writer.add("Expand", writer.number(0.0), writer.add("Concat", *sizes, axis=0))
    return over_time.at_length(writer, zeros, x, lengths)


_KINDS: dict[str, Callable[..., str]] = {
    "erf": lambda writer, _, x: writer.add("Erf", x),
    "identity": lambda _, __, x: x,
    "cast": lambda writer, operation, x: writer.add(
        "Cast", x, to=TYPES[operation.outputs[0].dtype]
    ),
    "linear": _linear,
    "matmul": lambda writer, _, a, b: writer.add("MatMul", a, b),
    "embedding": lambda writer, _, ids, table: writer.add("Gather", table, ids),
    "layer_norm": _layer_norm,
    "softmax": _softmax("Softmax"),
    "log_softmax": _softmax("LogSoftmax"),
    "masked_softmax": _masked_softmax,
    "sum": _sum,
    "mean": _mean,
    "max": _max,
    "concat": lambda writer, operation, *parts: writer.add(
        "Concat", *parts, axis=operation.attributes["axis"]
    ),
    "slice": _slice,
    "transpose": lambda writer, operation, x: writer.add(
        "Transpose", x, perm=list(operation.attributes["order"])
    ),
    "reshape": _reshape,
    "repeat": _repeat,
    "gather": lambda writer, operation, x, index: writer.add(
        "Gather", x, index, axis=operation.attributes["axis"]
    ),
    "around": _around,
    "conv": _conv,
    "max_pool": _pool("MaxPool"),
    "mean_pool": _pool("AveragePool", count_include_pad=1),
    "steps": _steps,
    "step_mask": _step_mask,
    "last_step": _last_step,
}
