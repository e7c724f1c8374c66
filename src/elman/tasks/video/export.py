"""Models that tell labels to export, and what a program has to do before and after."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from elman.nn.export_spec import ExportSpec, Run
from elman.tasks.ensemble import only_network
from elman.tasks.sequence_export import (
    measured,
    named_inputs,
    probabilities,
    refuse_step,
    sequence_spec,
)
from elman.tasks.summary_export import WHOLE, described, with_summary
from elman.tasks.video import forecaster_export
from elman.tasks.video.batches import Clips
from elman.tasks.video.motion import motion_energy

if TYPE_CHECKING:
    from elman.data.video.frame_format import Frame
    from elman.tasks.video.classifying import Classifying
    from elman.tasks.video.events import Events
    from elman.tasks.video.settings import VideoSettings
    from elman.tasks.video.task import Video

_MOTION = (
    "the mean absolute change from each frame to the next, of 255, in each of 3 x 3 parts of the"
    " frame, row by row: where a side is not three times a number, the first parts have a pixel"
    " more; of one frame a step of zeros"
)

_TOLD = "tell the labels whose probability is above told_above, the likeliest first"
_EVENTS = (
    "a frame has a label where its probability is above told_above; where `exclusive`, its"
    " likeliest label alone, and the probabilities of others are 0. Runs of a label with at most"
    " `pause` frames between them are one event, of at least `shortest` frames; times are frames /"
    " a_second, the confidence is the mean probability from start to end"
)
_WINDOWS = (
    "the network reads in both directions: windows of `window` frames that begin `hop` frames"
    " apart; the last is the first that the video's end cuts short. Of each its frames count from"
    " those on that the windows before have told, up to window - floor(hop / 2), of the last up to"
    " its end. elman also reads the change of a window's first frame from the one before, where"
    " the model reads changes: beyond the first window probabilities may differ a little"
)


def export_spec(task: "Video") -> ExportSpec:
    """Graphs from frames to `scores` (logits) and `probabilities` of the labels, of a clip or at
    each of its frames."""
    kind = task.settings.kind
    if kind == "predict":
        return forecaster_export.export_spec(task)
    known, model = task._known, only_network(task)
    several = known.several or kind == "events"
    about = {
        "task": task.name,
        "labels": known.labels,
        "frames": known.described("pixels from 0 to 255, as they are"),
    }
    if several:
        limits = model.head.thresholds.sigmoid().tolist()
        about["told_above"] = [round(each, 6) for each in limits]
        about["told"] = _TOLD if kind != "events" else _EVENTS
    if kind == "events":
        assert known.rules is not None
        about["events"] = {**vars(known.rules), **_windows(task.settings)}
    ending = probabilities(several=several)
    if known.motion is not None:
        ending = with_summary(ending, known.motion, model.head)
        about["statistics"] = described(known.motion, _MOTION)
    spec = sequence_spec(model, ending, states=False)
    if known.motion is not None:
        spec = refuse_step(spec, WHOLE.format(linear="summary"))
    return replace(
        spec,
        preprocessing=about,
        metadata={"task": task.name, "labels": "\n".join(known.labels)},
        batches=lambda data: _batches(task, data),
        metrics=lambda runs, data: measured(task, data, lambda batch: _outputs(task, runs, batch)),
        shortest=1,
        objective=("loss", False),
    )


def _windows(settings: "VideoSettings") -> dict[str, Any]:
    """How a long video is read."""
    if not settings.bidirectional:
        return {"windows": "none: the network reads forwards, frame by frame"}
    window = settings.window
    assert window is not None
    return {"windows": _WINDOWS, "window": window, "hop": max(1, window // 2)}


def _batches(task: "Video", data: Any) -> Iterator[dict[str, Tensor]]:
    dataset = task.read(data, labelled=False)
    for batch in task.batches(task.preprocessing, dataset, training=False).epoch(0):
        if task.settings.kind != "events":
            yield _named(task, batch.inputs)
            continue
        size = task.settings.window
        for i in range(0, len(batch), size):
            yield _named(task, _one(batch[i : i + size]))


def _named(task: "Video", clips: Clips) -> dict[str, Tensor]:
    found = {**named_inputs(only_network(task).encoder, clips), "lengths": clips.lengths}
    motion = task._known.motion
    if motion is not None:
        each = torch.split(clips.frames, clips.lengths.tolist())
        found["statistics"] = motion.statistics([motion_energy(own.numpy()) for own in each])
    return found


def _one(frames: "Frame") -> Clips:
    """A video as a batch of one."""
    return Clips(torch.from_numpy(frames), torch.tensor([len(frames)]))


def _outputs(task: "Video", runs: Mapping[str, Run], batch: Any) -> Any:
    """What the graph gives of a batch, as the task's `outputs`; videos are read as a whole."""
    is_of_events = task.settings.kind == "events"
    clips = _one(batch) if is_of_events else batch.inputs
    scores = runs["sequence"](_named(task, clips))["scores"]
    part = cast("Classifying | Events", task._part)
    return part.as_outputs(only_network(task), scores.squeeze(1) if is_of_events else scores)
