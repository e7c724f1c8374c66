"""The settings of the task `Language`."""

from typing import ClassVar, Literal

from pydantic import Field

from elman.tasks.settings import (
    EncodingSetting,
    HeldOutSetting,
    PlanSettings,
    RecurrentSettings,
    with_defaults,
)
from elman.train.settings import TrainSettings


@with_defaults(
    {"held_out": "Share of the text, its end, held out if none is given."},
    hidden_size=256,
    weight_dropout=0.2,
    output_dropout=0.2,
    init="orthogonal",
    lr=4e-3,
    warmup=0.04,
    weight_decay=0.01,
    restarts=2,
)
class LanguageSettings(
    PlanSettings, RecurrentSettings, HeldOutSetting, EncodingSetting, TrainSettings
):
    """Settings of `Language`; each is a keyword there and a flag of the command line."""

    planned: ClassVar[frozenset[str]] = frozenset(
        {
            *("batch_size", "epochs", "evaluate_every", "hidden_size", "embedding_size"),
            *("tie_weights", "weight_dropout", "input_dropout", "output_dropout", "forget_bias"),
        }
    )

    tokens: Literal["characters", "bpe"] = Field(
        "characters",
        description="What the text is cut into; byte pairs are learnt from its beginning.",
    )
    vocabulary_size: int | None = Field(
        None,
        ge=3,
        lt=2**31,
        description="Most tokens kept; by default all characters or 8192 byte pairs.",
    )
    embedding_size: int = Field(64, ge=1, le=2**16, description="Length of a token's vector.")
    chunk_length: int = Field(
        64, ge=1, description="Time steps that truncated backpropagation goes back."
    )
    tie_weights: bool = Field(
        False, description="Score tokens by their own embedding vectors (Press & Wolf 2017)."
    )
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the vocabulary left out of each pass."
    )
    activation_penalty: float = Field(
        0.0, ge=0, description="Weight of the squared outputs in the loss (AR, Merity 2017)."
    )
    change_penalty: float = Field(
        0.0, ge=0, description="Weight of the squared change of outputs in the loss (TAR)."
    )
    max_held_out: int = Field(250_000, ge=2, description="Most tokens held out of a long text.")
