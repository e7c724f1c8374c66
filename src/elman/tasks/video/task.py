"""Video to labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.data.checks import whole
from elman.errors import DataError, SettingsError
from elman.tasks.batches import Padded
from elman.tasks.classify.head import ClassifyHead
from elman.tasks.handwriting.answers import symbol
from elman.tasks.metrics import calibrated_loss, fit_temperature, loss_error, single_label
from elman.tasks.model import SequenceModel
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.task import Task
from elman.tasks.unreadable import in_place
from elman.tasks.video.baselines import baselines
from elman.tasks.video.batches import ClipBatches, in_order
from elman.tasks.video.dataset import VideoData, example_clip, read_data
from elman.tasks.video.flags import COMMANDS
from elman.tasks.video.network import classifier
from elman.tasks.video.plan import plan
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.tasks.video.run_report import VideoRun
from elman.tasks.video.saved import VideoConfig
from elman.tasks.video.session import VideoSession
from elman.tasks.video.settings import VideoSettings
from elman.train import Step
from elman.train.inference import ByLength
from elman.train.objective import Objective


class Video(Task):
    """Tell what a clip shows, from what changes in it as well as from how it looks.

    Data is whatever `elman.data.read_clips` reads, with a label for each clip. Frames are brought
    to one size and rate, decoded once into a cache on disk, and encoded one by one by a small
    convolutional network together with their difference to the frame before; recurrent layers of
    any cell read them in order, and their steps are pooled.

    >>> import numpy as np
    >>> from elman.data import motion_clips
    >>> digit = np.full((1, 8, 8), 255, np.uint8)
    >>> clips, labels = motion_clips(digit, 64, frames=5, size=16)
    >>> task = Video(hidden_size=16, channels=8, features=16, epochs=25, batch_size=8, lr=0.01)
    >>> task = task.fit((clips, labels), progress=False)
    >>> task.predict(motion_clips(digit, 3, frames=5, size=16, seed=1)[0])
    ['left', 'right', 'up']
    """

    name = "video"
    unit = "clips"
    value_name, input_name = "label", "name"
    settings_type = VideoSettings
    commands = COMMANDS
    saved_type = VideoConfig
    preprocessing_type = VideoPreprocessing
    fixed = (
        *("kind", "size", "rate", "colour", "fit", "differences", "channels", "features"),
        *("bidirectional", "pooling"),
    )
    found_after_training = ("head.temperature",)
    compared_by = "accuracy"

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the probabilities."""
        return self._known.labels

    @property
    def _known(self) -> VideoPreprocessing:
        return cast("VideoPreprocessing", self.preprocessing)

    def predictions(self, data: Any, **options: Any) -> list[Prediction]:
        """The label of each clip with its `probability`, and what cannot be read and why.

        **Arguments** (`options`): `n`: how many labels; with more than 1 `others` are those after
        the best, with their probabilities.
        """
        if extra := set(options) - {"n"}:
            raise SettingsError(f"{min(extra)} is no option of predictions: n is")
        whole(options.get("n", 1), "n", 1)
        return super().predictions(data, **options)

    def predict_proba(self, data: Any) -> NDArray[np.float32]:
        """Calibrated probabilities, (N, classes), in the order of `labels`.

        A clip that cannot be read has NaN.
        """
        self._check_trained()
        dataset = self.read(data, labelled=False)
        found = self._known.probabilities(self._outputs(dataset))
        nothing = np.full(len(self.labels), np.nan, np.float32)
        return np.stack(in_place(found, dataset, lambda _: nothing))

    def session(
        self, *, rate: float | None = None, state: Mapping[str, Any] | None = None
    ) -> VideoSession:
        """A session that takes frames as they come; it ends with the answer of `predict`.

        **Arguments:** `rate`: frames a second that will come, of which those at the model's rate
        are read; all of them if None. `state`: of another session, to go on with.
        """
        self._check_trained()
        return VideoSession(self, rate=rate, state=state)

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> VideoData:
        """The clips; decoded, once their form is known."""
        found = read_data(data, self.settings, labelled=labelled)
        if labelled:
            found.labels  # noqa: B018 - raises
        return found if self._preprocessing is None else self._preprocessing.decoded(found)

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; clips of one source stay together."""
        whole_data = VideoData(data.clips)
        train, held_out = whole_data.split(self.settings.held_out, self.settings.seed)
        known = set(train.labels)
        kept = [i for i, label in enumerate(held_out.labels) if label in known]
        if not kept:
            raise DataError("no class has clips of two sources: give validation data of its own")
        return train, held_out.select(kept)

    def plan(self, train: VideoData) -> Plan:
        """By the numbers of clips, frames and classes."""
        return plan(train, self.asked, self.settings.preset)

    def fit_preprocessing(
        self, train: VideoData, start: VideoPreprocessing | None = None
    ) -> VideoPreprocessing:
        """Labels, and the form and range of frames."""
        return VideoPreprocessing.learn(train, self.settings, start)

    def precision(self, preprocessing: VideoPreprocessing) -> torch.dtype:  # noqa: ARG002
        """Frames are float32."""
        return torch.float32

    def build(self, preprocessing: VideoPreprocessing) -> SequenceModel:
        """Features of frames, recurrent layers, and the scores of classes."""
        cell = self.cell or self.settings.cell
        return classifier(self.settings, cell, preprocessing.pixels, len(preprocessing.labels))

    def batches(
        self, preprocessing: VideoPreprocessing, data: VideoData, *, training: bool
    ) -> ClipBatches | ByLength[Padded]:
        """Clips of similar length, varied while training."""
        frames, targets = preprocessing.frames(data), preprocessing.targets(data)
        lengths = [len(each) for each in frames]
        if training:
            return ClipBatches(frames, targets, self.settings, lengths)
        return in_order(frames, targets, lengths)

    def loss(self, model: SequenceModel, batch: Padded, state: None) -> Step:
        """Cross entropy."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        smoothing = self.settings.label_smoothing
        loss = F.cross_entropy(scores, batch.targets, label_smoothing=smoothing)
        return Step(loss, len(batch.lengths), state)

    def outputs(self, model: SequenceModel, batch: Padded) -> Tensor:
        """The scores of the classes, (B, classes)."""
        scores, _ = model(batch.inputs, lengths=batch.lengths)
        return cast("Tensor", scores)

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """The scores of the mean of the probabilities."""
        return torch.stack([each.log_softmax(-1) for each in outputs]).logsumexp(0)

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: VideoPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The likeliest labels."""
        rows, n = preprocessing.probabilities(output), options.get("n", 1)
        found = [symbol(row, preprocessing.labels, n) for row in rows]
        return [replace(each, columns=(self.value_name, self.input_name)) for each in found]

    def metrics(
        self, output: Sequence[Tensor], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """See `elman.tasks.metrics`; and the loss at the temperature that fits best."""
        scores, targets = torch.stack(list(output)), preprocessing.targets(data)
        metrics = {
            **single_label(scores, targets),
            "calibrated_loss": calibrated_loss(scores, targets),
        }
        if self.objective.name == "calibrated_loss":
            metrics["standard_error"] = loss_error(scores, targets)
        return metrics

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        metric = self.settings.metric
        name = "calibrated_loss" if metric == "auto" else metric
        return Objective(name, maximize=name in ("accuracy", "macro_f1"))

    def calibrate(self, model: SequenceModel, validation: VideoData) -> None:
        """Find the temperature of the probabilities."""
        head = cast("ClassifyHead", model.head)
        head.temperature.fill_(1)
        scores = torch.stack(self._outputs(validation))
        targets = self._preprocessing.targets(validation)
        head.temperature.fill_(fit_temperature(scores, targets))

    def baselines(self, train: VideoData, held_out: VideoData) -> list[Baseline]:
        """A bag of frames, how much moves where, and the most frequent class."""
        train, held_out = self._known.decoded(train), self._known.decoded(held_out)
        assert train.frames is not None
        assert held_out.frames is not None
        known, new = train.frames, held_out.frames
        return baselines(known, train.labels, new, held_out.labels, self.settings.seed)

    def scores(
        self, output: Sequence[Tensor], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """1 for each right label, else 0."""
        right = torch.stack(list(output)).argmax(-1) == preprocessing.targets(data)
        return right.double().numpy()

    def facts(self, train: VideoData, validation: VideoData) -> dict[str, Any]:
        """Numbers of clips, frames and sources, and the classes."""
        known: VideoPreprocessing = self._preprocessing
        left_out = len(known.decoded(train).left_out)
        return {
            "training_clips": len(known.decoded(train)),
            "validation_clips": len(known.decoded(validation)),
            "training_frames": sum(len(each) for each in known.frames(train)),
            "training_sources": len(set(train.clips.groups)),
            "frames_are": f"{known.pixels.height} x {known.pixels.width}, "
            + ("grey" if known.format.grey else "colour"),
            "labels": ", ".join(known.labels),
            "training_sha256": train.clips.sha256,
            **({"left_out": left_out} if left_out else {}),
        }

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:
        """Confusions, mistakes and the data."""
        known = self._known
        return VideoRun(self, known.decoded(train), known.decoded(held_out)).own()

    def _example(self) -> Callable[[], object]:
        pixels = self._known.pixels
        clip = example_clip(pixels.height, pixels.width)
        return lambda: self.predict([clip])
