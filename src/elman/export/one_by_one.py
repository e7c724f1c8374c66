"""What computes one sequence at a time, called with a batch as a graph is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.nn.graph import Array, Graph, Shape, Value

LENGTHS = "lengths"  # an input that such code has not: a call computes one sequence of `steps`


@dataclass(frozen=True)
class Case:
    """One sequence: arrays by name, of `steps` steps, and all states one after the other."""

    steps: int
    inputs: Mapping[str, Array]
    states: Array


@dataclass(frozen=True)
class Result:
    """Outputs by name, flat, and all states after it."""

    outputs: Mapping[str, Array]
    states: Array


class OneByOne:
    """A run of a graph, by `compute`, which a subclass has.

    Calling it takes inputs and states by name to outputs and new states, as
    `elman.nn.graph_run.run`.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def compute(self, cases: Sequence[Case]) -> list[Result]:
        """Of each sequence its outputs and states."""
        raise NotImplementedError

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cut the batch, compute, and put the results together; padding is 0."""
        first = self.graph.inputs[0]
        batch = int(inputs[first.name].shape[first.shape.index("B")])
        cases = [self._case(inputs, at) for at in range(batch)]
        results = self.compute(cases)
        sized = next((v for v in self.graph.inputs if v.shape[0] == "T"), None)
        steps = 1 if sized is None else len(inputs[sized.name])
        found = {}
        for value in self.graph.outputs:
            whole, axis = _zeros(value, batch, steps), value.shape.index("B")
            for at, (case, result) in enumerate(zip(cases, results, strict=True)):
                own = np.moveaxis(whole, axis, 0)[at]
                own = own[: case.steps] if value.shape[0] == "T" else own
                own[...] = result.outputs[value.name].reshape(own.shape)
            found[value.name] = torch.from_numpy(whole)
        start = 0
        for _, after in self.graph.states:
            whole, axis = _zeros(after, batch, steps), after.shape.index("B")
            count = size(after.shape, steps)
            for at, result in enumerate(results):
                own = np.moveaxis(whole, axis, 0)[at]
                own[...] = result.states[start : start + count].reshape(own.shape)
            start += count
            found[after.name] = torch.from_numpy(whole)
        return found

    def _case(self, inputs: Mapping[str, Tensor], at: int) -> Case:
        given = {value.name: _cut(value, inputs[value.name], at) for value in self.graph.inputs}
        sized = next((v for v in self.graph.inputs if v.shape[0] == "T"), None)
        steps = 1 if sized is None else len(given[sized.name])
        if LENGTHS in given:
            steps = int(given.pop(LENGTHS))
        given = {
            value.name: np.ascontiguousarray(
                given[value.name][:steps] if value.shape[0] == "T" else given[value.name]
            )
            for value in self.graph.inputs
            if value.name != LENGTHS
        }
        states = [_cut(before, inputs[before.name], at).ravel() for before, _ in self.graph.states]
        return Case(steps, given, np.concatenate([np.zeros(0, np.float32), *states]))


def without_padding(
    graph: Graph, outputs: Mapping[str, Tensor], inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Outputs with 0 after each sequence's length: what such code computes says nothing of it."""
    found = dict(outputs)
    for value in graph.outputs:
        if LENGTHS in inputs and value.shape[0] == "T":
            tensor = outputs[value.name]
            padding = torch.arange(len(tensor)).unsqueeze(1) >= inputs[LENGTHS]
            padding = padding.view(*padding.shape, *(1,) * (tensor.dim() - 2))
            found[value.name] = tensor.masked_fill(padding, 0)
    return found


def size(shape: Shape, steps: int) -> int:
    """How many numbers a value has of one sequence."""
    known: dict[Any, int] = {"B": 1, "T": steps}
    return int(np.prod([known.get(each, each) for each in shape]))


def _zeros(value: Value, batch: int, steps: int) -> Array:
    known: dict[Any, int] = {"B": batch, "T": steps}
    return np.zeros([known.get(each, each) for each in value.shape], np.float32)


def _cut(value: Value, tensor: Tensor, at: int) -> Array:
    """The part of one sequence, as float32 or int32."""
    array = tensor.detach().select(value.shape.index("B"), at).numpy()
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
