"""What computes one sequence at a time, called with a batch as a graph is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.export.code.elements import ARRAYS
from elman.export.code.interface import LENGTHS
from elman.nn.graph import Array, Graph, Value


@dataclass(frozen=True)
class Case:
    """One sequence: arrays by name, their lengths by letter, all states one after the other."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    states: Array

    def zeros(self, value: Value) -> Array:
        """Room for a value."""
        shape = [self.sizes[each] if isinstance(each, str) else each for each in value.shape]
        return np.zeros(shape, ARRAYS[value.dtype])


@dataclass(frozen=True)
class Result:
    """Outputs by name, flat, and all states after it."""

    outputs: Mapping[str, Array]
    states: Array


class OneByOne:
    """A run of a graph, by `compute`, which a subclass has.

    Calling it takes inputs and states by name to outputs and new states, as
    `elman.nn.graph_run.run`; outputs of steps beyond a sequence's length are 0.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def compute(self, cases: Sequence[Case]) -> list[Result]:
        """Of each sequence its outputs and states."""
        raise NotImplementedError

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cut the batch, compute, and put the results together."""
        sizes = sizes_of(self.graph.inputs, inputs)
        cases = [self._case(inputs, at, sizes) for at in range(sizes["B"])]
        results = self.compute(cases)
        whole, found = Case(sizes, {}, np.zeros(0)), {}
        for value in self.graph.outputs:
            target, axis = whole.zeros(value), value.shape.index("B")
            for at, (case, result) in enumerate(zip(cases, results, strict=True)):
                own = np.moveaxis(target, axis, 0)[at]
                own = own[: case.sizes["T"]] if value.shape[0] == "T" else own
                own[...] = result.outputs[value.name].reshape(own.shape)
            found[value.name] = _as_graph(value, target)
        start = 0
        for _, after in self.graph.states:
            target, axis = whole.zeros(after), after.shape.index("B")
            parts = np.moveaxis(target, axis, 0)
            count = target.size // max(1, sizes["B"])
            for own, result in zip(parts, results, strict=True):
                own[...] = result.states[start : start + count].reshape(own.shape)
            start += count
            found[after.name] = _as_graph(after, target)
        return found

    def _case(self, inputs: Mapping[str, Tensor], at: int, sizes: Mapping[str, int]) -> Case:
        given = {value.name: _cut(value, inputs[value.name], at) for value in self.graph.inputs}
        own = {**sizes, "B": 1}
        if LENGTHS in given:
            own["T"] = int(given.pop(LENGTHS))
        arrays = {
            value.name: np.ascontiguousarray(
                given[value.name][: own["T"]] if value.shape[0] == "T" else given[value.name]
            )
            for value in self.graph.inputs
            if value.name != LENGTHS
        }
        states = [_cut(before, inputs[before.name], at).ravel() for before, _ in self.graph.states]
        return Case(own, arrays, np.concatenate([np.zeros(0, np.float32), *states]))


def sizes_of(values: Sequence[Value], tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """What the letters of shapes stand for."""
    return {
        letter: size
        for value in values
        for letter, size in zip(value.shape, tensors[value.name].shape, strict=True)
        if isinstance(letter, str)
    }


def _cut(value: Value, tensor: Tensor, at: int) -> Array:
    """The part of one sequence, in the type that it has in memory."""
    array = tensor.detach().select(value.shape.index("B"), at).numpy()
    return array.astype(ARRAYS[value.dtype])


def _as_graph(value: Value, array: Array) -> Tensor:
    return torch.from_numpy(array).to(getattr(torch, value.dtype))
