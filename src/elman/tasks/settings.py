"""Settings that every task has: those of its recurrent layers."""

from collections.abc import Callable, Mapping
from copy import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator

from elman.data.delimited import check_delimiter
from elman.data.text.encodings import check_encoding
from elman.data.validation import MOST_PROBLEMS as MOST_PROBLEMS
from elman.data.validation import Settings
from elman.data.validation import in_one_line as in_one_line
from elman.errors import SettingsError
from elman.tasks.plan import Preset

if TYPE_CHECKING:
    from elman.cells import Cell
    from elman.nn import Recurrent

S = TypeVar("S", bound=BaseModel)


def with_defaults(
    descriptions: Mapping[str, str] = MappingProxyType({}), /, **defaults: Any
) -> Callable[[type[S]], type[S]]:
    """A decorator that gives inherited settings of a class other defaults and descriptions; their
    types and bounds stay.

    >>> @with_defaults({"hidden_size": "Hidden units."}, hidden_size=64)
    ... class Small(RecurrentSettings):
    ...     pass
    >>> Small().hidden_size, RecurrentSettings().hidden_size
    (64, 128)
    """

    def change(kind: type[S]) -> type[S]:
        fields = kind.model_fields
        for name in {**defaults, **descriptions}:
            field = fields[name] = copy(fields[name])
            field.default = defaults.get(name, field.default)
            field.description = descriptions.get(name, field.description)
        kind.model_rebuild(force=True)
        return kind

    return change


class RecurrentSettings(Settings):
    """The recurrent layers of a task's model; see `elman.nn.Recurrent` for each."""

    cell: str = Field("lstm", description="Name of the cell; elman info lists them.")
    hidden_size: int = Field(
        128, ge=1, le=2**16, description="Hidden units of each layer and direction."
    )
    num_layers: int = Field(1, ge=1, le=1000, description="Number of stacked layers.")
    input_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on the first layer's input.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout between layers.")
    output_dropout: float = Field(
        0.0, ge=0, lt=1, description="Dropout on the last layer's output."
    )
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="Recurrent dropout, on h.")
    weight_dropout: float = Field(
        0.0, ge=0, lt=1, description="DropConnect on the recurrent weights (Merity et al. 2018)."
    )
    zoneout: float = Field(
        0.0, ge=0, lt=1, description="Zoneout: probability that a unit keeps its previous state."
    )
    layer_norm: bool = Field(
        False, description="Layer normalisation of the gates' pre-activations."
    )
    residual: bool = Field(False, description="Residual connections between layers.")
    forget_bias: float | None = Field(None, description="Initial bias of the forget gate.")
    init: Literal["uniform", "orthogonal", "identity"] = Field(
        "uniform", description="Initialisation of the weights."
    )
    learn_initial_state: bool = Field(False, description="Learn the initial state.")
    backend: Literal["auto", "reference", "compiled"] = Field(
        "auto", description="How the recurrence is computed."
    )

    @property
    def description(self) -> str:
        """The layers in a few words.

        >>> RecurrentSettings(num_layers=2).description
        'lstm, 2 × 128 hidden units'
        """
        return f"{self.cell}, {self.num_layers} × {self.hidden_size} hidden units"

    def layers(self, cell: "Cell | str", input_size: int, **options: Any) -> "Recurrent":
        """The recurrent layers, with inputs of `input_size` features."""
        from elman.nn import Recurrent

        return Recurrent(
            cell,
            input_size,
            self.hidden_size,
            self.num_layers,
            dropout=self.dropout,
            variational=True,
            recurrent_dropout=self.recurrent_dropout,
            weight_dropout=self.weight_dropout,
            zoneout=self.zoneout,
            layer_norm=self.layer_norm,
            residual=self.residual,
            forget_bias=self.forget_bias,
            init=self.init,
            learn_initial_state=self.learn_initial_state,
            backend=self.backend,
            **options,
        )


class PlanSettings(Settings):
    """What a task does by itself: it chooses settings from the data, and compares the model.

    `planned`: the settings that it chooses where they are not given.
    """

    planned: ClassVar[frozenset[str]] = frozenset()

    preset: Preset = Field(
        "default", description="Preset for the size of the network and the length of training."
    )
    seeds: int = Field(
        1,
        ge=1,
        le=50,
        description="Train as many networks with different seeds, one after the other, and save"
        " them as one model whose answer is their mean.",
    )
    baselines: bool = Field(
        True, description="Train simple methods on the same data, to compare the model with."
    )


class SoundSettings(Settings):
    """What is computed of sound; see `elman.data.AcousticFeatures`."""

    acoustic: Literal["log_mel", "mfcc"] = Field(
        "log_mel", description="Features of sound: log mel energies or cepstra."
    )
    bins: int = Field(
        40, ge=4, le=256, description="Number of filters on the mel scale, for sound."
    )
    sample_rate: int | None = Field(
        None,
        ge=2000,
        le=192000,
        description="Sampling rate that sound is resampled to; that of the first recording,"
        " 16,000 at most, if none.",
    )


class HeldOutSetting(Settings):
    """How much of the training data validates if no other data does."""

    held_out: float = Field(
        0.1, gt=0, lt=1, description="Share held out when no validation data is given."
    )


class EncodingSetting(Settings):
    """How text files are encoded."""

    encoding: str | None = Field(
        None, description="Encoding of text files, such as cp1251; detected if none."
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        return check_encoding(value)


class TextFileSettings(EncodingSetting):
    """How text files are encoded and the fields of tables parted."""

    delimiter: str | None = Field(
        None, description="Field delimiter of a table, such as ';' or tab; detected if none."
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        return check_delimiter(value)

    @property
    def text_file(self) -> dict[str, str | None]:
        """The keywords of readers of text files."""
        return {"encoding": self.encoding, "delimiter": self.delimiter}


def validated(kind: type[S], values: Mapping[str, Any]) -> S:
    """Settings from plain values; SettingsError in one line says what is wrong with which.

    >>> validated(RecurrentSettings, {"hidden_size": 0})
    Traceback (most recent call last):
    elman.errors.SettingsError: hidden_size: Input should be greater than or equal to 1, got 0
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(in_one_line(error)) from None
