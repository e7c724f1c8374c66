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
        description="What is asked of a clip: its label, the events in a long one with their start"
        " and end, or the frames that come next; if auto its label where clips have labels.",
    )
    size: int | str | None = Field(
        None,
        description="Height and width that frames are brought to, in pixels, as 64 or 96x128. If"
        " none a square like those of the clips, of 64 at most, to tell labels; to predict each"
        " clip keeps its own, but for files beyond 1,024 a side.",
    )
    rate: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Frames a second that are read; that of the clips, or what leaves 64 frames of"
        " a usual one, if none.",
    )
    colour: Literal["auto", "grey", "colour"] = Field(
        "auto", description="Colours or grey; if auto grey where the clips have no colours."
    )
    fit: Literal["resize", "crop", "letterbox"] = Field(
        "resize",
        description="How frames of another shape come to the size: both sides on their own, the"
        " middle cut out, or black bars added.",
    )
    differences: bool = Field(
        True, description="Give each frame's difference to the one before as further channels."
    )
    channels: int = Field(
        8, ge=4, le=512, multiple_of=4, description="Channels of the first convolution."
    )
    features: int = Field(
        128, ge=4, le=4096, multiple_of=4, description="Features of a frame, for the recurrence."
    )
    bidirectional: bool = Field(True, description="Bidirectional layers.")
    pooling: Literal["attention", "mean", "max", "mean_max", "last"] = Field(
        "mean_max", description="Pooling over time."
    )
    summary_model: bool = Field(
        False,
        description="Beside the network that tells clips apart a linear model of how much moves in"
        " each of 3 x 3 parts of the frame, weighed on the validation data.",
    )
    label_smoothing: float = Field(
        0.05, ge=0, lt=1, description="Label smoothing (Szegedy et al. 2016)."
    )
    shift: float = Field(
        0.08,
        ge=0,
        le=0.5,
        description="Displacement of a whole clip while training, at most, as a share of the size.",
    )
    speed: float = Field(
        0.1, ge=0, le=10, description="Change of a clip's speed while training: 0.2 is up to 1.2."
    )
    brightness: float = Field(
        0.1, ge=0, le=10, description="Change of brightness while training: 0.2 is up to 1.2."
    )
    flip: bool = Field(
        False,
        description="Mirror half of the clips while training: where left and right do not tell"
        " classes apart.",
    )
    inputs: int = Field(
        10, ge=1, le=1000, description="Frames given, where the next ones are predicted."
    )
    horizon: int = Field(10, ge=1, le=1000, description="Frames to predict.")
    patch: int = Field(
        4, ge=1, le=64, description="Side of the squares of pixels that are read as channels."
    )
    persistence: bool | None = Field(
        None,
        description="Predict what is added to the last frame; if none where later frames are nearer"
        " to it than to the mean of those given and to black.",
    )
    flow: bool | None = Field(
        None,
        description="Move frames along their optical flow first, and predict what changes beside"
        " that; if none where this alone foretells more than the last frame does.",
    )
    crop: int | None = Field(
        None,
        ge=8,
        le=4096,
        description="Side of the windows that are cut out of larger frames to train on; if none 64"
        " where frames are predicted. Predicted are whole frames.",
    )
    zoom: float = Field(
        3.0,
        ge=1,
        le=10,
        description="How much smaller, at most, things are shown in windows cut out to train on.",
    )
    matching: bool | None = Field(
        None,
        description="Give the frames predicted the distribution of brightness of the last one"
        " (probability matching); if none where there are thresholds, and changes of the last frame"
        " are predicted.",
    )
    residual_scale: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the learnt change that is added to the last frame in predictions; if"
        " not given less than 1 where frames move along the flow and few windows are trained on.",
    )
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much more rare brightness counts in the loss than common one: its"
        " frequency to the power of minus this (Shi et al. 2017).",
    )
    mae: float = Field(
        0.0, ge=0, le=1000, description="Weight of the absolute error beside the squared one."
    )
    thresholds: tuple[float, ...] = Field(
        (),
        description="Brightness, 0 to 255, from which on the critical success index counts a pixel"
        " of predicted frames.",
    )
    metric: Literal["auto", "accuracy", "macro_f1", "loss"] = Field(
        "auto",
        description="The validation metric that chooses the best weights; if auto the loss, of"
        " clips of one label each at the temperature that fits best.",
    )
    window: int | None = Field(
        None,
        ge=2,
        le=10**5,
        description="Frames of the windows of long videos that are trained on to find events, and"
        " that models which read both ways see at once; if none about four events.",
    )
    path: str = Field("path", description="Column of the paths of clips.")
    label: str = Field("label", description="Column of the labels.")
    separator: str | None = Field(
        None, description="What parts the labels of a clip that may have several."
    )
    cache: str | None = Field(
        None,
        description="Folder of decoded frames, 10 GiB at most; one in the user's cache if none.",
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
