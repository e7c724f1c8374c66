"""How modules are described in a graph: their own `to_graph`, or the table for torch's."""

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from elman.errors import ExportError
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, embedding, gelu, group_norm, linear, reshape, softmax, weight


def describe(graph: Graph, module: nn.Module, *values: Any) -> Any:
    """Add what a module computes of some values, as its `forward` does without training.

    A module of one's own has a method `to_graph(graph, *values)` for it; of torch's modules those
    are known that networks around a recurrent layer are made of.

    Raises `ExportError` for a module that is not known.

    >>> graph = Graph("step")
    >>> head = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> describe(graph, head, graph.input("x", ("B", 4))).shape
    ('B', 2)
    """
    own = getattr(module, "to_graph", None)
    if own is not None:
        return own(graph, *values)
    writer = _TABLE.get(type(module))
    if writer is None:
        name = type(module).__name__
        raise ExportError(
            f"{name} cannot be exported: elman does not know what it computes; give it a method"
            " to_graph(graph, *values), as elman.nn.graph_modules says"
        )
    return writer(graph, module, *values)


def _sequential(graph: Graph, module: Any, x: Value) -> Value:
    for each in module:
        x = describe(graph, each, x)
    return x


def _embedding(graph: Graph, module: Any, ids: Value) -> Value:
    if module.max_norm is not None:
        raise ExportError("an Embedding with max_norm cannot be exported: it changes as it is used")
    return embedding(graph, ids, module.weight)


def _layer_norm(graph: Graph, module: Any, x: Value) -> Value:
    if len(module.normalized_shape) != 1:
        raise ExportError(
            "a LayerNorm over several axes cannot be exported: take one over the last"
        )
    terms = [weight(graph, name, each) for name, each in _named(module)]
    found = graph.add("layer_norm", x, *terms, shapes=[x.shape], epsilon=module.eps)
    return found[0]


def _named(module: Any) -> list[tuple[str, Any]]:
    pairs = (("gain", module.weight), ("shift", module.bias))
    return [(name, each) for name, each in pairs if each is not None]


def _group_norm(graph: Graph, module: Any, x: Value) -> Value:
    return group_norm(graph, x, module.num_groups, module.weight, module.bias, module.eps)


def _batch_norm(graph: Graph, module: Any, x: Value) -> Value:
    """Mean and deviation of the training data, over axis 1."""
    if module.running_mean is None:
        raise ExportError(
            "a BatchNorm without running statistics cannot be exported: its result depends on the"
            " other sequences of the batch"
        )
    scale = 1 / (module.running_var.double() + module.eps).sqrt()
    if module.weight is not None:
        scale = scale * module.weight.double()
    shift = -module.running_mean.double() * scale
    if module.bias is not None:
        shift = shift + module.bias.double()
    shape = (-1, *(1,) * (len(x.shape) - 2))
    scaled = apply(graph, "mul", x, weight(graph, "scale", scale.view(shape)))
    return apply(graph, "add", scaled, weight(graph, "shift", shift.view(shape)))


def _conv(graph: Graph, module: Any, x: Value) -> Value:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise ExportError(
            f"a {type(module).__name__} with padding={module.padding!r},"
            f" padding_mode={module.padding_mode!r} cannot be exported: give the padding as numbers"
        )
    terms = [weight(graph, "weight", module.weight)]
    if module.bias is not None:
        terms.append(weight(graph, "bias", module.bias))
    options: dict[str, Any] = {
        name: getattr(module, name) for name in ("stride", "padding", "dilation")
    }
    spatial = _windows(x, module.kernel_size, **options)
    shape = (x.shape[0], module.out_channels, *spatial)
    return graph.add("conv", x, *terms, shapes=[shape], **options, groups=module.groups)[0]


