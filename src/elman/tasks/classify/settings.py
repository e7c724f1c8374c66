"""The settings of the task `Classify`."""

from typing import Literal

from pydantic import Field

from elman.tasks.settings import RecurrentSettings, TextFileSettings
from elman.train.settings import TrainSettings


class ClassifySettings(RecurrentSettings, TextFileSettings, TrainSettings):
    """Settings of `Classify`; each is a keyword there and a flag of the command line."""

    tokens: Literal["words", "characters", "bpe"] = Field(
        "words", description="What a text is cut into."
    )
    lowercase: bool = Field(True, description="Read texts in lower case.")
    vocabulary_size: int | None = Field(
        None, ge=3, lt=2**31, description="Most tokens kept, the frequent first; all if none."
    )
    min_count: int = Field(1, ge=1, lt=2**31, description="Tokens rarer than this are unknown.")
    embedding_size: int = Field(100, ge=1, le=2**16, description="Length of a token's vector.")
    token_dropout: float = Field(
        0.3, ge=0, lt=1, description="Share of a text's tokens made unknown while training."
    )
    input_dropout: float = Field(
        0.4, ge=0, lt=1, description="Dropped share of the tokens' vectors; not of features."
    )
    output_dropout: float = Field(
        0.4, ge=0, lt=1, description="Dropped share of what leaves the last layer."
    )
    hidden_size: int = Field(64, ge=1, le=2**16, description="Hidden units a layer and direction.")
    batch_size: int = Field(50, ge=1, description="Sequences in a batch.")
    lr: float = Field(2e-3, gt=0, description="Learning rate at its highest, after the warm-up.")
    warmup: float = Field(
        0.05, ge=0, le=1, description="Share (0 to 1) of all steps in which the rate rises to lr."
    )
    ema: float = Field(
        0.99, ge=0, lt=1, description="Decay a step of the average of weights that is kept."
    )
    bidirectional: bool = Field(True, description="Read the sequence from both ends.")
    pooling: Literal["attention", "mean", "max", "mean_max", "last"] = Field(
        "mean_max", description="How the steps become one vector."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Weigh each class alike in the loss (balanced) or as it occurs."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Share of the target spread over all classes."
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, description="Share held out when no validation data is given."
    )
    metric: Literal["accuracy", "macro_f1", "loss"] = Field(
        "loss", description="The validation metric that chooses the best weights."
    )
    acoustic: Literal["log_mel", "mfcc"] = Field(
        "log_mel", description="What is computed of sound: log mel energies or cepstra."
    )
    bins: int = Field(40, ge=4, le=256, description="Filters on the mel scale, of sound.")
    sample_rate: int | None = Field(
        None,
        ge=2000,
        le=192000,
        description="Samples a second to which sound is brought; the data's by default, up to"
        " 16,000.",
    )
    text: str = Field("text", description="Column of the text (a number: its position).")
    label: str = Field("label", description="Column of the label (a number: its position).")
    features: str = Field("features", description="Column of the feature vectors.")
    path: str = Field("path", description="Column of the paths of sound files.")
    separator: str | None = Field(
        None, description="What parts the labels of an example that may have several."
    )
