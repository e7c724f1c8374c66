"""What a recogniser may be told; every field is a keyword and a flag of the command line."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

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
    {
        "acoustic": "What is computed of sound: log mel energies or cepstra; ready features stay"
        " as they are.",
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
    PlanSettings, RecurrentSettings, SoundSettings, HeldOutSetting, TextFileSettings, TrainSettings
):
    """Settings of `Speech`."""

    renamed: ClassVar[Mapping[str, str]] = {"rate": "sample_rate", "features": "acoustic"}

    deltas: int = Field(0, ge=0, le=2, description="Orders of slopes that join the features.")
    stack: int = Field(3, ge=1, le=8, description="Frames of 10 ms joined into a step.")
    bidirectional: bool = Field(
        True,
        description="Listen from the end, too: better, but text comes at the end only.",
    )
    look_ahead: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Seconds of what comes that a bidirectional layer waits for; all if none.",
    )
    loss: Literal["ctc", "transducer"] = Field(
        "ctc", description="How texts are aligned: CTC, or a transducer, which reads its own text."
    )
    ngram: int = Field(
        3, ge=0, le=6, description="Order of the words' model from the transcripts; 0 for none."
    )
    lm: str | None = Field(
        None, description="ARPA file with a model of words, in place of one of the transcripts."
    )
    lexicon: bool = Field(False, description="Write only words that the transcripts or lm have.")
    beam: int = Field(16, ge=1, le=1000, description="Texts followed at once; 1 is greedy.")
    lm_weight: float | None = Field(
        None, ge=0, le=10, description="Weight of the words' model; found on held-out data if none."
    )
    word_bonus: float | None = Field(
        None, ge=-20, le=20, description="Added for each word; found on held-out data if none."
    )
    speed: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="While training, speech is also heard so much (a share) faster and slower.",
    )
    noise: float | None = Field(
        None, ge=-20, le=80, description="Also heard with noise, so many decibels below at most."
    )
    time_masks: int = Field(2, ge=0, le=20, description="Stretches hidden while training.")
    time_share: float = Field(0.1, ge=0, le=1, description="Longest such stretch, as a share.")
    feature_masks: int = Field(1, ge=0, le=20, description="Bands hidden while training.")
    feature_share: float = Field(0.25, ge=0, le=1, description="Widest such band, as a share.")
    metric: Literal["cer", "wer", "loss"] = Field(
        "cer", description="The validation metric that chooses the best weights."
    )
    path: str = Field("path", description="Column of the sound files.")
    text: str = Field("text", description="Column of the transcripts.")
    audio_folder: str | None = Field(
        None, description="Folder of a manifest's sound files; its own, or clips in it, if none."
    )
    channel: int | None = Field(
        None,
        ge=0,
        le=1023,
        description="Channel of recordings with several, 0 the first; their mean if none.",
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
