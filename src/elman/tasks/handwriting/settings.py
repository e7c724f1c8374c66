"""The settings of the task `Handwriting`."""

from typing import ClassVar, Literal

from pydantic import Field

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import (
    HeldOutSetting,
    PlanSettings,
    RecurrentSettings,
    with_defaults,
)
from elman.tasks.transcription.settings import TextSearchSettings
from elman.train.settings import TrainSettings


@with_defaults(
    {
        "batch_size": "Samples in a batch.",
        "epochs": "Passes over the training data.",
        "input_dropout": "Dropout on the features of each step.",
    },
    cell="gru",
    hidden_size=128,
    num_layers=2,
    dropout=0.3,
    output_dropout=0.3,
    batch_size=50,
    lr=3e-3,
    warmup=0.05,
    weight_decay=1e-2,
    ema=0.99,
    restarts=2,
)
class HandwritingSettings(
    PlanSettings, RecurrentSettings, TextSearchSettings, HeldOutSetting, TrainSettings
):
    """Settings of `Handwriting`; each is a keyword there and a flag of the command line."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "dropout": Range(0.0, 0.5, step=0.1),
        "weight_decay": Range(1e-6, 1e-1, log=True),
    }

    planned: ClassVar[frozenset[str]] = frozenset(
        {
            *("batch_size", "epochs", "evaluate_every", "hidden_size"),
            *("kind", "keep_size", "shape_model"),
        }
    )

    kind: Literal["auto", "symbol", "text"] = Field(
        "auto",
        description="Kind of sample: a symbol of a fixed set, or a text of characters (CTC).",
    )
    keep_size: bool = Field(
        False,
        description="Use the size and position of samples, too, as for c and C: the scale in use"
        " must then be that of training.",
    )
    shape_model: bool = Field(
        False,
        description="Combine the network of symbols with a linear model of their shape, whatever"
        " the order of strokes, weighted on the validation data.",
    )
    resolution: int = Field(
        16,
        ge=4,
        le=128,
        description="Steps along the pen's path per height of a line or longer side of a symbol.",
    )
    bidirectional: bool = Field(True, description="Bidirectional layers.")
    pooling: Literal["attention", "mean", "max", "mean_max", "last"] = Field(
        "mean_max", description="Pooling over time, for symbols."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing, for symbols (Szegedy et al. 2016)."
    )
    rotation: float = Field(
        7.0,
        ge=0,
        le=90,
        description="Augmentation: standard deviation of the rotation, in degrees.",
    )
    shear: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Augmentation: standard deviation of the tangent of the slant.",
    )
    stretch: float = Field(
        0.12,
        ge=0,
        le=1,
        description="Augmentation: standard deviation of the logarithm of width to height.",
    )
    scale: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Augmentation, for models with keep_size: standard deviation of the logarithm"
        " of the size.",
    )
    noise: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Augmentation: smooth displacement of the points, its standard deviation as a"
        " share of the size.",
    )
    metric: Literal["auto", "accuracy", "macro_f1", "cer", "wer", "loss"] = Field(
        "auto",
        description="The validation metric that chooses the best weights; auto: for symbols the"
        " loss at the best temperature, for texts cer.",
    )
    text: str = Field("text", description="Column of the symbols or texts.")
    writer: str = Field("writer", description="Column of the writers.")
    path: str = Field("path", description="Column of the ink files.")

    @property
    def step_seconds(self) -> float:
        """A step of the network, in the unit in which decoders give times: steps."""
        return 1.0
