"""Inputs on which a target is compared with the model: short, long, ragged and empty sequences."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.lengths import mask_of

Inputs = dict[str, Tensor]
LONGEST = 50  # steps
_BEFORE = 3  # steps to the later states
_LENGTHS = ([1], [2], [LONGEST], [7, 0, 3, 1], [0, 0])


def cases(spec: ExportSpec, name: str, seed: int = 0) -> Iterator[tuple[str, Inputs]]:
    """What a case of a graph is, and its inputs and states by name.

    States are the first ones, and those after a few steps.
    """
    graph, generator = spec.graph(name), torch.Generator().manual_seed(seed)
    kinds = ("first", "later") if graph.states else ("no",)
    if graph.form == "step":
        for batch in (1, 3):
            for kind in kinds:
                states = _states(spec, name, kind, batch, generator)
                inputs = {
                    v.name: drawn(spec, graph, v, {"B": batch}, generator) for v in graph.inputs
                }
                yield f"a batch of {batch}, {kind} states", {**inputs, **states}
        return
    for ragged in _LENGTHS:
        lengths = [max(length, spec.shortest) for length in ragged]
        sizes = {"T": max(lengths), "B": len(lengths)}
        for kind in kinds:
            states = _states(spec, name, kind, len(lengths), generator)
            inputs = {
                value.name: torch.tensor(lengths)
                if value.name == "lengths"
                else drawn(spec, graph, value, sizes, generator)
                for value in graph.inputs
            }
            for own in spec.draw.keys() & inputs:  # these say themselves what is padding
                mask = mask_of(inputs["lengths"], sizes["T"])
                inputs[own][~mask] = 0
            yield f"lengths {lengths}, {kind} states", {**inputs, **states}


def _states(
    spec: ExportSpec, name: str, kind: str, batch: int, generator: torch.Generator
) -> Inputs:
    if kind == "later":
        return reached(spec, name, batch, generator)
    return initial(spec.graph(name), batch)


def initial(graph: Graph, batch: int) -> Inputs:
    """The first value of each state."""
    found = {}
    for before, _ in graph.states:
        first = torch.from_numpy(graph.first[before.name])
        found[before.name] = first.expand(-1, batch, *first.shape[2:]).contiguous()
    return found


def reached(spec: ExportSpec, name: str, batch: int, generator: torch.Generator) -> Inputs:
    """The states after a few steps of random inputs: from others, such as a normaliser below 0, the
    model need not be able to go on."""
    graph = spec.graph(name)
    states = initial(graph, batch)
    is_step = graph.form == "step"
    for _ in range(_BEFORE if is_step else 1):
        sizes = {"T": _BEFORE, "B": batch}
        inputs = {v.name: drawn(spec, graph, v, sizes, generator) for v in graph.inputs}
        if not is_step:
            inputs["lengths"] = torch.full((batch,), _BEFORE)
        with torch.inference_mode():
            found = spec.native[name]({**inputs, **states})
        states = {before.name: found[after.name] for before, after in graph.states}
    return states


def drawn(
    spec: ExportSpec,
    graph: Graph,
    value: Value,
    sizes: Mapping[str, int],
    generator: torch.Generator,
) -> Tensor:
    """An input at random: normal numbers, ids below the graph's bound, or truth values."""
    shape = [size if isinstance(size, int) else sizes.get(size, 5) for size in value.shape]
    if value.name in spec.draw:
        return spec.draw[value.name](shape, generator)
    if value.dtype == "float32":
        return torch.randn(shape, generator=generator)
    below = 2 if value.dtype == "bool" else graph.below.get(value.name, 2)
    ids = torch.randint(below, shape, generator=generator)
    return ids.bool() if value.dtype == "bool" else ids
