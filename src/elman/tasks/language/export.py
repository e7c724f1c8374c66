"""A language model's graphs to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.data.text.described import described
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.state import as_tuple
from elman.tasks.ensemble import only_network
from elman.tasks.model import SequenceModel
from elman.tasks.sequence_export import named, sequence_spec

if TYPE_CHECKING:
    from elman.tasks.language.task import Language


def export_spec(task: "Language") -> ExportSpec:
    """Graphs from `tokens` and states to `scores` (logits) of the next token at every step."""
    spec = sequence_spec(only_network(task), named("scores"))
    text = described(task.vocabulary)
    share = task.ngram_share
    alone = f"without the n-grams beside the network, whose share in elman is {share:.2f}"
    return replace(
        spec,
        preprocessing={"task": task.name, "text": text, "never_written": [0, 1]},
        metadata={"task": task.name, "vocabulary": f"{task.vocabulary.size} {text['kind']}"},
        batches=lambda data: _batches(task, data),
        metrics=lambda runs, data: _metrics(task, runs, data),
        notes=(alone,) if share else (),
        objective=(task.objective.name, bool(task.objective.maximize)),
    )


def _batches(task: "Language", data: Any) -> Iterator[dict[str, Tensor]]:
    """The chunks of a text as they are scored, each from the first states."""
    model = task.model
    dataset = task.read(data, labelled=True)
    for parts in task.batches(task.preprocessing, dataset, training=False).epoch(0):
        for inputs, *_ in parts:
            yield _named(model, inputs, None)


def _named(model: SequenceModel, inputs: Tensor, state: Any) -> dict[str, Tensor]:
    batch = inputs.shape[1]
    before = as_tuple(state) or model.recurrent.first_states(batch)
    lengths = torch.full((batch,), len(inputs))
    states = dict(zip(model.recurrent.cell.state, before, strict=True))
    return {"tokens": inputs, "lengths": lengths, **states}


def _metrics(task: "Language", runs: Mapping[str, Run], data: Any) -> dict[str, float]:
    """Those of the task whose network is computed by another."""
    model = copy(task.model)

    def forward(inputs: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        found = runs["sequence"](_named(model, inputs, state))
        return found["scores"], tuple(found[f"new_{n}"] for n in model.recurrent.cell.state)

    model.forward = forward  # type: ignore[assignment]
    other = copy(task)
    other._model = model
    return other.evaluate(data)
