"""A network as a graph of few operations: what every export target starts from.

A module describes itself by adding operations to a `Graph`; a target writes the operations in its
own language and knows no module. The graph has one of two forms:

- `"sequence"`: inputs (T, B, ...), with `lengths` (B,) int64, to outputs of all steps or of the end;
- `"step"`: one time step, inputs (B, ...) and states to outputs (B, ...) and new states, always
  named and always tuples: `(x, *state) -> (y, *state)`.

States are (layers * directions, B, H), as layers take them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Form = Literal["sequence", "step"]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Value:
    """A named tensor: sizes are numbers, or letters for what is known only at the call (T, B)."""

    name: str
    shape: tuple[int | str, ...]
    dtype: Literal["float32", "int64", "bool"] = "float32"


@dataclass(frozen=True)
class Direction:
    """One direction of one recurrent layer: its equations and weights, without dropout.

    G gates, of which Q are recurrent; I inputs, H hidden units, output size P, which is H unless
    it is projected. Zoneout's expectation is part of the equations.
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
    initial: tuple[Array, ...] | None  # learnt first states, (P,) and (H,)...
    cell: str = ""  # the built-in cell's name where it is one exactly: "lstm", "gru", "rnn_tanh"...


@dataclass(frozen=True)
class Operation:
    """An operation on values; `attributes` are numbers, texts, or `Direction`s."""

    kind: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Graph:
    """Operations in the order in which they can be computed."""

    form: Form
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    states: list[tuple[Value, Value]] = field(default_factory=list)  # before, after
    constants: dict[str, Array] = field(default_factory=dict)  # name of a value -> its numbers
    operations: list[Operation] = field(default_factory=list)

    def add(
        self, kind: str, *inputs: Value, shapes: Sequence[tuple[int | str, ...]], **attributes: Any
    ) -> tuple[Value, ...]:
        """Add an operation; its outputs have `shapes`."""
        start = sum(len(each.outputs) for each in self.operations)
        outputs = tuple(Value(f"v{start + i}", shape) for i, shape in enumerate(shapes))
        self.operations.append(Operation(kind, inputs, outputs, attributes))
        return outputs

    def constant(self, name: str, numbers: Array) -> Value:
        """A weight or another fixed tensor."""
        numbers = np.ascontiguousarray(numbers)
        self.constants[name] = numbers
        return Value(name, numbers.shape)
