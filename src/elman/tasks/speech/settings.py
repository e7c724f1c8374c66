"""Settings of a recogniser; every field is a keyword and a flag of the command line."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import (
    HeldOutSetting,
    PlanSettings,
    RecurrentSettings,
    SoundSettings,
    TextFileSettings,
    with_defaults,
)
from elman.tasks.transcription.settings import TextSearchSettings
from elman.train.settings import TrainSettings


@with_defaults(
    {
        "acoustic": "Features of sound: log mel energies or cepstra; precomputed features are not"
        " changed.",
        "batch_size": "Utterances in a batch.",
        "epochs": "Passes over the training data.",
    },
    hidden_size=160,
    num_layers=3,
    input_dropout=0.1,
    dropout=0.3,
    output_dropout=0.3,
    batch_size=16,
    epochs=40,
    lr=3e-3,
    warmup=0.05,
    weight_decay=1e-2,
    clip=5.0,
    ema=0.99,
    restarts=2,
)
class SpeechSettings(
    PlanSettings,
    RecurrentSettings,
    SoundSettings,
    TextSearchSettings,
    HeldOutSetting,
    TextFileSettings,
    TrainSettings,
):
    """Settings of `Speech`."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "dropout": Range(0.0, 0.5, step=0.1),
        "feature_masks": Range(0, 3),
        "time_masks": Range(0, 3),
    }

    renamed: ClassVar[Mapping[str, str]] = {"rate": "sample_rate", "features": "acoustic"}

    deltas: int = Field(
        0,
        ge=0,
        le=2,
        description="Delta features: 1 adds those of first order, 2 also those of second order.",
    )
    stack: int = Field(3, ge=1, le=8, description="Frames of 10 ms stacked into a step.")
    bidirectional: bool = Field(
        True,
        description="Bidirectional layers: more accurate, but the text comes only at the end.",
    )
    look_ahead: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Look-ahead of bidirectional layers, in seconds; the whole utterance if none.",
    )
    loss: Literal["ctc", "transducer"] = Field(
        "ctc", description="Training criterion: CTC, or a transducer (RNN-T)."
    )
    speed: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="Speed perturbation: up to this share faster and slower.",
    )
    noise: float | None = Field(
        None,
        ge=-20,
        le=80,
        description="Augmentation: lowest signal-to-noise ratio of added noise, in decibels.",
    )
    time_masks: int = Field(2, ge=0, le=20, description="SpecAugment: number of time masks.")
    time_share: float = Field(
        0.1, ge=0, le=1, description="SpecAugment: longest time mask, as a share of the utterance."
    )
    feature_masks: int = Field(
        1, ge=0, le=20, description="SpecAugment: number of frequency masks."
    )
    feature_share: float = Field(
        0.25,
        ge=0,
        le=1,
        description="SpecAugment: widest frequency mask, as a share of the features.",
    )
    metric: Literal["cer", "wer", "loss"] = Field(
        "cer", description="The validation metric that chooses the best weights."
    )
    path: str = Field("path", description="Column of the sound files.")
    text: str = Field("text", description="Column of the transcripts.")
    audio_folder: str | None = Field(
        None,
        description="Folder of the sound files of a manifest; if none, that of the manifest or"
        " clips in it.",
    )
    channel: int | None = Field(
        None,
        ge=0,
        le=1023,
        description="Channel of recordings with several channels, from 0; their mean if none.",
    )

    @model_validator(mode="after")
    def _look_ahead_is_used(self) -> Self:
        if self.look_ahead is not None and not self.bidirectional:
            raise ValueError(
                f"look_ahead={self.look_ahead} is of bidirectional layers: set bidirectional too,"
                " or leave it"
            )
        return self

    @property
    def waits(self) -> bool:
        """Whether nothing is known before the end of the recording."""
        return self.bidirectional and self.look_ahead is None

    @property
    def step_seconds(self) -> float:
        """Time from one step of the network to the next."""
        return 0.01 * self.stack
