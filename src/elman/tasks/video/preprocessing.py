"""What a classifier of clips learns before its weights: labels, the form of frames, their range."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines.result import Label
from elman.data.video.frame_format import Frame, FrameFormat
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks.start import check_labels
from elman.tasks.storage import Saved
from elman.tasks.summary_model import SUMMARY, SummaryModel
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.encoder import Pixels
from elman.tasks.video.event_tracker import EventRules, EventTracker, at_frames
from elman.tasks.video.motion import FIGURES, motion_energy
from elman.tasks.video.settings import VideoSettings

_LOOKED_AT = 200  # clips, for mean and deviation
_LEAST = 1e-2  # deviation, of 1
_MOST_NAMED = 20
_FORM = (
    "bytes of a picture, an alpha channel over black. Of pictures of another rate that at each"
    " moment t / a_second is the last that begins not after it (all, where a_second is null). Grey"
    " is floor((19595 R + 38470 G + 7471 B + 32768) / 65536). Then the size, by `fit`: resize to"
    " height x width; crop (letterbox): by the larger (smaller) of both ratios, sides rounded half"
    " to even, of which the window at floor((side - wanted) / 2) is kept, black beyond the"
    " picture. Scaling is first along the width, then along the height, each rounded to bytes:"
    " where no side grows the mean of the pixels whose middles lie in a place's stretch, its end"
    " included; else linear between pixels (BOX and BILINEAR of Pillow). Pictures of a video file"
    " are those that FFmpeg decodes, which other decoders may not give to the last digit"
)


@dataclass(frozen=True, eq=False)
class VideoPreprocessing:
    """From clips to frames of one form, and from scores to labels.

    - `format`: of the frames.
    - `pixels`: their size and range.
    - `labels`: the classes, sorted; none where frames are predicted.
    - `cache`: the folder of decoded frames; the user's if None.
    - `several`: whether a clip may have several labels.
    - `rules`: what is no event; None where no events are found.
    - `motion`: a linear model of how much moves where, beside the network.
    """

    format: FrameFormat
    pixels: Pixels
    labels: list[str]
    cache: str | None = None
    several: bool = False
    rules: EventRules | None = None
    motion: SummaryModel | None = None

    @classmethod
    def learn(cls, train: VideoData, settings: VideoSettings, start: Self | None) -> Self:
        """From the data to train on, or what the model to start from has learnt."""
        if start is not None:
            if settings.kind != "predict":
                check_labels(train.clips.classes, start.labels)
                _check_several(train, several=start.several)
            return replace(start, cache=settings.cache)
        grey = settings.colour == "grey"
        wanted = FrameFormat.of(settings.rate, settings.sides, grey, settings.fit)
        data = train.decoded(wanted, settings.cache)
        assert data.frames is not None
        height, width = data.frames[0].shape[1:3]
        pixels = Pixels(height, width, wanted.channels, *_range(data.frames))
        labels = [] if settings.kind == "predict" else data.clips.classes
        rules = None
        if settings.kind == "events":
            assert wanted.rate is not None
            rules = EventRules.learn(data.events, labels, wanted.rate)
        several = data.clips.is_multi_label and rules is None and bool(labels)
        return cls(wanted, pixels, labels, settings.cache, several, rules)

    def with_motion(self, train: VideoData, settings: VideoSettings) -> Self:
        """With a linear model of the clips' motion, if the settings ask for one."""
        if not settings.summary_model:
            return self.without_linear
        if settings.kind != "classify":
            raise SettingsError("summary_model: it tells clips apart, of the kind classify")
        data = self.decoded(train)
        labels: Sequence[Label] = (
            [tuple(sorted(own)) for own in data.label_sets] if self.several else data.labels
        )
        motion = SummaryModel.learn(
            [motion_energy(each) for each in self.frames(train)],
            labels,
            self.labels,
            several=self.several,
            seed=settings.seed,
        )
        return replace(self, motion=motion)

    @property
    def without_linear(self) -> Self:
        """The same for the network alone."""
        return replace(self, motion=None)

    def linear_scores(self, data: VideoData) -> Tensor | None:
        """The scores (logits) of the linear model, (N, labels); None without one."""
        if self.motion is None:
            return None
        return self.motion.scores([motion_energy(each) for each in self.frames(data)])

    def described(self, values: str) -> dict[str, Any]:
        """The frames for a program without elman, whose pixels have such `values`."""
        return {
            "a_second": self.format.rate,
            "height": self.pixels.height,
            "width": self.pixels.width,
            "colour": "grey" if self.format.grey else "RGB",
            "fit": self.format.fit,
            "form": _FORM,
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
        """The number of each decoded clip's class, (N,) int64, or of `several` 0 and 1 for each
        label, (N, labels); 0 where there are no labels."""
        data = self.decoded(data)
        if data.clips.labels is None:
            shape = (len(data), len(self.labels)) if self.several else (len(data),)
            return torch.zeros(shape, dtype=torch.float32 if self.several else torch.int64)
        _check_several(data, several=self.several)
        self._check_known(data, data.label_sets)
        index = {label: i for i, label in enumerate(self.labels)}
        if not self.several:
            return torch.tensor([index[label] for label in data.labels])
        found = torch.zeros(len(data), len(self.labels))
        for row, labels in zip(found, data.label_sets, strict=True):
            row[[index[label] for label in labels]] = 1
        return found

    def frame_labels(self, data: VideoData) -> list[NDArray[np.bool_]]:
        """The labels of each frame of the decoded videos, (T, labels) each."""
        decoded, rate = self.decoded(data), self.rate
        self._check_known(data, [[event.label for event in each] for each in decoded.events])
        return [
            at_frames(own, self.labels, len(frames), rate)
            for own, frames in zip(decoded.events, self.frames(data), strict=True)
        ]

    def tracker(self, thresholds: Tensor) -> EventTracker:
        """What finds events in the probabilities of frames, by thresholds of scores, (labels,)."""
        assert self.rules is not None
        limits = thresholds.double().sigmoid().cpu().numpy()
        return EventTracker(self.labels, limits, self.rules, self.rate)

    @property
    def rate(self) -> float:
        """Frames a second of videos in which events are found."""
        assert self.format.rate is not None
        return self.format.rate

    def probabilities(self, output: Sequence[Tensor]) -> NDArray[np.float32]:
        """The probability of each class, (N, classes), from the scores of N clips."""
        if not len(output):
            return np.zeros((0, len(self.labels)), np.float32)
        scores = torch.stack(list(output))
        found: NDArray[np.float32] = (
            scores.sigmoid() if self.several else scores.softmax(-1)
        ).numpy()
        return found

    def _check_known(self, data: VideoData, labels: Sequence[Sequence[str]]) -> None:
        """Raise `DataError` for a label of the decoded clips that the model does not know."""
        for name, own in zip(self.decoded(data).clips.names, labels, strict=True):
            for label in own:
                if label not in self.labels:
                    raise DataError(
                        f"{name}: the label {label!r} was not in the training data, which has"
                        f" {', '.join(map(repr, self.labels[:_MOST_NAMED]))}"
                    )

    def to_config(self) -> dict[str, Any]:
        """Labels, the form of frames and their range."""
        form = {"rate": self.format.rate, "grey": self.format.grey, "fit": self.format.fit}
        form["own_size"] = self.format.size is None
        pixels = self.pixels._asdict()
        del pixels["channels"]
        own: dict[str, Any] = {"several": True} if self.several else {}
        if self.rules is not None:
            own |= vars(self.rules)
        return {"labels": self.labels, **form, **pixels, **own}

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The linear model."""
        return {} if self.motion is None else {SUMMARY: self.motion.save}

    @classmethod
    def from_saved(cls, saved: Saved, settings: VideoSettings) -> Self:
        """From a model's folder, whose configuration `VideoConfig` has checked."""
        config = saved.config
        size = config["height"], config["width"]
        kept = None if config.get("own_size") else size
        wanted = FrameFormat.of(config["rate"], kept, config["grey"], config["fit"])
        figures = (config[name] for name in ("mean", "deviation", "motion"))
        pixels = Pixels(*size, wanted.channels, *figures)
        labels, rules = config["labels"], None
        if settings.kind == "events":
            shortest, pause = (tuple(config.get(name) or ()) for name in ("shortest", "pause"))
            if not len(shortest) == len(pause) == len(labels) or wanted.rate is None:
                raise ModelError("a model of events needs a rate, and shortest and pause a label")
            rules = EventRules(shortest, pause, bool(config.get("exclusive")))
        several, motion = bool(config.get("several")), None
        if settings.summary_model:
            motion = SummaryModel.load(saved.asset(SUMMARY), len(labels), FIGURES)
        return cls(wanted, pixels, labels, settings.cache, several, rules, motion)


def _check_several(data: VideoData, *, several: bool) -> None:
    """Raise `DataError` where clips have several labels and the model predicts one."""
    if several or not data.clips.is_multi_label:
        return
    for name, labels in zip(data.clips.names, data.label_sets, strict=True):
        if len(labels) != 1:
            raise DataError(
                f"{name}: {len(labels)} labels, where the model predicts one for a clip"
            )


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
