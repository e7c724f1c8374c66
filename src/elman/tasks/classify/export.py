"""A classifier's graphs to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elman.nn import Ragged
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Graph, Value
from elman.nn.graph_ops import apply, embedding, reduced, reshape, weight
from elman.tasks.classify.described import described
from elman.tasks.classify.ngram_model import NgramModel
from elman.tasks.ensemble import only_network
from elman.tasks.sequence_export import (
    Ending,
    named_inputs,
    probabilities,
    refuse_step,
    sequence_spec,
)
from elman.tasks.summary_export import WHOLE, with_linear, with_summary

if TYPE_CHECKING:
    from elman.tasks.classify.task import Classify

_BATCH = 32


def export_spec(task: "Classify") -> ExportSpec:
    """Graphs from tokens or features to `scores` (logits) and `probabilities`, (B, classes)."""
    known, model = task.preprocessing, only_network(task)
    spec = sequence_spec(model, _ending(task), states=False)
    if known.linear is not None:
        spec = refuse_step(spec, WHOLE.format(linear=known.linear))
    return replace(
        spec,
        preprocessing=described(task),
        metadata={"task": task.name, "labels": "\n".join(known.labels)},
        batches=lambda data: (each for each in _batches(task, task.read(data, labelled=False))),
        metrics=lambda runs, data: _metrics(task, runs, data),
        objective=(task.objective.name, bool(task.objective.maximize)),
    )


def _ending(task: "Classify") -> Ending:
    """Scores, with those of a linear model if there is one, and probabilities."""
    known, head = task.preprocessing, only_network(task).head
    last = probabilities(several=task.several)
    if known.summary is not None:
        return with_summary(last, known.summary, head)
    ngrams: NgramModel | None = known.ngrams
    if ngrams is None:
        return last

    def of_inputs(inputs: Mapping[str, Tensor]) -> Tensor:
        rows = ngrams.weight[inputs["ngram_columns"]] * inputs["ngram_values"].unsqueeze(-1)
        return rows.sum(1) + ngrams.bias

    return with_linear(last, head, lambda graph: _of_ngrams(graph, ngrams), of_inputs)


def _of_ngrams(graph: Graph, ngrams: NgramModel) -> Value:
    """The n-gram model's scores from `ngram_columns` and `ngram_values`, (B, K)."""
    width = len(ngrams.weight)
    columns = graph.input("ngram_columns", ("B", "K"), "int64", below=max(1, width))
    values = graph.input("ngram_values", ("B", "K"))
    table = ngrams.weight if width else ngrams.weight.new_zeros(1, ngrams.weight.shape[1])
    terms = apply(
        graph, "mul", embedding(graph, columns, table), reshape(graph, values, "B", "K", 1)
    )
    return apply(
        graph, "add", reduced(graph, "sum", terms, [1]), weight(graph, "bias", ngrams.bias)
    )


def _batches(task: "Classify", data: Any) -> Iterator[dict[str, Tensor]]:
    """Inputs of the sequence graph in the order of the data."""
    known, encoder = task.preprocessing, only_network(task).encoder
    words = known.words(data.texts) if known.vocabulary is not None else None
    sequences = known.sequences(data) if words is None else words.sequences
    for start in range(0, len(sequences), _BATCH):
        padded, lengths = Ragged.from_list(sequences[start : start + _BATCH]).pad()
        inputs = padded if words is None else words.inputs(padded)
        found = {**named_inputs(encoder, inputs), "lengths": lengths}
        part = slice(start, start + _BATCH)
        if known.ngrams is not None:
            found |= _ngram_inputs(known.ngrams, data.texts[part])
        if known.summary is not None:
            features = [each.numpy() for each in sequences[part]]
            found["statistics"] = known.summary.statistics(features)
        yield found


def _ngram_inputs(ngrams: NgramModel, texts: list[str]) -> dict[str, Tensor]:
    rows = ngrams.vectors.transform(texts)
    counts = np.diff(rows.starts)
    columns = np.zeros((len(texts), max(1, counts.max(initial=0))), np.int64)
    values = np.zeros(columns.shape, np.float32)
    real = np.arange(columns.shape[1]) < counts[:, None]
    columns[real], values[real] = rows.columns, rows.values
    return {"ngram_columns": torch.from_numpy(columns), "ngram_values": torch.from_numpy(values)}


def _metrics(task: "Classify", runs: Mapping[str, Run], data: Any) -> dict[str, float]:
    dataset = task.read(data, labelled=True)
    scores = [runs["sequence"](batch)["scores"] for batch in _batches(task, dataset)]
    return task.metrics(list(torch.cat(scores)), task.preprocessing, dataset)
