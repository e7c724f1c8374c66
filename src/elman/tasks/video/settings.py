"""The settings of the task `Video`."""

from typing import ClassVar, Literal

from pydantic import Field

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import HeldOutSetting, PlanSettings, RecurrentSettings, with_defaults
from elman.train.settings import TrainSettings


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
            *("size", "rate", "colour", "persistence", "num_layers"),
        }
    )

    kind: Literal["auto", "classify", "predict"] = Field(
        "auto",
        description="What is asked of a clip: its label, or the frames that come next; if auto its"
        " label where clips have labels.",
    )
    size: int | None = Field(
        None,
        ge=8,
        le=512,
        description="Height and width that frames are brought to, in pixels; that of the clips, 64"
        " at most, if none.",
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
        description="The validation metric that chooses the best weights; if auto the loss at the"
        " temperature that fits best.",
    )
    path: str = Field("path", description="Column of the paths of clips.")
    label: str = Field("label", description="Column of the labels.")
    cache: str | None = Field(
        None,
        description="Folder of decoded frames, 10 GiB at most; one in the user's cache if none.",
    )
