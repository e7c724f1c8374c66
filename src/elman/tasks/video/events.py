"""The kind of video task that finds events in long videos: its network, loss, answers, metrics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.errors import SettingsError
from elman.nn.lengths import mask_of
from elman.tasks.batches import Padded
from elman.tasks.classify.losses import smoothed
from elman.tasks.metrics import fit_temperature
from elman.tasks.model import SequenceModel
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.event_baselines import baselines
from elman.tasks.video.event_batches import EventWindows, WholeVideos, targets_of
from elman.tasks.video.event_metrics import event_metrics, frame_metrics
from elman.tasks.video.event_plan import event_plan
from elman.tasks.video.event_report import EventRun
from elman.tasks.video.event_session import EventSession
from elman.tasks.video.event_thresholds import best_thresholds
from elman.tasks.video.event_tracker import FoundEvent, at_frames, by_start
from elman.tasks.video.frame_reader import whole_scores
from elman.tasks.video.heads import Scored, mean_outputs, threshold_words
from elman.tasks.video.hold_out import later_events_held_out
from elman.tasks.video.network import frame_labeller
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.train import Step
from elman.train.inference import infer
from elman.train.objective import Objective

if TYPE_CHECKING:
    from elman.tasks.video.task import Video

_MOST_FRAMES = 20_000  # by which the temperature is found


class Events:
    """What `Video` does where events are found in long videos; its methods are those of `Hooks`.

    Each label has a probability of its own at each frame, so that events of several labels may
    overlap; what belongs to no event is background.
    """

    columns = "events", "name"
    compared_by: str | None = "frame_accuracy"
    session_type = EventSession

    def __init__(self, task: "Video") -> None:
        self.task, self.settings = task, task.settings

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; videos of one source stay together, and where there is
        but one source its last part is held out."""
        if len(set(data.clips.groups)) > 1:
            return data.split_known(self.settings.held_out, self.settings.seed)
        return later_events_held_out(data, self.settings.held_out)

    def plan(self, train: VideoData) -> Plan:
        """By the sizes and rates of the videos, and how long events last."""
        return event_plan(train, self.task.asked, self.settings.preset)

    def build(self, preprocessing: VideoPreprocessing) -> SequenceModel:
        """Features of frames, recurrent layers, and the scores of labels at each frame."""
        cell = self.task.cell or self.settings.cell
        return frame_labeller(self.settings, cell, preprocessing.pixels, len(preprocessing.labels))

    def batches(
        self, preprocessing: VideoPreprocessing, data: VideoData, *, training: bool
    ) -> EventWindows | WholeVideos:
        """Windows at random places, or whole videos."""
        frames = preprocessing.frames(data)
        if training:
            return EventWindows(frames, preprocessing.frame_labels(data), self.settings)
        return WholeVideos(frames)

    def loss(self, model: SequenceModel, batch: Padded, state: None) -> Step:
        """Binary cross entropy of each label at each frame."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        targets = targets_of(batch.targets, len(scores))
        targets = smoothed(targets, self.settings.label_smoothing)
        losses = F.binary_cross_entropy_with_logits(scores, targets, reduction="none")
        is_real = mask_of(batch.lengths, len(scores)).unsqueeze(-1)
        count = batch.lengths.sum()
        loss = (losses * is_real).sum() / (count * scores.shape[-1])
        return Step(loss, len(batch.lengths), state, count)

    def outputs(self, model: Any, batch: Any) -> list[Scored]:
        """The scores of the labels at each frame of a video, and their thresholds."""
        scores = whole_scores(
            model, batch, window=self.settings.window, is_forward=not self.settings.bidirectional
        )
        return self.as_outputs(model, scores)

    def as_outputs(self, model: Any, scores: Tensor) -> list[Scored]:
        """The scores of one video, (T, labels), with the thresholds of a network."""
        return [Scored(scores, model.head.thresholds)]

    def average(self, outputs: Sequence[Any]) -> Any:
        """The scores of the mean of the probabilities."""
        return mean_outputs(outputs)

    def decode(
        self,
        output: Sequence[Scored],
        preprocessing: VideoPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The events of each video, in the order of their starts."""
        if options.get("n", 1) != 1:
            raise SettingsError(
                "n is for models that give one answer for a clip: this one finds events"
            )
        return [Prediction(_events(each, preprocessing), columns=self.columns) for each in output]

    def rows(self, predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """A row for each event; one with an `error` for each video that cannot be read."""
        has_errors = any(each.error is not None for each in predictions)
        found: list[dict[str, Any]] = []
        for each in predictions:
            own = [vars(event) for event in each.value or ()]
            if each.error is not None:
                own = [dict.fromkeys(FoundEvent.__dataclass_fields__)]
            error = {"error": each.error or ""} if has_errors else {}
            found += [{**event, "name": each.input, **error} for event in own]
        return found

    def metrics(
        self, output: Sequence[Scored], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """See `event_metrics`; the loss of a label at a frame."""
        actual, events = preprocessing.frame_labels(data), preprocessing.decoded(data).events
        found = [_events(each, preprocessing) for each in output]
        labels, rate = preprocessing.labels, preprocessing.rate
        pairs = zip(found, actual, strict=True)
        told = [at_frames(own, labels, len(frames), rate) for own, frames in pairs]
        total = sum(
            float(F.binary_cross_entropy_with_logits(each.scores, _floats(own), reduction="sum"))
            for each, own in zip(output, actual, strict=True)
        )
        loss = total / sum(own.size for own in actual)
        return {**event_metrics(events, found), **frame_metrics(actual, told), "loss": loss}

    @property
    def objective(self) -> Objective:
        """The metric of the settings; of accuracy and F1 that of the frames."""
        names = {"accuracy": "frame_accuracy", "macro_f1": "frame_f1"}
        name = names.get(self.settings.metric, "loss")
        return Objective(name, maximize=name != "loss")

    def calibrate(self, model: Any, validation: VideoData) -> None:
        """Find the temperature of the probabilities, and the thresholds with the best events."""
        known: VideoPreprocessing = self.task._preprocessing
        head = model.head
        head.temperature.fill_(1)
        videos = WholeVideos(known.frames(validation))
        scores = [each.scores for each in infer(model, videos, self.outputs)]
        actual = [_floats(own) for own in known.frame_labels(validation)]
        together, targets = torch.cat(scores), torch.cat(actual)
        step = -(-len(together) // _MOST_FRAMES)
        temperature = fit_temperature(together[::step], targets[::step])
        head.temperature.fill_(temperature)
        sure = [(each / temperature).sigmoid().numpy() for each in scores]
        events = known.decoded(validation).events
        assert known.rules is not None
        limits = best_thresholds(sure, events, known.labels, known.rules, known.rate)
        head.thresholds.copy_(torch.from_numpy(limits).logit())
        self.task.planned = [*self.task.planned, threshold_words(known.labels, head.thresholds)]

    def baselines(self, train: VideoData, held_out: VideoData) -> list[Baseline]:
        """No event at all, and linear models of each frame alone."""
        return baselines(self.task._known, train, held_out, self.settings.seed)

    def scores(
        self, output: Sequence[Scored], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """The share of frames with all labels right, of each video."""
        labels, rate = preprocessing.labels, preprocessing.rate
        found = []
        for each, own in zip(output, preprocessing.frame_labels(data), strict=True):
            told = at_frames(_events(each, preprocessing), labels, len(own), rate)
            found.append(float((told == own).all(1).mean()))
        return np.array(found)

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:
        """Events on the line of time, each label, the data."""
        known = self.task._known
        return EventRun(self.task, known.decoded(train), known.decoded(held_out)).own()


def _events(output: Scored, preprocessing: VideoPreprocessing) -> tuple[FoundEvent, ...]:
    tracker = preprocessing.tracker(output.thresholds)
    found = [*tracker.track(output.scores.sigmoid().numpy()), *tracker.finish()]
    return tuple(sorted(found, key=by_start))


def _floats(labels: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(labels.astype(np.float32))
