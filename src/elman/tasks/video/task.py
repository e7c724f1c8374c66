"""Video to labels, or to the frames that come next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.baselines import Baseline
from elman.data.checks import whole
from elman.errors import SettingsError
from elman.nn.export_spec import ExportSpec
from elman.tasks.plan import Plan
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.summary_model import SUMMARY
from elman.tasks.task import Task
from elman.tasks.unreadable import in_place
from elman.tasks.video.classifying import Classifying
from elman.tasks.video.dataset import VideoData, example_clip, read_data
from elman.tasks.video.event_session import EventSession
from elman.tasks.video.events import Events
from elman.tasks.video.export import export_spec
from elman.tasks.video.flags import COMMANDS
from elman.tasks.video.forecast_session import ForecastSession
from elman.tasks.video.forecasting import Forecasting
from elman.tasks.video.messages import VideoMessages
from elman.tasks.video.multi_label import MultiLabel
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.tasks.video.saved import VideoConfig
from elman.tasks.video.session import VideoSession
from elman.tasks.video.settings import VideoSettings
from elman.train import Step
from elman.train.objective import Objective

Part = Classifying | Events | Forecasting


class Video(Task):
    """Classify what a clip shows, by its motion as well as its appearance.

    Data is whatever `elman.data.read_clips` reads, with a label for each clip, or several; with
    `kind="events"` the events in long videos with their start and end are found, and without labels
    the next frames are predicted. Frames are brought
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
    messages = VideoMessages
    preprocessing_type = VideoPreprocessing
    fixed = (
        *("kind", "size", "rate", "colour", "fit", "differences", "channels", "features"),
        *("bidirectional", "pooling", "inputs", "horizon", "patch", "persistence", "flow"),
        "window",
    )
    asset_names = (SUMMARY,)
    learns_again = "linear model"
    found_after_training = ("head.temperature", "head.thresholds", "head.summary_weight")

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the probabilities."""
        return self._known.labels

    @property
    def _known(self) -> VideoPreprocessing:
        return cast("VideoPreprocessing", self.preprocessing)

    @property
    def compared_by(self) -> str | None:  # type: ignore[override]
        """Models that classify are compared by accuracy, of events by that of frames."""
        return self._part.compared_by

    def predictions(self, data: Any, **options: Any) -> list[Prediction]:
        """The label of each clip with its `probability`, and what cannot be read and why.

        Of models that tell several labels, a tuple of them, the most likely first, with the least
        probability. Of models that find events, a tuple with the `label`, `start` and `end` in
        seconds and `confidence` of each, in the order of their starts. Of models that predict, the
        frames after the end of each clip, (horizon, H, W, C) uint8.

        **Arguments** (`options`): `n`: how many labels; with more than 1 `others` are those after
        the best, with their probabilities.
        """
        if extra := set(options) - {"n"}:
            raise SettingsError(f"{min(extra)} is not an option of predictions; the only one is n")
        whole(options.get("n", 1), "n", 1)
        found = super().predictions(data, **options)
        return [replace(each, columns=self._part.columns) for each in found]

    def rows(self, data: Any) -> list[dict[str, Any]]:
        """The predictions with their inputs, a dict each, or one for each event."""
        return self._part.rows(self.predictions(data))

    def predict_proba(self, data: Any) -> NDArray[np.float32]:
        """Calibrated probabilities, (N, classes), in the order of `labels`.

        Of models that tell several labels, that of each by itself. A clip that
        cannot be read has NaN.
        """
        self._check_trained()
        part = self._part
        if not isinstance(part, Classifying):
            raise SettingsError(f"a model of the kind {self.settings.kind} has no probabilities")
        dataset = self.read(data, labelled=False)
        found = part.probabilities(self._outputs(dataset))
        nothing = np.full(len(self.labels), np.nan, np.float32)
        return np.stack(in_place(found, dataset, lambda _: nothing))

    def simple_forecasts(self, data: Any) -> dict[str, dict[str, float]]:
        """The metrics of forecasts without a model, to hold those of `evaluate` against.

        Of models that predict frames: "persistence", the last frame; "optical flow", the last frame
        moved along the flow of those given; "mean of the frames given"; "black".
        """
        self._check_trained()
        if not isinstance(self._part, Forecasting):
            raise SettingsError(f"a model of the kind {self.settings.kind} has no simple forecasts")
        return self._part.simple_metrics(self.read(data, labelled=True))

    def session(
        self, *, rate: float | None = None, state: Mapping[str, Any] | None = None
    ) -> VideoSession | EventSession | ForecastSession:
        """A session that takes frames as they arrive; it ends with the answer of `predict`.

        That of a model that finds events tells each when it has ended; that of a model that
        predicts gives the next frames after each one that comes.

        **Arguments:** `rate`: frames a second that will come, of which those at the model's rate
        are read; all of them if None. `state`: of another session, to continue with.
        """
        self._check_trained()
        return self._part.session_type(self, rate=rate, state=state)

    # the parts of a task

    def read(self, data: Any, *, labelled: bool) -> VideoData:
        """The clips; decoded, once their form is known."""
        found = read_data(data, self.settings, labelled=labelled)
        if self._preprocessing is None:
            return found
        found = self._known_while_training.decoded(found)
        return found.of_length(self.settings.inputs) if found.goes_on else found

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; clips of one source stay together."""
        return self._part_for(data).split(VideoData(data.clips))

    def plan(self, train: VideoData) -> Plan:
        """By the numbers of clips, frames and classes."""
        return self._part_for(train).plan(train)

    def fit_preprocessing(
        self, train: VideoData, start: VideoPreprocessing | None = None
    ) -> VideoPreprocessing:
        """Labels, and the form and range of frames."""
        found = VideoPreprocessing.learn(train, self.settings, start)
        return found.with_motion(train, self.settings)

    def learn_again(self, data: VideoData) -> VideoPreprocessing | None:
        """With a linear model of the motion in all clips."""
        known: VideoPreprocessing = self.preprocessing
        return None if known.motion is None else known.with_motion(data, self.settings)

    def precision(self, preprocessing: VideoPreprocessing) -> torch.dtype:  # noqa: ARG002
        """Frames are float32."""
        return torch.float32

    def build(self, preprocessing: VideoPreprocessing) -> nn.Module:
        """The network of the kind."""
        return self._part.build(preprocessing)

    def batches(self, preprocessing: VideoPreprocessing, data: VideoData, *, training: bool) -> Any:
        """Clips with their labels, or windows of them with the frames that come next."""
        return self._part.batches(preprocessing, data, training=training)

    def loss(self, model: Any, batch: Any, state: None) -> Step:
        """Cross entropy of labels, of a clip or at each frame; squared error of frames."""
        return self._part.loss(model, batch, state)

    def outputs(self, model: Any, batch: Any) -> Tensor | Sequence[Any]:
        """The scores of classes, (B, classes), or at each frame; or frames, (m, C, H, W) each."""
        return self._part.outputs(model, batch)

    def average(self, outputs: Sequence[Any]) -> Any:
        """The scores of the mean of the probabilities; the mean of frames."""
        return self._part.average(outputs)

    def decode(
        self,
        output: Sequence[Any],
        preprocessing: VideoPreprocessing,
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """The most likely labels, the events, or the frames."""
        return self._part.decode(output, preprocessing, options)

    def metrics(
        self, output: Sequence[Any], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """Of labels see `elman.tasks.metrics`, of events `event_metrics`, of frames
        `frame_metrics`."""
        return self._part.metrics(output, preprocessing, data)

    @property
    def objective(self) -> Objective:
        """The metric of the settings."""
        return self._part.objective

    def calibrate(self, model: Any, validation: VideoData) -> None:
        """Find the temperature of the probabilities, and thresholds."""
        self._part.calibrate(model, validation)

    def baselines(self, train: VideoData, held_out: VideoData) -> list[Baseline]:
        """Simple classifiers, or simple predictions."""
        return self._part.baselines(train, held_out)

    def scores(
        self, output: Sequence[Any], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """1 for each right label, else 0; of events the share of right frames of each video; of
        frames the squared error of each window."""
        return self._part.scores(output, preprocessing, data)

    def facts(self, train: VideoData, validation: VideoData) -> dict[str, Any]:
        """Numbers of clips, frames, sources and events, and the classes."""
        known = self._known_while_training
        left_out, events = len(known.decoded(train).left_out), train.clips.events
        return {
            "training_clips": len(known.decoded(train)),
            "validation_clips": len(known.decoded(validation)),
            "training_frames": sum(len(each) for each in known.frames(train)),
            "training_sources": len(set(train.clips.groups)),
            "frames_are": f"{known.pixels.height} x {known.pixels.width}, "
            + ("grey" if known.format.grey else "colour"),
            **({"labels": ", ".join(known.labels)} if known.labels else {}),
            **({} if events is None else {"training_events": sum(map(len, events))}),
            "training_sha256": train.clips.sha256,
            **({"left_out": left_out} if left_out else {}),
        }

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:
        """Confusions, mistakes and the data."""
        return self._part.report_parts(train, held_out)

    @property
    def _part(self) -> Part:
        """What depends on the kind."""
        known = self._preprocessing
        several = known is not None and known.several
        return _part_of(self.settings.kind, several=several)(self)

    def _part_for(self, data: VideoData) -> Part:
        """The same before preprocessing is known, and the plan has chosen the kind."""
        clips, kind = data.clips, self.settings.kind
        if kind == "auto" and clips.labels is None:
            kind = "predict" if clips.events is None else "events"
        return _part_of(kind, several=clips.is_multi_label)(self)

    @property
    def _known_while_training(self) -> VideoPreprocessing:
        return cast("VideoPreprocessing", self._preprocessing)

    def export_spec(self) -> ExportSpec:
        """Graphs from frames to scores of labels; see `docs/export.md`."""
        return export_spec(self)

    def _example(self) -> Callable[[], object]:
        pixels = self._known.pixels
        clip = example_clip(pixels.height, pixels.width, max(16, self.settings.inputs))
        return lambda: self.predict([clip])


def _part_of(kind: str, *, several: bool) -> type[Part]:
    if kind == "predict":
        return Forecasting
    if kind == "events":
        return Events
    return MultiLabel if several else Classifying
