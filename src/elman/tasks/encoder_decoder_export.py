"""The graphs of an `EncoderDecoder` to export: reading a source, and writing one token."""

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elman.nn.attention import Memory
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe
from elman.tasks.sequence_export import encoder_inputs, graph_inputs, named_inputs

if TYPE_CHECKING:
    from elman.tasks.encoder_decoder import EncoderDecoder

_MEMORY = len(Memory._fields)
_PARTS = ("memory_values", "memory_keys", "memory_mask")
_REFUSED = (
    "an encoder-decoder has no sequence form, as it writes token by token: leave the form out, or"
    ' take "step" (--streaming)'
)


def export_spec(model: "EncoderDecoder") -> ExportSpec:
    """The graph `encode`, from a source to a memory and the decoder's first states, and `step`,
    from a token, the memory and the states to `scores` of the next token and new states."""
    graphs = {"encode": _encode(model), "step": _step(model)}
    native: dict[str, Run] = {
        "encode": lambda inputs: _named(
            model, model.encode(_source(model, inputs), inputs["lengths"])
        ),
        "step": lambda inputs: _run_step(model, inputs),
    }
    return ExportSpec(graphs, native, {"sequence": _REFUSED})


def with_runs(model: Any, runs: Mapping[str, Run]) -> "EncoderDecoder":
    """The same model with `encode` and `step`, and so `forward`, computed by others."""
    other: Any = copy(model)
    names = (*_PARTS, *_states(model))

    def encode(source: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        given = named_inputs(model.encoder.embedding, source)
        whole = torch.full((source.shape[1],), len(source))
        found = runs["encode"]({**given, "lengths": whole if lengths is None else lengths})
        values = found["memory_values"]
        return tuple(found.get(name, values) for name in names)

    def step(ids: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        count = len(ids) // max(1, state[0].shape[1])
        memory = [part.repeat_interleave(count, 1) for part in state[:_MEMORY]]
        given = dict(zip(names, (*memory, *state[_MEMORY:]), strict=True))
        if not _has_keys(model):
            del given["memory_keys"]
        found = runs["step"]({"tokens": ids, **given})
        after = tuple(found[f"new_{name}"] for name in _states(model))
        return found["scores"], (*state[:_MEMORY], *after)

    def forward(source: Tensor, lengths: Tensor | None, target: Tensor) -> Tensor:
        state, scores = encode(source, lengths), []
        for ids in target:
            one, state = step(ids, state)
            scores.append(one)
        return torch.stack(scores)

    other.encode, other.step, other.forward = encode, step, forward
    found: EncoderDecoder = other
    return found


def _encode(model: Any) -> Graph:
    graph = Graph("sequence")
    inputs = graph_inputs(graph, model.encoder.embedding)
    lengths = graph.input("lengths", ("B",), "int64")
    encoded = model.encoder.to_graph(graph, *inputs, lengths)
    memory = model.attention.memory_in_graph(graph, encoded, lengths)
    first = model.bridge.to_graph(graph, encoded, lengths)
    for name, value in {**memory, **dict(zip(_states(model), first, strict=True))}.items():
        graph.output(name, value)
    return graph


def _step(model: Any) -> Graph:
    graph = Graph("step")
    tokens = graph_inputs(graph, model.decoder.embedding)
    memory = {
        "memory_values": graph.input("memory_values", ("S", "B", model.attention.memory_size))
    }
    if _has_keys(model):
        memory["memory_keys"] = graph.input("memory_keys", ("S", "B", model.attention.size))
    memory["memory_mask"] = graph.input("memory_mask", ("S", "B"), "bool")
    shapes = model.bridge.shapes
    states = tuple(
        graph.state(name, np.zeros((count, 1, size)))
        for name, (count, size) in zip(_states(model), shapes, strict=True)
    )

    def attend(query: Value) -> Value:
        found: Value = model.attention.attend_in_graph(graph, query, memory)
        return found

    output, after = model.decoder.to_graph(graph, tokens, states, attend)
    graph.output("scores", describe(graph, model.head, output))
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _states(model: Any) -> tuple[str, ...]:
    """The names of the decoder's states."""
    found: tuple[str, ...] = model.decoder.state_names
    return found


def _has_keys(model: Any) -> bool:
    return bool(getattr(model.attention, "kind", "") == "additive")


def _source(model: Any, inputs: Mapping[str, Tensor]) -> Any:
    return encoder_inputs(model.encoder.embedding, inputs)


def _named(model: Any, state: tuple[Tensor, ...]) -> dict[str, Tensor]:
    found = dict(zip((*_PARTS, *_states(model)), state, strict=True))
    if not _has_keys(model):
        del found["memory_keys"]
    return found


def _run_step(model: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    values = inputs["memory_values"]
    memory = (values, inputs.get("memory_keys", values), inputs["memory_mask"])
    states = tuple(inputs[name] for name in _states(model))
    scores, state = model.step(inputs["tokens"], (*memory, *states))
    after = zip(_states(model), state[_MEMORY:], strict=True)
    return {"scores": scores, **{f"new_{name}": part for name, part in after}}
