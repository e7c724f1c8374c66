"""A translator's graphs to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.data.text.described import described
from elman.nn.export_spec import ExportSpec, Run
from elman.tasks import encoder_decoder_export
from elman.tasks.ensemble import only_network
from elman.tasks.sequence_export import named_inputs
from elman.tasks.translate.text_side import TextSide

if TYPE_CHECKING:
    from elman.tasks.translate.task import Translate

_SEARCH = (
    "encode the source; begin with start_id and the first states; at each step take the likeliest"
    " token (or follow a beam) until end_id, at most length_ratio times the source's tokens and ten"
)


def export_spec(task: "Translate") -> ExportSpec:
    """The graphs `encode` and `step` with the texts' sides."""
    known = task.preprocessing
    return replace(
        encoder_decoder_export.export_spec(only_network(task)),
        preprocessing={
            "task": task.name,
            "source": _side(known.source),
            "target": _side(known.target),
            "length_ratio": known.length_ratio,
            "search": _SEARCH,
        },
        metadata={"task": task.name},
        batches=lambda data: _batches(task, data),
        metrics=lambda runs, data: _metrics(task, runs, data),
        objective=("chrf", True),
    )


def _side(side: TextSide) -> dict[str, Any]:
    return {
        **described(side.vocabulary),
        "unicode": side.form.upper(),
        "white_space": "runs become one space, none at the ends",
        "chinese": side.chinese,
        "placeholder_ids": list(side.placeholder_ids),
        "start_id": side.start_id,
        "end_id": side.end_id,
        "source_ends_with": side.end_id,
    }


def _batches(task: "Translate", data: Any) -> Iterator[dict[str, Tensor]]:
    dataset = task.read(data, labelled=False)
    encoder = only_network(task).encoder
    for batch in task.batches(task.preprocessing, dataset, training=False).epoch(0):
        yield {**named_inputs(encoder.embedding, batch.source), "lengths": batch.lengths}


def _metrics(task: "Translate", runs: Mapping[str, Run], data: Any) -> dict[str, float]:
    other = copy(task)
    other._model = encoder_decoder_export.with_runs(only_network(task), runs)
    return other.evaluate(data)
