"""The kind of video task that predicts frames: its network, loss, answers and metrics."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import Baseline
from elman.errors import SettingsError
from elman.tasks.plan import Plan, length
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.run import Own
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.forecaster import Forecaster
from elman.tasks.video.frame_metrics import frame_metrics
from elman.tasks.video.plan import form_of, usual_of
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.tasks.video.windows import TrainingWindows, Window, Windows
from elman.train import Step
from elman.train.inference import ByLength
from elman.train.objective import Objective

if TYPE_CHECKING:
    from elman.tasks.video.task import Video

_CHANNELS = 64
_STEPS = 1500
_LOOKED_AT = 50  # clips, to choose persistence


class Forecasting:
    """What `Video` does where frames are predicted; its methods are those of `Hooks`."""

    columns = "frames", "name"

    def __init__(self, task: "Video") -> None:
        self.task, self.settings = task, task.settings

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; clips of one source stay together."""
        return data.split(self.settings.held_out, self.settings.seed)

    def plan(self, train: VideoData) -> Plan:
        """By the sizes of the clips, and whether their frames are like the last one."""
        settings, asked = self.settings, self.task.asked
        usual = usual_of(train.clips.clips)
        chosen, frames = form_of(usual, asked)
        if "size" not in asked:
            chosen["size"] = max(8, chosen["size"] - chosen["size"] % settings.patch)
        chosen["kind"] = "predict"
        chosen["persistence"] = lasts(train, settings.inputs, settings.horizon)
        batch_size = asked.get("batch_size") or 8
        count = len(train) * max(1, (frames - settings.inputs) // settings.horizon)
        chosen |= {"batch_size": batch_size, "num_layers": 2, "hidden_size": _CHANNELS}
        chosen |= length(count, batch_size, steps=_STEPS, preset=settings.preset, longest=1000)
        facts = (
            f"{len(train):,} clips, usually {usual.frames:,} frames of {usual.height} x"
            f" {usual.width}"
        )
        return Plan(facts, chosen)

    def build(self, preprocessing: VideoPreprocessing) -> Forecaster:
        """The encoder and the forecaster."""
        pixels, patch = preprocessing.pixels, self.settings.patch
        if pixels.height % patch or pixels.width % patch:
            raise SettingsError(
                f"patch={patch}: it must divide the size of the frames, {pixels.height}"
            )
        return Forecaster(self.settings, self.task.cell or self.settings.cell, pixels.channels)

    def batches(
        self, preprocessing: VideoPreprocessing, data: VideoData, *, training: bool
    ) -> TrainingWindows | ByLength[Window]:
        """Windows at random places, or side by side; of data to go on with, its last frames."""
        windows = self._windows(preprocessing, data)
        if training:
            return windows.training()
        return windows.last() if data.goes_on else windows.in_order()

    def loss(self, model: Forecaster, batch: Window, state: None) -> Step:
        """Mean squared error of the pixels that hold data, plus the mean absolute one times
        `mae`."""
        error = (model(batch.inputs) - batch.targets) * batch.weight
        count = batch.weight.sum().clamp(min=1) * batch.targets.shape[2]
        loss = (error**2).sum() / count
        if self.settings.mae:
            loss = loss + self.settings.mae * error.abs().sum() / count
        return Step(loss, len(batch.lengths), state, batch.weight.sum())

    def outputs(self, model: Forecaster, batch: Window) -> list[Tensor]:
        """The frames of each window, (m, C, H, W) of 0 to 1."""
        return list(model(batch.inputs).clamp(0, 1).unbind(1))

    def average(self, outputs: Sequence[Any]) -> Any:
        """The mean of the frames."""
        return [torch.stack(each).mean(0) for each in zip(*outputs, strict=True)]

    def decode(
        self,
        output: Sequence[Tensor],
        preprocessing: VideoPreprocessing,  # noqa: ARG002
        options: Mapping[str, Any],
    ) -> list[Prediction]:
        """Frames (m, H, W, C) uint8."""
        if options.get("n", 1) != 1:
            raise SettingsError("n is of models that classify: this one predicts frames")
        frames = [(255 * each).round().byte().permute(0, 2, 3, 1).numpy() for each in output]
        return [Prediction(each, columns=self.columns) for each in frames]

    def metrics(
        self, output: Sequence[Tensor], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """See `frame_metrics`; and the loss."""
        whole = self._actual(preprocessing, data)
        predicted = torch.stack(list(output), 1)
        found = frame_metrics(predicted, whole.targets, whole.weight, self.settings.thresholds)
        error = (predicted - whole.targets) * whole.weight
        count = whole.weight.sum().clamp(min=1) * whole.targets.shape[2]
        loss = (error**2).sum() + self.settings.mae * error.abs().sum()
        return {**found, "loss": float(loss / count)}

    @property
    def objective(self) -> Objective:
        """The mean squared error of a frame, or the loss."""
        return Objective("loss" if self.settings.metric == "loss" else "mse", maximize=False)

    def calibrate(self, model: Forecaster, validation: VideoData) -> None:
        """Nothing is left open."""

    def baselines(self, train: VideoData, held_out: VideoData) -> list[Baseline]:  # noqa: ARG002
        """The last frame, the mean of the frames given, and nothing."""
        started = time.perf_counter()
        whole = self._actual(self.task._known, held_out)
        simple = {
            "persistence": whole.inputs[-1:],
            "mean of the frames given": whole.inputs.mean(0, keepdim=True),
            "black": torch.zeros_like(whole.inputs[:1]),
        }
        found = []
        for name, frame in simple.items():
            scores = squared(frame.expand_as(whole.targets), whole)
            seconds = time.perf_counter() - started
            metrics = {"mse": float(scores.mean())}
            found.append(Baseline(name, metrics, scores, seconds, metric="mse", maximize=False))
        return found

    def scores(
        self, output: Sequence[Tensor], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """The squared error of a frame in each window."""
        return squared(torch.stack(list(output), 1), self._actual(preprocessing, data))

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:  # noqa: ARG002
        """Nothing but what all tasks show."""
        return Own()

    def _windows(self, preprocessing: VideoPreprocessing, data: VideoData) -> Windows:
        decoded = preprocessing.decoded(data)
        return Windows(preprocessing.frames(data), decoded.clips.clips, self.settings)

    def _actual(self, preprocessing: VideoPreprocessing, data: VideoData) -> Window:
        windows = self._windows(preprocessing, data)
        return windows.batch(windows.places())


def squared(predicted: Tensor, whole: Window) -> NDArray[np.float64]:
    """The squared error summed over a frame, the mean of a window's frames, (N,)."""
    error = ((predicted - whole.targets) * whole.weight) ** 2
    found: NDArray[np.float64] = error.sum((2, 3, 4)).mean(0).double().numpy()
    return found


def lasts(data: VideoData, inputs: int, horizon: int) -> bool:
    """Whether later frames are nearer to the last one given than to the mean of those given and to
    black."""
    sums = np.zeros(3)
    places = np.linspace(0, len(data) - 1, min(len(data), _LOOKED_AT)).round().astype(int)
    for i in places.tolist():
        frames = data.clips.clips[i].frames(size=32, grey=True).astype(np.float64)
        begin = min(inputs, max(1, len(frames) - 1))
        later, given = frames[begin : begin + horizon], frames[:begin]
        guesses = given[-1], given.mean(0), np.zeros_like(given[0])
        sums += [((later - guess) ** 2).sum() for guess in guesses]
    return bool(sums[0] < min(sums[1], sums[2]))
