"""The settings of the task `Classify`."""

import os
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import (
    HeldOutSetting,
    PlanSettings,
    RecurrentSettings,
    SoundSettings,
    TextFileSettings,
    with_defaults,
)
from elman.train.settings import TrainSettings


@with_defaults(
    {"input_dropout": "Dropout on the tokens' embeddings; none on features."},
    input_dropout=0.4,
    output_dropout=0.4,
    hidden_size=64,
    batch_size=50,
    lr=2e-3,
    warmup=0.05,
    ema=0.99,
    restarts=2,
)
class ClassifySettings(
    PlanSettings, RecurrentSettings, SoundSettings, HeldOutSetting, TextFileSettings, TrainSettings
):
    """Settings of `Classify`; each is a keyword there and a flag of the command line."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "embedding_size": Range(32, 256, step=32),
        "input_dropout": Range(0.0, 0.6, step=0.1),
        "token_dropout": Range(0.0, 0.3, step=0.05),
        "label_smoothing": Range(0.0, 0.2, step=0.05),
    }

    planned: ClassVar[frozenset[str]] = frozenset(
        {
            *("batch_size", "epochs", "evaluate_every", "hidden_size", "tokens"),
            *("input_dropout", "token_dropout", "ngram_model", "summary_model", "differences"),
            "cooldown",
        }
    )

    tokens: Literal["words", "characters", "bpe", "unigram"] = Field(
        "words", description="Tokenisation of texts."
    )
    lowercase: bool = Field(True, description="Lowercase texts.")
    vocabulary_size: int | None = Field(
        None, ge=3, lt=2**31, description="Vocabulary size: the most frequent tokens; all if none."
    )
    min_count: int = Field(
        1, ge=1, lt=2**31, description="Minimum frequency of a token in the vocabulary."
    )
    embedding_size: int = Field(100, ge=1, le=2**16, description="Embedding size.")
    ngram_model: bool = Field(
        False,
        description="Combine the network of texts with a linear model of word and character"
        " n-grams, weighted on the validation data (Wide & Deep, Cheng et al. 2016).",
    )
    summary_model: bool = Field(
        False,
        description="Combine the network of features or sound with a linear model of statistics"
        " over the steps, weighted on the validation data.",
    )
    differences: bool = Field(
        False,
        description="Add each step's difference to the step before as further features, if the"
        " inputs are features or sound.",
    )
    ngram_buckets: int = Field(
        0,
        ge=0,
        le=2**24,
        description="Number of vectors shared by the hashed character n-grams of words"
        " (fastText); 0: none.",
    )
    vectors: str | None = Field(
        None,
        description="File of pretrained word vectors: word2vec's or fastText's text format, or"
        " GloVe.",
    )
    token_dropout: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="Word dropout: share of tokens replaced by the unknown token in training.",
    )
    bidirectional: bool = Field(True, description="Bidirectional layers.")
    pooling: Literal["attention", "mean", "max", "mean_max", "last"] = Field(
        "mean_max", description="Pooling over time."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Class weights in the loss; balanced: inverse to the frequency."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing (Szegedy et al. 2016)."
    )
    unfreezing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the steps over which the layers of a language model begin to learn, "
        "the last first, the embedding last (gradual unfreezing, Howard & Ruder 2018).",
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Learning rate of each layer of a language model, as a share of the one above "
        "it (discriminative fine-tuning, Howard & Ruder 2018).",
    )
    metric: Literal["accuracy", "macro_f1", "loss"] = Field(
        "loss", description="The validation metric that chooses the best weights."
    )
    text: str = Field("text", description="Column of the text (name or position).")
    label: str = Field("label", description="Column of the label (name or position).")
    features: str = Field("features", description="Column of the feature vectors.")
    path: str = Field("path", description="Column of the paths of sound files.")
    separator: str | None = Field(
        None, description="Separator between the labels of an example that may have several."
    )

    @field_validator("vectors", mode="before")
    @classmethod
    def _path(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value
