"""The settings of the task `Signature`."""

from typing import ClassVar

from pydantic import Field

from elman.tasks.search_space import Choice, Range, Space
from elman.tasks.settings import HeldOutSetting, PlanSettings, RecurrentSettings, with_defaults
from elman.train.settings import TrainSettings


@with_defaults(
    {
        "batch_size": "Signatures in a batch, each with its references.",
        "epochs": "Passes over the comparisons that training draws.",
        "input_dropout": "Dropout on the deviations of each step.",
        "held_out": "Share of the persons held out when no validation data is given.",
    },
    cell="gru",
    hidden_size=16,
    input_dropout=0.15,
    output_dropout=0.3,
    batch_size=32,
    lr=3e-3,
    warmup=0.1,
    weight_decay=1e-2,
    ema=0.99,
)
class SignatureSettings(PlanSettings, RecurrentSettings, HeldOutSetting, TrainSettings):
    """Settings of `Signature`; each is a keyword there and a flag of the command line."""

    search_space: ClassVar[Space] = {
        "lr": Range(1e-4, 1e-2, log=True),
        "cell": Choice(("lstm", "gru")),
        "hidden_size": Range(16, 96, step=16),
        "output_dropout": Range(0.0, 0.6, step=0.1),
        "weight_decay": Range(1e-6, 1e-1, log=True),
    }

    planned: ClassVar[frozenset[str]] = frozenset({"epochs", "evaluate_every"})

    references: int = Field(
        5, ge=1, le=10, description="Recommended number of genuine signatures for an enrolment."
    )
    draws: int = Field(
        10,
        ge=1,
        le=1000,
        description="Random choices of references for each person in an evaluation.",
    )
    threshold: float = Field(
        0.5, gt=0, lt=1, description="Minimum probability to accept a signature as genuine."
    )
    penalty: float = Field(
        100.0,
        ge=0,
        le=1e9,
        description="L2 penalty of the linear model, which reads statistics of the deviations.",
    )
    bidirectional: bool = Field(True, description="Bidirectional layers.")
    path: str = Field("path", description="Column of the ink files.")
    writer: str = Field(
        "writer", description="Column of the person whose signature it is or claims to be."
    )
    label: str = Field(
        "label", description='Column of "genuine" or "forgery"; without it all are genuine.'
    )