def _pool(kind: str) -> Callable[..., Value]:
    def describe_pool(graph: Graph, module: Any, x: Value) -> Value:
        name = type(module).__name__
        plain: dict[str, Any] = {"ceil_mode": False, "dilation": 1, "return_indices": False}
        plain |= {"count_include_pad": True, "divisor_override": None}
        for option, value in plain.items():
            if getattr(module, option, value) != value:
                raise ExportError(f"a {name} with {option} cannot be exported: leave it as it is")
        rank = len(x.shape) - 2
        sizes = (module.kernel_size, module.stride, module.padding)
        kernel, stride, padding = (_tuple(each, rank) for each in sizes)
        spatial = _windows(x, kernel, stride, padding, (1,) * rank)
        shape = (*x.shape[:2], *spatial)
        found = graph.add(kind, x, shapes=[shape], kernel=kernel, stride=stride, padding=padding)
        return found[0]

    return describe_pool


def _tuple(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _windows(
    x: Value,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """How many windows there are along each axis after the second."""
    sizes = [int(size) for size in x.shape[2:]]
    parts = zip(sizes, kernel, stride, padding, dilation, strict=True)
    return tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in parts)


def _flatten(graph: Graph, module: Any, x: Value) -> Value:
    rank = len(x.shape)
    start, end = module.start_dim % rank, module.end_dim % rank
    flat = x.shape[start : end + 1]
    if not all(isinstance(size, int) for size in flat):
        raise ExportError("a Flatten of time or batch cannot be exported: flatten features alone")
    size = math.prod(int(each) for each in flat)
    return reshape(graph, x, *x.shape[:start], size, *x.shape[end + 1 :])


def _function(name: str) -> Callable[..., Value]:
    return lambda graph, _, x: apply(graph, name, x)


def _silu(graph: Graph, _: Any, x: Value) -> Value:
    return apply(graph, "mul", x, apply(graph, "sigmoid", x))


def _gelu(graph: Graph, module: Any, x: Value) -> Value:
    if module.approximate != "none":
        raise ExportError("a GELU by its approximation cannot be exported: take the exact one")
    return gelu(graph, x)


def _leaky(graph: Graph, module: Any, x: Value) -> Value:
    low = apply(graph, "mul", x, module.negative_slope)
    return apply(graph, "where", apply(graph, "gt", x, 0.0), x, low)


def _elu(graph: Graph, module: Any, x: Value) -> Value:
    low = apply(graph, "sub", apply(graph, "exp", apply(graph, "minimum", x, 0.0)), 1.0)
    low = apply(graph, "mul", low, module.alpha)
    return apply(graph, "where", apply(graph, "gt", x, 0.0), x, low)


def _softplus(graph: Graph, module: Any, x: Value) -> Value:
    if (module.beta, module.threshold) != (1.0, 20.0):
        raise ExportError(
            "a Softplus with beta or threshold cannot be exported: leave the defaults"
        )
    return apply(graph, "softplus", x)


def _softmax(graph: Graph, module: Any, x: Value) -> Value:
    if module.dim is None:
        raise ExportError(
            f"a {type(module).__name__} without dim cannot be exported: name the axis"
        )
    return softmax(graph, x, module.dim, log=isinstance(module, nn.LogSoftmax))


def _same(graph: Graph, module: Any, x: Value) -> Value:  # noqa: ARG001
    return x


_TABLE: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Identity: _same,
    **dict.fromkeys((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout), _same),
    nn.Sequential: _sequential,
    nn.Linear: lambda graph, m, x: linear(graph, x, m.weight, m.bias),
    nn.Embedding: _embedding,
    nn.LayerNorm: _layer_norm,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm),
    nn.GroupNorm: _group_norm,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _conv),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), _pool("max_pool")),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _pool("mean_pool")),
    nn.Flatten: _flatten,
    nn.ReLU: _function("relu"),
    nn.Tanh: _function("tanh"),
    nn.Sigmoid: _function("sigmoid"),
    nn.SiLU: _silu,
    nn.GELU: _gelu,
    nn.LeakyReLU: _leaky,
    nn.ELU: _elu,
    nn.Softplus: _softplus,
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax), _softmax),
}
