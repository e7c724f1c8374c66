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
from elman.tasks.plan import Plan, length, units
from elman.tasks.prediction import Prediction, rows
from elman.tasks.run_report.run import Own
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.forecast_report import ForecastRun
from elman.tasks.video.forecast_session import ForecastSession
from elman.tasks.video.forecaster import Forecaster
from elman.tasks.video.frame_metrics import frame_metrics
from elman.tasks.video.hold_out import later_held_out
from elman.tasks.video.matching import matched
from elman.tasks.video.optical_flow import extrapolated
from elman.tasks.video.plan import form_of, reduced, usual_of
from elman.tasks.video.preprocessing import VideoPreprocessing
from elman.tasks.video.settings import VideoSettings, sides
from elman.tasks.video.start_forecast import simple, start_of
from elman.tasks.video.training_windows import TrainingWindows
from elman.tasks.video.windows import ByShape, Window, Windows, together
from elman.train import Step
from elman.train.objective import Objective

if TYPE_CHECKING:
    from elman.tasks.video.task import Video

_CHANNELS = 64
_FEW = 500  # windows side by side, below which the network is smaller
_STEPS = 1500
_CROP = 64  # pixels of a side
_COARSE = 8  # pixels of a patch's side, where no frame is near the last one


class Forecasting:
    """What `Video` does where frames are predicted; its methods are those of `Hooks`."""

    columns = "frames", "name"
    compared_by: str | None = None
    session_type = ForecastSession

    def __init__(self, task: "Video") -> None:
        self.task, self.settings = task, task.settings

    def split(self, data: VideoData) -> tuple[VideoData, VideoData]:
        """Training and validation data; clips of one source stay together, and where there is
        but one source its later frames are held out."""
        settings = self.settings
        if len(set(data.clips.groups)) > 1:
            return data.split(settings.held_out, settings.seed)
        return later_held_out(data, settings.held_out, settings.inputs, settings.horizon)

    def plan(self, train: VideoData) -> Plan:
        """By the sizes of the clips, and whether their frames are like the last one."""
        settings, asked = self.settings, self.task.asked
        usual = usual_of(train.clips.clips)
        chosen, frames = form_of(usual, asked)
        if size := asked.get("size") or reduced(usual, train.clips.clips):
            chosen["size"] = size
        else:
            del chosen["size"]
        chosen["kind"] = "predict"
        form = settings.model_copy(update={**chosen, **asked})
        chosen["persistence"], chosen["flow"] = start_of(train.clips.clips, form)
        chosen["matching"] = bool(settings.thresholds) and chosen["persistence"]
        if chosen["flow"]:
            chosen["residual_scale"] = round(residual_scale(train, frames, settings), 2)
        height, width = sides(size) if size else (usual.height, usual.width)
        crop = asked.get("crop") or _CROP
        if max(height, width) > crop:
            chosen["crop"] = crop
        crops = -(-height // crop) * -(-width // crop)
        batch_size = asked.get("batch_size") or 8
        windows = len(train) * max(1, (frames - settings.inputs) // settings.horizon)
        is_small = windows < _FEW
        chosen |= {"batch_size": batch_size, "num_layers": 1 if is_small else 2}
        channels = _CHANNELS / 2 if is_small else _CHANNELS
        is_fine = chosen["persistence"] or "patch" in asked
        if not is_fine and min(height, width) >= _CROP:
            chosen["patch"] = _COARSE
            channels *= 2  # a quarter of the places
        chosen["hidden_size"] = units(channels, settings.preset)
        chosen |= length(
            crops * windows, batch_size, steps=_STEPS, preset=settings.preset, longest=1000
        )
        pixels = height * width * (1 if form.colour == "grey" else 3)
        facts = f"{len(train):,} clips, {usual.described(len(train), frames, pixels)}"
        return Plan(facts, chosen)

    def build(self, preprocessing: VideoPreprocessing) -> Forecaster:
        """The encoder and the forecaster."""
        cell = self.task.cell or self.settings.cell
        return Forecaster(self.settings, cell, preprocessing.pixels.channels)

    def batches(
        self, preprocessing: VideoPreprocessing, data: VideoData, *, training: bool
    ) -> TrainingWindows | ByShape:
        """Windows at random places, or side by side; of data to continue with, its last frames."""
        windows = self._windows(preprocessing, data)
        if training:
            return TrainingWindows(windows)
        return windows.last() if data.goes_on else windows.in_order()

    def loss(self, model: Forecaster, batch: Window, state: None) -> Step:
        """Mean squared error of the pixels that hold data, plus the mean absolute one times
        `mae`."""
        error = model(batch.inputs) - batch.targets
        loss = (batch.weight * error**2).sum()
        if self.settings.mae:
            loss = loss + self.settings.mae * (batch.weight * error.abs()).sum()
        weighed = (batch.weight > 0).sum()
        loss = loss / (weighed.clamp(min=1) * batch.targets.shape[2])
        return Step(loss, len(batch.lengths), state, weighed)

    def outputs(self, model: Forecaster, batch: Window) -> list[Tensor]:
        """The frames of each window, (m, C, H, W) of 0 to 1."""
        predicted = model(batch.inputs)
        last = batch.inputs[-1:].expand_as(predicted)
        if self.settings.persistence:
            predicted = torch.lerp(last, predicted, self.settings.residual_scale)
        if batch.flow is not None:
            predicted, last = (extrapolated(each, batch.flow) for each in (predicted, last))
        if self.settings.matching:
            predicted = matched(predicted, last, batch.known[-1])
        return list(predicted.clamp(0, 1).unbind(1))

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
            raise SettingsError("n is for models that classify: this one predicts frames")
        frames = [(255 * each).round().byte().permute(0, 2, 3, 1).numpy() for each in output]
        return [Prediction(each, columns=self.columns) for each in frames]

    def rows(self, predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """A row for each clip."""
        return rows(predictions, "label")

    def metrics(
        self, output: Sequence[Tensor], preprocessing: VideoPreprocessing, data: VideoData
    ) -> dict[str, float]:
        """See `frame_metrics`; and the loss."""
        whole = self._actual(preprocessing, data)
        predicted = together(output)
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
        windows = self._windows(self.task._known, held_out)
        places, found = windows.places(), []
        started = time.perf_counter()
        each = [windows.at_rest([place]) for place in places]
        forecasts = [simple(window) for window in each]
        seconds = time.perf_counter() - started
        for name in forecasts[0]:
            pairs = zip(forecasts, each, strict=True)
            scores = np.concatenate([squared(own[name], window) for own, window in pairs])
            metrics = {"mse": float(scores.mean())}
            found.append(Baseline(name, metrics, scores, seconds, metric="mse", maximize=False))
        return found

    def scores(
        self, output: Sequence[Tensor], preprocessing: VideoPreprocessing, data: VideoData
    ) -> NDArray[np.float64]:
        """The squared error of a frame in each window."""
        return squared(together(output), self._actual(preprocessing, data))

    def report_parts(self, train: VideoData, held_out: VideoData) -> Own:
        """Forecasts beside what came, errors by lead, the data."""
        known = self.task._known
        return ForecastRun(self.task, known.decoded(train), known.decoded(held_out)).own()

    def simple_metrics(self, data: VideoData) -> dict[str, dict[str, float]]:
        """The metrics of forecasts without a model, by their names."""
        windows = self._windows(self.task._known, data)
        each = [windows.at_rest([place]) for place in windows.places()]
        forecasts = [simple(window) for window in each]
        whole = windows.at_rest(windows.places())
        found = {}
        for name in forecasts[0]:
            predicted = together([own[name].squeeze(1) for own in forecasts])
            thresholds = self.settings.thresholds
            found[name] = frame_metrics(predicted, whole.targets, whole.weight, thresholds)
        return found

    def _windows(self, preprocessing: VideoPreprocessing, data: VideoData) -> Windows:
        decoded = preprocessing.decoded(data)
        return Windows(preprocessing.frames(data), decoded.clips.clips, self.settings)

    def _actual(self, preprocessing: VideoPreprocessing, data: VideoData) -> Window:
        windows = self._windows(preprocessing, data)
        return windows.at_rest(windows.places())


def squared(predicted: Tensor, whole: Window) -> NDArray[np.float64]:
    """The squared error summed over a frame, the mean of a window's frames, (N,)."""
    error = ((predicted - whole.targets) * whole.weight) ** 2
    found: NDArray[np.float64] = error.sum((2, 3, 4)).mean(0).double().numpy()
    return found


def residual_scale(train: VideoData, frames: int, settings: VideoSettings) -> float:
    """The less, the fewer windows there are to learn from: n / (n + 1) of n apart in time.

    The flow's extrapolation holds for other events, too; what few windows teach may not.
    """
    count = max(1, len(train) * frames // (settings.inputs + settings.horizon))
    return count / (count + 1)
