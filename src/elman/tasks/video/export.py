"""A classifier of clips to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.nn.export_spec import ExportSpec, Run
from elman.tasks.ensemble import only_network
from elman.tasks.sequence_export import measured, named_inputs, probabilities, sequence_spec
from elman.tasks.video import forecaster_export

if TYPE_CHECKING:
    from elman.tasks.video.task import Video


def export_spec(task: "Video") -> ExportSpec:
    """Graphs from frames to `scores` (logits) and `probabilities` of the labels."""
    if task.settings.kind == "predict":
        return forecaster_export.export_spec(task)
    known, model = task.preprocessing, only_network(task)
    return replace(
        sequence_spec(model, probabilities(), states=False),
        preprocessing={
            "task": task.name,
            "labels": known.labels,
            "frames": known.described("pixels from 0 to 255, as they are"),
        },
        metadata={"task": task.name, "labels": "\n".join(known.labels)},
        batches=lambda data: _batches(task, data),
        metrics=lambda runs, data: measured(task, data, lambda batch: _outputs(task, runs, batch)),
        shortest=1,
        objective=("loss", False),
    )


def _named(task: "Video", batch: Any) -> dict[str, Tensor]:
    return {**named_inputs(only_network(task).encoder, batch.inputs), "lengths": batch.lengths}


def _batches(task: "Video", data: Any) -> Iterator[dict[str, Tensor]]:
    dataset = task.read(data, labelled=False)
    for batch in task.batches(task.preprocessing, dataset, training=False).epoch(0):
        yield _named(task, batch)


def _outputs(task: "Video", runs: Mapping[str, Run], batch: Any) -> Tensor:
    return runs["sequence"](_named(task, batch))["scores"]
