"""A forecaster's part of a run's report: predicted frames, and errors by lead."""

import base64
import io
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elman import html
from elman.data.video.frame_format import Frame, resized
from elman.svg import Line, line_chart
from elman.tasks.run_report.data import left_out, lengths
from elman.tasks.run_report.run import Own
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.frame_metrics import frame_metrics
from elman.tasks.video.start_forecast import FLOW, LAST, simple
from elman.tasks.video.windows import Window, Windows, together

if TYPE_CHECKING:
    from elman.tasks.video.task import Video

_MOST_WINDOWS = 12  # measured
_SHOWN = 3  # drawn
_MOST_LEADS = 10  # drawn
_HEIGHT, _WIDTH = 120, 160  # pixels of a drawn frame, at most
_GAP = 3


@dataclass(frozen=True)
class ForecastRun:
    """A trained forecaster with its training and validation data, decoded."""

    task: "Video"
    train: VideoData
    held_out: VideoData

    def own(self) -> Own:
        """The sections."""
        return Own({"Forecasts": self.pictures, "Lead by lead": self.leads, "Data": self.data})

    def pictures(self) -> list[str]:
        """Some windows of the validation data, lead by lead."""
        chosen = np.linspace(0, len(self._found) - 1, min(_SHOWN, len(self._found))).astype(int)
        leads = _spread(self.task.settings.horizon)
        words = (
            "Above the actual frames, below the predicted ones, at the same times: "
            f"number {', '.join(str(lead + 1) for lead in leads)} after the last one given."
        )
        parts = [html.text(words)]
        for i in dict.fromkeys(chosen.tolist()):
            (clip, start), window, predicted = self._found[i]
            rows = [window.targets[leads, 0], predicted[leads, 0]]
            first = start + window.inputs.shape[0]
            caption = f"{self.held_out.shown(clip)}, frames from {first} on"
            parts.append(_picture(_sheet(rows), caption))
        return parts

    def leads(self) -> list[str]:
        """The squared error of the model and of forecasts without one, and hits at thresholds."""
        thresholds = self.task.settings.thresholds
        found = {"model": self._metrics(None, thresholds)}
        found |= {name: self._metrics(name, thresholds) for name in (LAST, FLOW)}
        horizon = self.task.settings.horizon
        charts = [self._chart(found, "mse", "squared error of a frame", horizon)]
        charts += [
            self._chart(found, f"csi_{each:g}", f"critical success index at {each:g}", horizon)
            for each in thresholds
        ]
        return [html.charts(*charts)]

    def data(self) -> list[str]:
        """Lengths of clips, and what was left out."""
        assert self.train.frames is not None
        parts = lengths([len(each) for each in self.train.frames], "frames")
        return [*parts, *left_out(self.train.left_out, "clips")]

    def _chart(self, found: dict[str, dict[str, float]], name: str, words: str, n: int) -> str:
        steps = list(range(1, n + 1))
        lines = [
            Line(steps, [own[f"{name}_{i}"] for i in steps], method, colour=colour)
            for colour, (method, own) in enumerate(found.items(), 1)
        ]
        return line_chart("frames ahead", words, lines, f"The {words}.", from_zero=True)

    def _metrics(self, method: str | None, thresholds: Any) -> dict[str, float]:
        """Of one method without a model, or of the model."""
        predicted = [
            own if method is None else simple(window)[method] for _, window, own in self._found
        ]
        actual, weight = (
            together([getattr(window, name).squeeze(1) for _, window, _ in self._found])
            for name in ("targets", "weight")
        )
        whole = together([each.squeeze(1) for each in predicted])
        return frame_metrics(whole, actual, weight, thresholds)

    @cached_property
    def _found(self) -> list[tuple[tuple[int, int], Window, Tensor]]:
        """Places in the validation data, the windows there and what is predicted, spread evenly."""
        task = self.task
        windows = Windows(
            task._known.frames(self.held_out), self.held_out.clips.clips, task.settings
        )
        places = windows.places()
        chosen = np.linspace(0, len(places) - 1, min(len(places), _MOST_WINDOWS)).astype(int)
        found = []
        for i in chosen.tolist():
            with torch.inference_mode():
                (own,) = task.answers(task.model, windows.batch([places[i]]))
            found.append((places[i], windows.at_rest([places[i]]), own.unsqueeze(1)))
        return found


def _spread(horizon: int) -> list[int]:
    return np.linspace(0, horizon - 1, min(horizon, _MOST_LEADS)).round().astype(int).tolist()  # type: ignore[no-any-return]


def _sheet(rows: list[Tensor]) -> Frame:
    """Rows of frames, (n, C, H, W) of 0 to 1 each, as one picture."""
    height, width = rows[0].shape[2:]
    scale = min(1.0, _HEIGHT / height, _WIDTH / width)
    size = max(1, round(scale * height)), max(1, round(scale * width))
    lines = []
    for row in rows:
        frames = (255 * row).round().byte().permute(0, 2, 3, 1).numpy()
        small = [frame if scale == 1 else resized(frame, size) for frame in frames]
        padded = [
            np.pad(each, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=128) for each in small
        ]
        lines.append(np.concatenate(padded, 1))
    return np.concatenate(lines)


def _picture(frame: Frame, caption: str) -> str:
    """A picture within the page, with its caption."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(frame.squeeze(2) if frame.shape[2] == 1 else frame).save(buffer, "PNG")
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    style = "width:100%;image-rendering:pixelated"
    words = escape(caption)
    return (
        f'<figure><img style="{style}" src="data:image/png;base64,{content}" alt="{words}">'
        f"<figcaption>{words}</figcaption></figure>"
    )
