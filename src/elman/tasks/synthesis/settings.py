"""The settings of the task `Synthesis`."""

from typing import ClassVar, Literal

from pydantic import Field

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import HeldOutSetting, PlanSettings, RecurrentSettings, with_defaults
from elman.train.settings import TrainSettings


@with_defaults(
    {
        "batch_size": "Samples in a batch.",
        "epochs": "Passes over the training data.",
        "num_layers": "Stacked layers; with texts two or more, the window lies above the first.",
        "seeds": "One: several networks cannot write together.",
    },
    cell="lstm",
    hidden_size=256,
    num_layers=2,
    dropout=0.1,
    batch_size=50,
    lr=3e-3,
    warmup=0.05,
    weight_decay=1e-3,
    ema=0.99,
    restarts=2,
)
class SynthesisSettings(PlanSettings, RecurrentSettings, HeldOutSetting, TrainSettings):
    """Settings of `Synthesis`; each is a keyword there and a flag of the command line."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "hidden_size": Range(64, 512, step=64),
        "components": Range(5, 40, step=5),
        "dropout": Range(0.0, 0.4, step=0.1),
    }

    planned: ClassVar[frozenset[str]] = frozenset(
        {"batch_size", "condition", "epochs", "evaluate_every", "hidden_size"}
    )

    condition: Literal["auto", "text", "nothing"] = Field(
        "auto",
        description="Condition of the writing: a text, or nothing; auto: a text if all samples"
        " have one.",
    )
    components: int = Field(
        20, ge=1, le=1000, description="Gaussians in the mixture density of a point's offset."
    )
    window: int = Field(
        10, ge=1, le=1000, description="Gaussians in the window on a text (Graves 2013)."
    )
    embedding_size: int = Field(32, ge=1, le=4096, description="Size of a character's vector.")
    spacing: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Distance of the points along a stroke after resampling, in median heights of"
        " the training samples; 0 keeps the original points.",
    )
    longest: int = Field(
        2000, ge=2, le=10**6, description="Maximum number of points of a training sample."
    )
    text: str = Field("text", description="Column of the texts.")
    writer: str = Field("writer", description="Column of the writers.")
    path: str = Field("path", description="Column of the ink files.")
