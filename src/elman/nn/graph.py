"""A network as a graph of few operations: what every export target starts from.

A module describes itself by adding operations to a `Graph`; a target writes the operations in its
own language and knows no module. A graph has one of two forms:

- `"sequence"`: inputs (T, B, ...) and `lengths` (B,) int64, to outputs of all steps or of the end;
- `"step"`: one time step, inputs (B, ...) and states to outputs (B, ...) and new states, always
  named and always tuples: `(x, *state) -> (y, *state)`.

States have the batch in dimension 1, a layer's are (layers * directions, B, H); each has its first
value, what a reset sets it to. Floating point numbers are float32, whole numbers int64.

The kinds of operations, `x -> y` meaning one input and one output:

| kind | inputs -> outputs | attributes |
|---|---|---|
| a name in `elman.compiler.expression.ARITY` ("add", "tanh", "where", "lt" ...) | elementwise with numpy's broadcasting; comparisons give bool | |
| `erf` | x -> the error function of each | |
| `identity` | x -> x under another name, as outputs have | |
| `cast` | x -> x in the output's dtype; bool to 0 and 1 | |
| `linear` | x (..., I), weight (O, I)[, bias (O,)] -> (..., O) | |
| `matmul` | (..., M, K), (..., K, N) -> (..., M, N), broadcast in front | |
| `embedding` | ids (...) int64, table (V, E) -> (..., E) | |
| `layer_norm` | x (..., F)[, gain (F,)[, shift (F,)]] -> (..., F) | `epsilon` |
| `softmax`, `log_softmax` | x -> same shape | `axis` |
| `masked_softmax` | x, mask bool -> same shape: 0 where the mask is False, also if all are | `axis` |
| `sum`, `mean`, `max` | x -> without the axes, or with size 1 there | `axes`, `keep` |
| `concat` | several -> one | `axis` |
| `slice` | x -> x[start:stop] along one axis; negative from the end, `stop` None: to the end | `axis`, `start`, `stop` |
| `transpose` | x -> its axes in this order | `order` |
| `reshape` | x -> the output's shape, whose sizes may be products, as "T*B" | |
| `repeat` | x with size 1 at `axis`, like -> size of `like` at `like_axis` there | `axis`, `like_axis` |
| `gather` | x, index int64 (N,) -> x with N entries of this axis | `axis` |
| `around` | x (T, B, F) -> (T, B, N, F): the steps at N `offsets` from each, 0 beyond the ends | `offsets` |
| `conv` | x (N, C, *S), weight (O, C/groups, *K)[, bias (O,)] -> (N, O, *S') | `stride`, `padding`, `dilation`: tuples; `groups` |
| `max_pool`, `mean_pool` | x (N, C, *S) -> (N, C, *S') | `kernel`, `stride`, `padding`: tuples |
| `steps` | like (T, ...) -> (T,) float32: 0, 1, 2 ... | |
| `step_mask` | lengths (B,), like (T, B, ...) -> (T, B) bool: which steps are real | |
| `last_step` | x (T, B, ...), lengths -> (B, ...): each sequence's last real step, 0 if it has none | |
| `recurrent` | x (T, B, I), lengths[, states (D, B, .)...] -> y (T, B, D*P), last states | `directions` |
| `recurrent_step` | x (B, I), states (1, B, .)... -> y (B, P), new states | `direction` |

Axes count from the front and are never negative. `recurrent` is one layer of D = 1 or 2
directions; without states it starts from the directions' `initial`; steps from a sequence's length
on touch no state and give 0, whatever stands there, and a sequence of length 0 keeps its state.
"""  # noqa: E501

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Form = Literal["sequence", "step"]
DType = Literal["float32", "int64", "bool"]
Array = npt.NDArray[Any]
Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Value:
    """A named tensor: sizes are numbers, or letters for what is known only at the call (T, B)."""

    name: str
    shape: Shape
    dtype: DType = "float32"


