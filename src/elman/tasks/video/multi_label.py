"""The kind of video task that predicts several labels of a clip, each by a threshold of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.tasks.batches import Padded
from elman.tasks.classify.losses import smoothed
from elman.tasks.metrics import (
    best_thresholds,
    mean_average_precision,
    multi_label,
)
from elman.tasks.model import SequenceModel
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.video.baselines import baselines
from elman.tasks.video.classifying import Classifying
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.heads import MultiLabelHead, Scored, mean_outputs, threshold_words
from elman.tasks.video.multi_label_report import MultiLabelRun
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.train import Step
from elman.train.objective import Objective


class MultiLabel(Classifying):
    """What `Video` does where clips may have several labels; its methods are those of `Hooks`."""

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; clips of one source stay together, and what has a label
        that no other source has is trained on."""
        return data.split_known(self.settings.held_out, self.settings.seed)

    def loss(self, model: SequenceModel, batch: Padded, state: None) -> Step:
        """Binary cross entropy of each label."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        targets = smoothed(batch.targets, self.settings.label_smoothing)
        loss = F.binary_cross_entropy_with_logits(scores, targets)
        return Step(loss, len(batch.lengths), state)

    def outputs(self, model: SequenceModel, batch: Padded) -> Any:
        """The scores of the labels of each clip, and their thresholds."""
        return super().outputs(model, batch)

    def as_outputs(self, model: Any, scores: Tensor) -> Any:
        """Scores (B, labels) with the thresholds of a network."""
        return [Scored(row, model.head.thresholds) for row in scores]

    def average(self, outputs: Sequence[Any]) -> Any:
        """The scores of the mean of the probabilities."""
        return mean_outputs(outputs)

    def decode(
        self,
        output: Sequence[Scored],
        preprocessing: VideoPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The labels whose scores are above their thresholds, the most likely first, with the least
        probability of them; with `n` above 1 the `others` after them, `n` labels in all."""
        n, found = options.get("n", 1), []
        for each in output:
            sure = each.scores.sigmoid()
            order = sure.argsort(descending=True, stable=True).tolist()
            told = [i for i in order if each.is_told[i]]
            pairs = [(preprocessing.labels[i], round(float(sure[i]), 4)) for i in order]
            least = min((round(float(sure[i]), 4) for i in told), default=0.0)
            details: dict[str, Any] = {"probability": least}
            if n > 1:
                names = {preprocessing.labels[i] for i in told}
                rest = [pair for pair in pairs if pair[0] not in names]
                details["others"] = tuple(rest[: max(0, n - len(told))])
            value = tuple(preprocessing.labels[i] for i in told)
            found.append(Prediction(value, details=details, columns=self.columns))
        return found

    def probabilities(self, output: Sequence[Scored]) -> NDArray[np.float32]:
        """The probability of each label, (N, labels)."""
        return super().probabilities([each.scores for each in output])

    def metrics(
        self, output: Sequence[Scored], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """See `elman.tasks.metrics`; `map` is the mean average precision of the labels."""
        scores, targets = _stacked(output), preprocessing.targets(data)
        found = multi_label(scores.scores, targets, scores.thresholds)
        return {**found, "map": mean_average_precision(scores.scores, targets)}

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        metric = self.settings.metric
        name = "loss" if metric == "auto" else metric
        return Objective(name, maximize=name != "loss")

    def calibrate(self, model: SequenceModel, validation: VideoData) -> None:
        """Find the temperature of the probabilities, and the thresholds with the highest F1."""
        head, known = cast("MultiLabelHead", model.head), self.task._preprocessing
        scores = self.calibrated_scores(model, validation)
        head.thresholds.copy_(best_thresholds(scores, known.targets(validation)))
        self.task.planned = [*self.task.planned, threshold_words(known.labels, head.thresholds)]

    def stacked(self, output: Sequence[Any]) -> Tensor:
        """The scores of N clips, (N, labels)."""
        return _stacked(output).scores

    def baselines(self, train: VideoData, held_out: VideoData) -> list[Baseline]:
        """The most frequent labels, a bag of frames, and how much moves where."""
        train, held_out = self.task._known.decoded(train), self.task._known.decoded(held_out)
        assert train.frames is not None
        assert held_out.frames is not None
        labels = [[tuple(sorted(own)) for own in each.label_sets] for each in (train, held_out)]
        seed = self.settings.seed
        return baselines(train.frames, labels[0], held_out.frames, labels[1], seed, several=True)

    def scores(
        self, output: Sequence[Scored], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """1 for each clip of which all labels are right, else 0."""
        scores, targets = _stacked(output), preprocessing.targets(data)
        return (scores.is_told == (targets > 0.5)).all(-1).double().numpy()

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:
        """Each label, mistakes and the data."""
        known = self.task._known
        return MultiLabelRun(self.task, known.decoded(train), known.decoded(held_out)).own()


def _stacked(output: Sequence[Scored]) -> Scored:
    """The scores of N clips, (N, labels), and the thresholds."""
    return Scored(torch.stack([each.scores for each in output]), output[0].thresholds)
