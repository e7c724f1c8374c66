"""The kind of video task that predicts a clip's label: its network, loss, answers and metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.errors import DataError
from elman.tasks.batches import Padded
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.classify.losses import mean_scores
from elman.tasks.likeliest import likeliest
from elman.tasks.metrics import calibrated
from elman.tasks.model import SequenceModel
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction, rows
from elman.tasks.run_report.run import Own
from elman.tasks.video.baselines import baselines
from elman.tasks.video.batches import ClipBatches, in_order
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.network import classifier
from elman.tasks.video.plan import plan
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.tasks.video.run_report import VideoRun
from elman.tasks.video.session import VideoSession
from elman.train import Step
from elman.train.inference import ByLength, infer
from elman.train.objective import Objective

if TYPE_CHECKING:
    from elman.tasks.video.task import Video


class Classifying:
    """What `Video` does where clips have labels; its methods are those of `Hooks`."""

    columns = "label", "name"
    compared_by: str | None = "accuracy"
    session_type = VideoSession

    def __init__(self, task: "Video") -> None:
        self.task, self.settings = task, task.settings

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; clips of one source stay together."""
        train, held_out = data.split(self.settings.held_out, self.settings.seed)
        known = set(train.labels)
        kept = [i for i, label in enumerate(held_out.labels) if label in known]
        if not kept:
            raise DataError("no class has clips of two sources: give validation data of its own")
        return train, held_out.select(kept)

    def plan(self, train: VideoData) -> Plan:
        """By the numbers of clips, frames and classes."""
        return plan(train, self.task.asked, self.settings.preset)

    def build(self, preprocessing: VideoPreprocessing) -> SequenceModel:
        """Features of frames, recurrent layers, and the scores of classes."""
        cell = self.task.cell or self.settings.cell
        classes, several = len(preprocessing.labels), preprocessing.several
        return classifier(self.settings, cell, preprocessing.pixels, classes, several=several)

    def batches(
        self, preprocessing: VideoPreprocessing, data: VideoData, *, training: bool
    ) -> ClipBatches | ByLength[Padded]:
        """Clips of similar length, varied while training."""
        if not training:
            return self.in_order(preprocessing, data)
        frames, targets = preprocessing.frames(data), preprocessing.targets(data)
        return ClipBatches(frames, targets, self.settings, [len(each) for each in frames])

    def in_order(self, preprocessing: VideoPreprocessing, data: VideoData) -> ByLength[Padded]:
        """Clips of similar length, for inference."""
        frames, targets = preprocessing.frames(data), preprocessing.targets(data)
        lengths = [len(each) for each in frames]
        return in_order(frames, targets, lengths, preprocessing.linear_scores(data))

    def loss(self, model: SequenceModel, batch: Padded, state: None) -> Step:
        """Cross entropy."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        smoothing = self.settings.label_smoothing
        loss = F.cross_entropy(scores, batch.targets, label_smoothing=smoothing)
        return Step(loss, len(batch.lengths), state)

    def outputs(self, model: SequenceModel, batch: Padded) -> Any:
        """The scores of the classes, (B, classes)."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        head = cast("ClassifyHead", model.head)
        return self.as_outputs(model, head.with_linear(scores, batch.beside))

    def as_outputs(self, model: Any, scores: Tensor) -> Any:  # noqa: ARG002
        """Scores (B, classes) of a network as `outputs` gives them."""
        return scores

    def average(self, outputs: Sequence[Any]) -> Any:
        """The scores of the mean of the probabilities."""
        return mean_scores(outputs, several=False)

    def decode(
        self,
        output: Sequence[Any],
        preprocessing: VideoPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The most likely labels."""
        rows, n = preprocessing.probabilities(output), options.get("n", 1)
        found = [likeliest(row, preprocessing.labels, n) for row in rows]
        return [replace(each, columns=self.columns) for each in found]

    def rows(self, predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """A row for each clip."""
        return rows(predictions, self.columns[0])

    def probabilities(self, output: Sequence[Any]) -> NDArray[np.float32]:
        """The probability of each class, (N, classes)."""
        return self.task._known.probabilities(output)

    def metrics(
        self, output: Sequence[Any], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """See `elman.tasks.metrics`; and the loss at the temperature that fits best."""
        scores, targets = torch.stack(list(output)), preprocessing.targets(data)
        return calibrated(scores, targets, told=self.objective.name == "calibrated_loss")

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        metric = self.settings.metric
        name = "calibrated_loss" if metric == "auto" else metric
        return Objective(name, maximize=name in ("accuracy", "macro_f1"))

    def calibrate(self, model: SequenceModel, validation: VideoData) -> None:
        """Find the temperature of the probabilities, and the weight of the linear model."""
        self.calibrated_scores(model, validation)

    def calibrated_scores(self, model: SequenceModel, validation: VideoData) -> Tensor:
        """The scores, (N, classes), of a model that is calibrated by them."""
        head, known = cast("ClassifyHead", model.head), self.task._preprocessing
        head.reset()
        batches = self.in_order(known.without_linear, validation)
        scores = self.stacked(infer(model, batches, self.outputs))
        return head.calibrate(scores, known.linear_scores(validation), known.targets(validation))

    def stacked(self, output: Sequence[Any]) -> Tensor:
        """The scores of N clips, (N, classes)."""
        return torch.stack(list(output))

    def baselines(self, train: VideoData, held_out: VideoData) -> list[Baseline]:
        """A bag of frames, how much moves where, and the most frequent class."""
        train, held_out = self.task._known.decoded(train), self.task._known.decoded(held_out)
        assert train.frames is not None
        assert held_out.frames is not None
        known, new = train.frames, held_out.frames
        return baselines(known, train.labels, new, held_out.labels, self.settings.seed)

    def scores(
        self, output: Sequence[Any], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """1 for each right label, else 0."""
        right = torch.stack(list(output)).argmax(-1) == preprocessing.targets(data)
        return right.double().numpy()

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:
        """Confusions, mistakes and the data."""
        known = self.task._known
        return VideoRun(self.task, known.decoded(train), known.decoded(held_out)).own()