@dataclass(frozen=True)
class Direction:
    """One direction of one recurrent layer: its equations and weights, without dropout.

    G gates, of which Q are recurrent; I inputs, H hidden units, output size P, which is H unless
    it is projected. Zoneout's expectation is part of the equations. With `norm_ih` the gate inputs
    are the layer normalisation of W x over all G*H, times the gain, plus `bias_ih`; with `norm_hh`
    the recurrent products likewise; epsilon is 1e-5. A projection multiplies the new first state.
    """

    equations: str  # text of elman.compiler.Equations, traced for inference
    hidden_size: int
    weight_ih: Array  # (G*H, I)
    weight_hh: Array | None  # (Q*H, P)
    bias_ih: Array | None  # (G*H,)
    bias_hh: Array | None  # (Q*H,)
    weight_hr: Array | None  # (P, H), the projection
    norm_ih: Array | None  # (G*H,), gain of the layer normalisation of W x
    norm_hh: Array | None  # (Q*H,), the same of R h
    params: tuple[Array, ...]  # (H,) each, the cell's own parameters
    initial: tuple[Array, ...] | None  # learnt first states, (P,) and (H,)...; None: zeros
    cell: str = ""  # the built-in cell whose equations these are exactly: "lstm", "rnn_relu"...
    reverse: bool = False  # from the last real step to the first

    @property
    def output_size(self) -> int:
        """Features of the first state, P."""
        return self.hidden_size if self.weight_hr is None else len(self.weight_hr)


@dataclass(frozen=True)
class Operation:
    """An operation on values; `attributes` are numbers, texts, or `Direction`s."""

    kind: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Graph:
    """Operations in the order in which they can be computed.

    `first` holds the first value of each state, by the name of the value before, with B = 1.

    >>> graph = Graph("step")
    >>> x = graph.input("x", ("B", 3))
    >>> (y,) = graph.add("tanh", x, shapes=[x.shape])
    >>> graph.output("y", y)
    >>> [operation.kind for operation in graph.operations], graph.outputs[0].name
    (['tanh', 'identity'], 'y')
    """

    form: Form
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    states: list[tuple[Value, Value]] = field(default_factory=list)  # before, after
    first: dict[str, Array] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)  # name of a value -> its numbers
    operations: list[Operation] = field(default_factory=list)
    below: dict[str, int] = field(default_factory=dict)  # what ids of an int64 input stay below

    def input(
        self, name: str, shape: Shape, dtype: DType = "float32", below: int | None = None
    ) -> Value:
        """An input of the network that is no state; ids are from 0 to `below`, without it."""
        value = Value(name, shape, dtype)
        self.inputs.append(value)
        if below is not None:
            self.below[name] = below
        return value

    def output(self, name: str, value: Value) -> None:
        """Give out a value under this name."""
        self.outputs.append(self._renamed(name, value))

    def state(self, name: str, first: Array) -> Value:
        """A state before the step; `first`, with B = 1, is what a reset sets it to.

        `update` must name the state after it.
        """
        self.first[name] = first = _plain(first)
        shape: Shape = (len(first), "B", *first.shape[2:])
        return Value(name, shape, _dtype(first))

    def update(self, before: Value, after: Value) -> None:
        """Say what a state is after the step; its name is the state's with `new_` before it."""
        self.states.append((before, self._renamed(f"new_{before.name}", after)))

    def add(
        self,
        kind: str,
        *inputs: Value,
        shapes: Sequence[Shape],
        dtype: DType = "float32",
        **attributes: Any,
    ) -> tuple[Value, ...]:
        """Add an operation; its outputs have `shapes`."""
        start = sum(len(each.outputs) for each in self.operations)
        outputs = tuple(Value(f"v{start + i}", shape, dtype) for i, shape in enumerate(shapes))
        self.operations.append(Operation(kind, inputs, outputs, attributes))
        return outputs

    def constant(self, name: str, numbers: Array) -> Value:
        """A weight or another fixed tensor; numbers that are there already are not kept twice."""
        numbers, chosen, count = _plain(numbers), name, 0
        while chosen in self.constants:
            if np.array_equal(self.constants[chosen], numbers):
                break
            count += 1
            chosen = f"{name}_{count}"
        self.constants[chosen] = numbers
        return Value(chosen, numbers.shape, _dtype(numbers))

    def _renamed(self, name: str, value: Value) -> Value:
        named = Value(name, value.shape, value.dtype)
        self.operations.append(Operation("identity", (value,), (named,)))
        return named


def _plain(numbers: Array) -> Array:
    kind = {"f": np.float32, "b": np.bool_}.get(numbers.dtype.kind, np.int64)
    return np.array(numbers, kind, order="C")


def _dtype(numbers: Array) -> DType:
    return {"f": "float32", "b": "bool"}.get(numbers.dtype.kind, "int64")  # type: ignore[return-value]
