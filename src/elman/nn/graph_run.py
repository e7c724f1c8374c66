"""A graph run on tensors, operation by operation: what every target has to compute."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.expression import ARITY, evaluate, read
from elman.compiler.trace import parse_equations
from elman.nn.graph import Array, Direction, Graph, Operation

Values = dict[str, Tensor]
_EPSILON = 1e-5  # of layer normalisation within a layer


def run(
    graph: Graph, inputs: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """The outputs and new states of a graph, by name.

    **Arguments:** `inputs`: all inputs and states by name; numbers are computed in `dtype`.

    >>> from elman.nn.graph_ops import apply
    >>> graph = Graph("step")
    >>> graph.output("y", apply(graph, "add", graph.input("x", ("B",)), 1.0))
    >>> run(graph, {"x": torch.tensor([1.0, 2.0])})
    {'y': tensor([2., 3.])}
    """
    known = {name: _tensor(numbers, dtype) for name, numbers in graph.constants.items()}
    known |= {name: _of_kind(tensor, dtype) for name, tensor in inputs.items()}
    for operation in graph.operations:
        found = _computed(operation, known, dtype)
        for value, tensor in zip(operation.outputs, found, strict=True):
            known[value.name] = tensor
    names = [value.name for value in graph.outputs] + [after.name for _, after in graph.states]
    return {name: known[name] for name in names}


def _computed(operation: Operation, known: Values, dtype: torch.dtype) -> list[Tensor]:
    inputs = [known[value.name] for value in operation.inputs]
    kind, attributes = operation.kind, operation.attributes
    if kind in ARITY:
        return [_elementwise(kind, inputs)]
    if kind == "cast":
        kind = operation.outputs[0].dtype
        return [inputs[0].to(dtype if kind == "float32" else getattr(torch, kind))]
    if kind == "recurrent":
        return _layer(inputs[0], inputs[1], inputs[2:], attributes["directions"])
    if kind == "recurrent_step":
        x, *states = inputs
        new = _steps(attributes["direction"], x.unsqueeze(0), [s[0] for s in states], None)[1]
        return [new[0], *(s.unsqueeze(0) for s in new)]
    if kind == "reshape":
        return [inputs[0].reshape(_sizes(operation, known))]
    return [_KINDS[kind](*inputs, **attributes)]


def _elementwise(kind: str, inputs: list[Tensor]) -> Tensor:
    function: Any = {
        "div": torch.div,
        "neg": torch.neg,
        "softplus": F.softplus,
        **{name: getattr(torch, f"logical_{name}") for name in ("and", "or", "not")},
    }.get(kind) or getattr(torch, kind)
    result: Tensor = function(*inputs)
    return result


def _sizes(operation: Operation, known: Values) -> list[int]:
    """The shape of the output; letters are those of values that are known."""
    (value,), (x,) = operation.outputs, operation.inputs
    letters = {
        str(letter): size
        for letter, size in zip(x.shape, known[x.name].shape, strict=True)
        if not isinstance(letter, int)
    }
    sizes = [-1 if isinstance(s, str) and s not in letters else s for s in value.shape]
    return [letters[s] if isinstance(s, str) else s for s in sizes]


def _layer(
    x: Tensor, lengths: Tensor, states: list[Tensor], directions: tuple[Direction, ...]
) -> list[Tensor]:
    outputs, last = [], []
    for at, direction in enumerate(directions):
        own = [s[at] for s in states] or _initial(direction, x)
        output, after = _steps(direction, x, own, lengths)
        outputs.append(output)
        last.append(after)
    return [torch.cat(outputs, -1), *(torch.stack(parts) for parts in zip(*last, strict=True))]


def _initial(direction: Direction, x: Tensor) -> list[Tensor]:
    batch = x.shape[1]
    if direction.initial is not None:
        return [_tensor(each, x.dtype).expand(batch, -1) for each in direction.initial]
    states = parse_equations(direction.equations).states
    sizes = [direction.output_size, *(direction.hidden_size,) * (states - 1)]
    return [x.new_zeros(batch, size) for size in sizes]


def _steps(
    direction: Direction, x: Tensor, states: list[Tensor], lengths: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """The output at each step, (T, B, P), and the states after the last."""
    equations = parse_equations(direction.equations)

    def constant(array: Array | None) -> Tensor | None:
        return None if array is None else _tensor(array, x.dtype)

    gates = _product(
        x, constant(direction.weight_ih), constant(direction.bias_ih), constant(direction.norm_ih)
    )
    hh, bias, gain = map(constant, (direction.weight_hh, direction.bias_hh, direction.norm_hh))
    hr = constant(direction.weight_hr)
    params = {read("p", i): constant(each) for i, each in enumerate(direction.params)}
    steps = range(len(x))
    output = x.new_zeros(len(x), x.shape[1], direction.output_size)
    for t in reversed(steps) if direction.reverse else steps:
        values: dict[Any, Any] = {
            read("x", i): g for i, g in enumerate(gates[t].chunk(equations.gates, -1))
        }
        values |= params
        if hh is not None:
            products = _product(states[0], hh, bias, gain).chunk(len(equations.recurrent), -1)
            values |= {read("r", i): part for i, part in enumerate(products)}
        values |= {read("s", i): part for i, part in enumerate(states)}
        new = evaluate(equations.new, values)
        if hr is not None:
            new[0] = F.linear(new[0], hr)
        if lengths is not None:
            real = (t < lengths).unsqueeze(-1)
            new = [torch.where(real, n, o) for n, o in zip(new, states, strict=True)]
            output[t] = torch.where(real, new[0], 0.0)
        states = new
    return output, states


def _product(x: Tensor, matrix: Any, bias: Tensor | None, gain: Tensor | None) -> Tensor:
    if gain is None:
        return F.linear(x, matrix, bias)
    return F.layer_norm(F.linear(x, matrix), gain.shape, gain, bias, _EPSILON)


def _masked_softmax(x: Tensor, mask: Tensor, axis: int) -> Tensor:
    scores = x.masked_fill(~mask, torch.finfo(x.dtype).min)
    return scores.softmax(axis).masked_fill(~mask, 0)


def _last_step(x: Tensor, lengths: Tensor) -> Tensor:
    if not len(x):
        return x.new_zeros(x.shape[1:])
    found = x[(lengths - 1).clamp(min=0), torch.arange(x.shape[1])]
    return torch.where((lengths > 0).view(-1, *(1,) * (x.dim() - 2)), found, 0.0)


def _slice(x: Tensor, axis: int, start: int, stop: int | None) -> Tensor:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _step_mask(lengths: Tensor, like: Tensor) -> Tensor:
    return torch.arange(len(like)).unsqueeze(1) < lengths


def _around(x: Tensor, offsets: tuple[int, ...]) -> Tensor:
    reach = max(map(abs, offsets))
    padded = F.pad(x, (0, 0, 0, 0, reach, reach))
    return torch.stack([padded[reach + o : reach + o + len(x)] for o in offsets], 2)


def _conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, **options: Any) -> Tensor:
    function: Any = getattr(F, f"conv{x.dim() - 2}d")
    result: Tensor = function(x, weight, bias, **options)
    return result


def _pool(kind: str) -> Callable[..., Tensor]:
    def pool(x: Tensor, kernel: Any, stride: Any, padding: Any) -> Tensor:
        function: Any = getattr(F, f"{kind}_pool{x.dim() - 2}d")
        result: Tensor = function(x, kernel, stride, padding)
        return result

    return pool


_KINDS: dict[str, Callable[..., Tensor]] = {
    "erf": torch.erf,
    "identity": lambda x: x,
    "linear": F.linear,
    "matmul": torch.matmul,
    "embedding": F.embedding,
    "layer_norm": lambda x, gain=None, shift=None, *, epsilon: F.layer_norm(
        x, x.shape[-1:], gain, shift, epsilon
    ),
    "softmax": lambda x, axis: x.softmax(axis),
    "log_softmax": lambda x, axis: x.log_softmax(axis),
    "masked_softmax": _masked_softmax,
    "sum": lambda x, axes, keep: x.sum(axes, keep),
    "mean": lambda x, axes, keep: x.mean(axes, keep),
    "max": lambda x, axes, keep: x.amax(axes, keep),
    "concat": lambda *parts, axis: torch.cat(parts, axis),
    "slice": _slice,
    "transpose": lambda x, order: x.permute(order),
    "repeat": lambda x, like, axis, like_axis: x.expand(
        *x.shape[:axis], like.shape[like_axis], *x.shape[axis + 1 :]
    ),
    "gather": lambda x, index, axis: x.index_select(axis, index),
    "around": _around,
    "conv": _conv,
    "max_pool": _pool("max"),
    "mean_pool": _pool("avg"),
    "steps": lambda like: torch.arange(len(like)).float(),
    "step_mask": _step_mask,
    "last_step": _last_step,
}


def _of_kind(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _tensor(numbers: Array, dtype: torch.dtype) -> Tensor:
    return _of_kind(torch.from_numpy(numbers), dtype)
