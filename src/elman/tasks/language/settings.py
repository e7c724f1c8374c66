"""The settings of the task `Language`."""

from typing import ClassVar, Literal

from pydantic import Field

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import (
    EncodingSetting,
    HeldOutSetting,
    PlanSettings,
    RecurrentSettings,
    with_defaults,
)
from elman.train.settings import TrainSettings


@with_defaults(
    {"held_out": "Share of the text, in stretches spread over it, held out if none is given."},
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

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "hidden_size": Range(64, 512, step=64),
        "embedding_size": Range(32, 256, step=32),
        "input_dropout": Range(0.0, 0.5, step=0.05),
        "weight_dropout": Range(0.0, 0.5, step=0.1),
    }

    planned: ClassVar[frozenset[str]] = frozenset(
        {
            *("batch_size", "epochs", "evaluate_every", "hidden_size", "embedding_size"),
            *("tie_weights", "weight_dropout", "input_dropout", "output_dropout", "forget_bias"),
            "ngram_model",
        }
    )

    tokens: Literal["characters", "bpe", "unigram", "words"] = Field(
        "characters",
        description="Tokenisation; byte pairs and unigram pieces are learnt from the beginning of"
        " the text; words, without white space, are meant for a classifier that starts"
        " from the model.",
    )
    lowercase: bool = Field(False, description="Lowercase the text.")
    vocabulary_size: int | None = Field(
        None,
        ge=3,
        lt=2**31,
        description="Vocabulary size; by default all characters or words, or 8192 byte pairs or"
        " pieces.",
    )
    ngram_model: bool = Field(
        False,
        description="Combine the network with a Kneser-Ney n-gram model of the same tokens; its"
        " weight is chosen on held-out text.",
    )
    embedding_size: int = Field(64, ge=1, le=2**16, description="Embedding size.")
    chunk_length: int = Field(
        64, ge=1, description="Time steps of truncated backpropagation through time."
    )
    tie_weights: bool = Field(
        False, description="Tie the output weights to the embeddings (Press & Wolf 2017)."
    )
    embedding_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Embedding dropout: share of the vocabulary zeroed in each pass.",
    )
    activation_penalty: float = Field(
        0.0, ge=0, description="Activation regularisation (AR, Merity et al. 2017)."
    )
    change_penalty: float = Field(
        0.0, ge=0, description="Temporal activation regularisation (TAR)."
    )
    text: str = Field("text", description="Column of the texts, if the data is a table.")
    max_held_out: int = Field(
        50_000, ge=2, description="Maximum number of tokens held out of a long text."
    )
