"""The settings of the task `Video`."""

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import HeldOutSetting, PlanSettings, RecurrentSettings, with_defaults
from elman.train.settings import TrainSettings

_SMALLEST, _LARGEST = 8, 4096  # pixels of a side


@with_defaults(
    {
        "batch_size": "Clips in a batch.",
        "epochs": "Passes over the training data.",
        "input_dropout": "Dropout on the features of each frame.",
    },
    cell="gru",
    hidden_size=96,
    num_layers=1,
    dropout=0.2,
    output_dropout=0.2,
    batch_size=16,
    lr=2e-3,
    warmup=0.05,
    weight_decay=1e-2,
    clip=1.0,
    ema=0.99,
    restarts=2,
)
class VideoSettings(PlanSettings, RecurrentSettings, HeldOutSetting, TrainSettings):
    """Settings of `Video`; each is a keyword there and a flag of the command line."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "hidden_size": Range(16, 128, step=16),
        "channels": Range(8, 32, step=8),
        "weight_decay": Range(1e-6, 1e-1, log=True),
    }

    planned: ClassVar[frozenset[str]] = frozenset(
        {
            *("batch_size", "epochs", "evaluate_every", "hidden_size", "kind"),
            *(
                "size",
                "rate",
                "colour",
                "patch",
                "persistence",
                "flow",
                "crop",
                "matching",
                "residual_scale",
                "num_layers",
                "window",
                "summary_model",
            ),
        }
    )

    kind: Literal["auto", "classify", "events", "predict"] = Field(
        "auto",
        description="What to predict for a clip: its label, the events in a long clip with their"
        " start and end, or the next frames; auto: its label if clips have labels,"
        " otherwise the next frames.",
    )
    size: int | str | None = Field(
        None,
        description="Height and width that frames are resized to, in pixels, such as 64 or"
        " 96x128. If none: for labels and events, a square like the clips' frames, of"
        " 64 at most; to predict frames, each clip's own size, up to 1,024 a side.",
    )
    rate: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Frames per second that are read; if none, that of the clips, or less where a"
        " typical clip would have more than 64 frames.",
    )
    colour: Literal["auto", "grey", "colour"] = Field(
        "auto", description="Colour or greyscale; auto: greyscale if the clips have no colours."
    )
    fit: Literal["resize", "crop", "letterbox"] = Field(
        "resize",
        description="How frames with another aspect ratio are resized: both sides independently,"
        " centre crop, or black bars.",
    )
    differences: bool = Field(
        True, description="Add each frame's difference to the frame before as further channels."
    )
    channels: int = Field(
        8, ge=4, le=512, multiple_of=4, description="Channels of the first convolution."
    )
    features: int = Field(
        128,
        ge=4,
        le=4096,
        multiple_of=4,
        description="Features of each frame, the input of the recurrence.",
    )
    bidirectional: bool = Field(True, description="Bidirectional layers.")
    pooling: Literal["attention", "mean", "max", "mean_max", "last"] = Field(
        "mean_max", description="Pooling over time."
    )
    summary_model: bool = Field(
        False,
        description="Combine the network with a linear model of the amount of motion in each of 3"
        " x 3 parts of the frame, weighted on the validation data.",
    )
    label_smoothing: float = Field(
        0.05, ge=0, lt=1, description="Label smoothing (Szegedy et al. 2016)."
    )
    shift: float = Field(
        0.08,
        ge=0,
        le=0.5,
        description="Augmentation: maximum displacement of a clip, as a share of the size.",
    )
    speed: float = Field(
        0.1,
        ge=0,
        le=10,
        description="Augmentation: change of a clip's speed; 0.2 is up to 1.2 times.",
    )
    brightness: float = Field(
        0.1, ge=0, le=10, description="Augmentation: change of brightness; 0.2 is up to 1.2 times."
    )
    flip: bool = Field(
        False,
        description="Augmentation: mirror half of the clips, if left and right do not distinguish"
        " classes.",
    )
    inputs: int = Field(
        10, ge=1, le=1000, description="Number of input frames, if the next frames are predicted."
    )
    horizon: int = Field(10, ge=1, le=1000, description="Number of frames to predict.")
    patch: int = Field(
        4,
        ge=1,
        le=64,
        description="Side of the square patches of pixels that are read as channels: 8 where frames"
        " have 64 pixels a side or more and the last one does not predict the next.",
    )
    persistence: bool | None = Field(
        None,
        description="Predict the change relative to the last frame; if none, where later frames"
        " are closer to it than to the mean of the input frames and to black.",
    )
    flow: bool | None = Field(
        None,
        description="Move frames along their optical flow and predict the change relative to"
        " that; if none, where this alone predicts better than the last frame does.",
    )
    crop: int | None = Field(
        None,
        ge=8,
        le=4096,
        description="Side of the training windows cut out of larger frames; if none, 64 where"
        " frames are predicted. Predictions are always whole frames.",
    )
    zoom: float = Field(
        3.0,
        ge=1,
        le=10,
        description="Largest factor by which the content of training windows is scaled down.",
    )
    matching: bool | None = Field(
        None,
        description="Give the predicted frames the brightness distribution of the last frame"
        " (probability matching); if none, where there are thresholds and the change"
        " of the last frame is predicted.",
    )
    residual_scale: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the learnt change that is used in predictions; if none, less than 1"
        " where frames move along the flow and there are few training windows.",
    )
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight of rare brightness levels in the loss: their frequency to the power"
        " of minus this (Shi et al. 2017).",
    )
    mae: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="Weight of the absolute error, relative to the squared error.",
    )
    thresholds: tuple[float, ...] = Field(
        (),
        description="Brightness levels, 0 to 255, from which the critical success index counts a"
        " pixel.",
    )
    metric: Literal["auto", "accuracy", "macro_f1", "loss"] = Field(
        "auto",
        description="The validation metric that chooses the best weights; auto: the loss, for"
        " clips with one label each at the best temperature.",
    )
    window: int | None = Field(
        None,
        ge=2,
        le=10**5,
        description="Frames in a window of a long video, for training on events and for"
        " prediction with bidirectional models; if none, about four events.",
    )
    path: str = Field("path", description="Column of the paths of clips.")
    label: str = Field("label", description="Column of the labels.")
    separator: str | None = Field(
        None, description="Separator between the labels of a clip that may have several."
    )
    cache: str | None = Field(
        None,
        description="Folder for the cache of decoded frames, 10 GiB at most; one in the user's"
        " cache folder if none.",
    )

    @field_validator("size", mode="before")
    @classmethod
    def _sides(cls, value: Any) -> Any:
        """One number, or two with an x between them."""
        if value is None:
            return None
        words = "x".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
        sides = re.fullmatch(r"(\d+)(?:\s*x\s*(\d+))?", words.strip())
        if isinstance(value, (bool, float)) or sides is None:
            raise ValueError(f"height and width as 64 or 96x128 are needed, got {value!r}")
        found = [int(side) for side in sides.groups() if side is not None]
        if not all(_SMALLEST <= side <= _LARGEST for side in found):
            raise ValueError(f"sides are from {_SMALLEST} to {_LARGEST:,} pixels, got {value!r}")
        return found[0] if len(set(found)) == 1 else f"{found[0]}x{found[1]}"

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width of frames; None if each clip keeps its own."""
        return None if self.size is None else sides(self.size)


def sides(size: int | str) -> tuple[int, int]:
    """Height and width of a setting `size`.

    >>> sides(64), sides("96x128")
    ((64, 64), (96, 128))
    """
    height, _, width = str(size).partition("x")
    return int(height), int(width or height)
