"""What a classifier of clips learns before its weights: labels, the form of frames, their range."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.video.frame_format import Frame, FrameFormat
from elman.errors import DataError
from elman.tasks.start import check_labels
from elman.tasks.storage import Saved
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.encoder import Pixels
from elman.tasks.video.settings import VideoSettings

_LOOKED_AT = 200  # clips, for mean and deviation
_LEAST = 1e-2  # deviation, of 1
_MOST_NAMED = 20


@dataclass(frozen=True, eq=False)
class VideoPreprocessing:
    """From clips to frames of one form, and from scores to labels.

    - `format`: of the frames.
    - `pixels`: their size and range.
    - `labels`: the classes, sorted; none where frames are predicted.
    - `cache`: the folder of decoded frames; the user's if None.
    """

    format: FrameFormat
    pixels: Pixels
    labels: list[str]
    cache: str | None = None

    @classmethod
    def learn(cls, train: VideoData, settings: VideoSettings, start: Self | None) -> Self:
        """From the data to train on, or what the model to start from has learnt."""
        if start is not None:
            if settings.kind != "predict":
                check_labels(train.labels, start.labels)
            return cls(start.format, start.pixels, start.labels, settings.cache)
        grey = settings.colour == "grey"
        wanted = FrameFormat.of(settings.rate, settings.sides, grey, settings.fit)
        data = train.decoded(wanted, settings.cache)
        assert data.frames is not None
        height, width = data.frames[0].shape[1:3]
        return cls(
            wanted,
            Pixels(height, width, wanted.channels, *_range(data.frames)),
            [] if settings.kind == "predict" else sorted(set(data.labels)),
            settings.cache,
        )

    def described(self, values: str) -> dict[str, Any]:
        """The frames for a program without elman, whose pixels have such `values`."""
        return {
            "a_second": self.format.rate,
            "height": self.pixels.height,
            "width": self.pixels.width,
            "colour": "grey" if self.format.grey else "RGB",
            "fit": self.format.fit,
            "values": values,
        }

    def decoded(self, data: VideoData) -> VideoData:
        """The clips with their frames in the model's form."""
        return data.decoded(self.format, self.cache)

    def frames(self, data: VideoData) -> Sequence[Frame]:
        """The frames of each clip, (T, H, W, C) uint8."""
        frames = self.decoded(data).frames
        assert frames is not None
        return frames

    def targets(self, data: VideoData) -> Tensor:
        """The number of each decoded clip's class, (N,) int64; 0 where there are no labels."""
        data = self.decoded(data)
        if data.clips.labels is None:
            return torch.zeros(len(data), dtype=torch.int64)
        index = {label: i for i, label in enumerate(self.labels)}
        for name, label in zip(data.clips.names, data.labels, strict=True):
            if label not in index:
                raise DataError(
                    f"{name}: the label {label!r} was not in the training data, which has"
                    f" {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
                )
        return torch.tensor([index[label] for label in data.labels])

    def probabilities(self, output: Sequence[Tensor]) -> NDArray[np.float32]:
        """The probability of each class, (N, classes), from the scores of N clips."""
        if not len(output):
            return np.zeros((0, len(self.labels)), np.float32)
        found: NDArray[np.float32] = torch.stack(list(output)).softmax(-1).numpy()
        return found

    def to_config(self) -> dict[str, Any]:
        """Labels, the form of frames and their range."""
        form = {"rate": self.format.rate, "grey": self.format.grey, "fit": self.format.fit}
        form["own_size"] = self.format.size is None
        pixels = self.pixels._asdict()
        del pixels["channels"]
        return {"labels": self.labels, **form, **pixels}

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """No files."""
        return {}

    @classmethod
    def from_saved(cls, saved: Saved, settings: VideoSettings) -> Self:
        """From a model's folder, whose configuration `VideoConfig` has checked."""
        config = saved.config
        size = config["height"], config["width"]
        kept = None if config.get("own_size") else size
        wanted = FrameFormat.of(config["rate"], kept, config["grey"], config["fit"])
        figures = (config[name] for name in ("mean", "deviation", "motion"))
        pixels = Pixels(*size, wanted.channels, *figures)
        return cls(wanted, pixels, config["labels"], settings.cache)


def _range(frames: Sequence[Frame]) -> tuple[float, float, float]:
    """Mean and deviation of pixels, white 1, and the deviation of a frame's change."""
    places = np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).round().astype(int)
    sums = np.zeros(5)  # pixels, their sum and squares; changes, their squares
    for i in places.tolist():
        values = np.asarray(frames[i], np.float32) / 255
        change = np.diff(values, axis=0)
        sums += [values.size, values.sum(), (values**2).sum(), change.size, (change**2).sum()]
    mean = sums[1] / sums[0]
    deviation = max(float(sums[2] / sums[0] - mean**2), 0) ** 0.5
    motion = float(sums[4] / max(sums[3], 1)) ** 0.5
    return float(mean), max(deviation, _LEAST), max(motion, _LEAST)
