"""Inputs on which a target is compared with the model: short, long, ragged and empty sequences."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Graph, Value
from elman.nn.lengths import mask_of

Inputs = dict[str, Tensor]
LONGEST = 50  # steps
_LENGTHS = ([1], [2], [LONGEST], [7, 0, 3, 1], [0, 0])


def cases(spec: ExportSpec, name: str, seed: int = 0) -> Iterator[tuple[str, Inputs]]:
    """What a case of a graph is, and its inputs and states by name.

    States are the first ones, and of recurrent layers random numbers, too.
    """
    graph, generator = spec.graph(name), torch.Generator().manual_seed(seed)
    if graph.form == "step":
        for batch in (1, 3):
            for kind in ("first", "random") if graph.states else ("no",):
                states = (
                    initial(graph, batch) if kind == "first" else random(graph, batch, generator)
                )
                inputs = {
                    v.name: drawn(spec, graph, v, {"B": batch}, generator) for v in graph.inputs
                }
                yield f"a batch of {batch}, {kind} states", {**inputs, **states}
        return
    for ragged in _LENGTHS:
        lengths = [max(length, spec.shortest) for length in ragged]
        sizes = {"T": max(lengths), "B": len(lengths)}
        for kind in ("first", "random") if graph.states else ("no",):
            batch = len(lengths)
            states = initial(graph, batch) if kind == "first" else random(graph, batch, generator)
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


def initial(graph: Graph, batch: int) -> Inputs:
    """The first value of each state."""
    found = {}
    for before, _ in graph.states:
        first = torch.from_numpy(graph.first[before.name])
        found[before.name] = first.expand(-1, batch, *first.shape[2:]).contiguous()
    return found


def random(graph: Graph, batch: int, generator: torch.Generator) -> Inputs:
    """States of recurrent layers at random; the first value of all others."""
    found = initial(graph, batch)
    for name in _of_layers(graph) & set(found):
        noise = torch.randn(found[name].shape, generator=generator)
        found[name] = found[name] + 0.5 * noise
    return found


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


def _of_layers(graph: Graph) -> set[str]:
    """The names that recurrent operations read as states, also by way of slices."""
    sources = {
        operation.outputs[0].name: operation.inputs[0].name
        for operation in graph.operations
        if operation.kind == "slice"
    }
    firsts = {"recurrent": 2, "recurrent_step": 1}
    names = {
        value.name
        for operation in graph.operations
        if operation.kind in firsts
        for value in operation.inputs[firsts[operation.kind] :]
    }
    return names | {sources[name] for name in names if name in sources}
