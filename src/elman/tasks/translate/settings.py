"""The settings of the task `Translate`."""

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from elman.data.text.vocabulary import Kind
from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import (
    HeldOutSetting,
    PlanSettings,
    RecurrentSettings,
    TextFileSettings,
    with_defaults,
)
from elman.train.settings import TrainSettings


@with_defaults(
    {
        "batch_size": "Tokens of a batch, on its longer side and with padding.",
        "hidden_size": "Hidden units of the decoder; half of them each direction of the encoder.",
        "num_layers": "Layers of the encoder, each of both directions.",
        "input_dropout": "Dropout on the embeddings.",
        "dropout": "Dropout between layers, on the encoder's outputs and on the context.",
        "output_dropout": "Dropout before the scores of tokens.",
    },
    cell="gru",
    hidden_size=256,
    input_dropout=0.2,
    dropout=0.2,
    output_dropout=0.2,
    batch_size=600,
    lr=2e-3,
    warmup=0.05,
    clip=1.0,
    restarts=2,
)
class TranslateSettings(
    PlanSettings, RecurrentSettings, HeldOutSetting, TextFileSettings, TrainSettings
):
    """Settings of `Translate`; each is a keyword there and a flag of the command line."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "hidden_size": Range(64, 512, step=64),
        "embedding_size": Range(64, 384, step=32),
        "dropout": Range(0.0, 0.5, step=0.1),
        "token_dropout": Range(0.0, 0.2, step=0.05),
        "label_smoothing": Range(0.0, 0.2, step=0.05),
    }

    planned: ClassVar[frozenset[str]] = frozenset(
        {
            *("epochs", "evaluate_every", "hidden_size", "embedding_size", "batch_size"),
            *("tokens", "vocabulary_size", "joint_vocabulary", "placeholders", "cooldown"),
            *("input_dropout", "dropout", "output_dropout", "token_dropout"),
        }
    )

    source: str | None = Field(
        None, description="Column, language or file ending of the source texts; detected if none."
    )
    target: str | None = Field(
        None, description="Column, language or file ending of the target texts; detected if none."
    )
    clean: bool = Field(
        True,
        description="Drop pairs that harm training: an empty side, very different lengths, the"
        " wrong script, exact duplicates.",
    )
    monolingual: str | None = Field(
        None, description="File of monolingual target texts to train on, too; needs backward."
    )
    backward: str | None = Field(
        None,
        description="Trained model of the other direction, which generates the sources of"
        " monolingual texts (back-translation, Sennrich et al. 2016).",
    )
    init_encoder: str | None = Field(
        None,
        description="Language model of source texts; the encoder takes its vocabulary and, for"
        " the forward direction, starts from its weights (Ramachandran et al. 2017).",
    )
    init_decoder: str | None = Field(
        None,
        description="Language model of target texts; the decoder takes its vocabulary and starts"
        " from its weights.",
    )
    tokens: Kind = Field("bpe", description="Tokenisation of both sides.")
    source_tokens: Kind | None = Field(
        None, description="Tokenisation of the sources, if it differs."
    )
    target_tokens: Kind | None = Field(
        None, description="Tokenisation of the targets, if it differs."
    )
    vocabulary_size: int | None = Field(
        None,
        ge=3,
        lt=2**31,
        description="Vocabulary size of each side; all characters or words if none.",
    )
    joint_vocabulary: bool = Field(
        False, description="One vocabulary, with shared embeddings, for source and target."
    )
    placeholders: bool = Field(
        False,
        description="Copy numbers, URLs and e-mail addresses that are the same on both sides,"
        " each represented by one symbol.",
    )
    lowercase: bool = Field(False, description="Lowercase source and target.")
    normalisation: Literal["nfc", "nfkc", "none"] = Field(
        "nfc", description="Unicode normalisation form."
    )
    chinese: Literal["simplified", "traditional"] | None = Field(
        None, description="Script that Chinese is converted to (needs elman[translate])."
    )
    embedding_size: int = Field(256, ge=1, le=2**16, description="Embedding size.")
    decoder_layers: int = Field(
        2, ge=2, le=1000, description="Number of layers of the decoder, the first of which attends."
    )
    attention: Literal["additive", "dot", "general", "none"] = Field(
        "additive",
        description="Attention: additive (Bahdanau 2015), dot or general (Luong 2015); none: the"
        " mean of the encoder's outputs.",
    )
    input_feeding: bool = Field(
        False,
        description="Input feeding (Luong 2015): the attention vector is an input of the next"
        " step; training then runs step by step, too.",
    )
    tie_weights: bool = Field(
        False, description="Tie the output weights to the target embeddings (Press & Wolf 2017)."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Label smoothing (Szegedy et al. 2016)."
    )
    token_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Word dropout: share of tokens replaced by the unknown token in training.",
    )
    beam: int = Field(5, ge=1, le=1000, description="Beam width; 1 is greedy decoding.")
    length_penalty: float = Field(
        1.0, ge=0, le=10, description="Exponent of the length normalisation (Wu et al. 2016)."
    )
    coverage_penalty: float = Field(
        0.0, ge=0, le=10, description="Weight of the coverage penalty (Wu et al. 2016)."
    )
    copy_unknown: bool = Field(
        True, description="Replace unknown words by the source words that they attend to."
    )
    max_held_out: int = Field(1000, ge=1, description="Maximum number of pairs held out.")
    metric: Literal["bleu", "chrf", "exact", "loss"] = Field(
        "chrf", description="The validation metric that chooses the best weights."
    )

    @property
    def kinds(self) -> tuple[Kind, Kind]:
        """The tokenisations of sources and targets."""
        return self.source_tokens or self.tokens, self.target_tokens or self.tokens

    @model_validator(mode="after")
    def _are_of_one_kind(self) -> Self:
        source, target = self.kinds
        if self.joint_vocabulary and source != target:
            raise ValueError(
                f"joint_vocabulary needs one tokenisation, and sources are {source}, targets"
                f" {target}"
            )
        return self

    @model_validator(mode="after")
    def _are_both_given(self) -> Self:
        if (self.monolingual is None) != (self.backward is None):
            raise ValueError("monolingual and backward go together: give both, or neither")
        return self

    @field_validator("hidden_size")
    @classmethod
    def _can_be_halved(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} cannot be halved for the encoder's two directions")
        return value
