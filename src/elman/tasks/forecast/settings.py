"""Settings of a forecaster; every field is a keyword and a flag of the command line."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from elman.errors import SettingsError
from elman.tasks.search_space import RECURRENT, Range, Space
from elman.tasks.settings import (
    PlanSettings,
    RecurrentSettings,
    TextFileSettings,
    with_defaults,
)
from elman.train.settings import TrainSettings

if TYPE_CHECKING:
    from elman.cells import Cell
    from elman.data.series.panel import Columns
    from elman.nn import Dilated, Recurrent

LONGEST = 100_000  # steps of a horizon, a season, a context
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


@with_defaults(
    {"hidden_size": "Hidden units a layer.", "epochs": "Passes of 100 batches each."},
    hidden_size=64,
    lr=3e-3,
    clip=0.1,  # some three times the usual norm: one spike can spoil a run of long histories
    epochs=15,
    warmup=0.03,
    weight_decay=1e-4,
    ema=0.99,
)
class ForecastSettings(PlanSettings, RecurrentSettings, TextFileSettings, TrainSettings):
    """Settings of `Forecast`."""

    search_space: ClassVar[Space] = {
        **RECURRENT,
        "hidden_size": Range(16, 128, step=16),
        "dropout": Range(0.0, 0.3, step=0.05),
        "weight_decay": Range(1e-6, 1e-2, log=True),
    }

    horizon: int = Field(24, ge=1, le=LONGEST, description="Forecast horizon, in steps.")
    context: int | None = Field(
        None,
        ge=2,
        le=LONGEST,
        description="Steps of history in a training window; two of the longest season if none.",
    )
    season: int | None = Field(
        None,
        ge=1,
        le=LONGEST,
        description="Steps of the main season; if unset, from the calendar (a day, a year), or"
        " detected in the data if the calendar gives none or another one forecasts"
        " better.",
    )
    frequency: str | None = Field(
        None,
        description="Time step of the calendar: 15min, h, D, B, W-MON, MS, Mon-Sat, ...; detected"
        " if none.",
    )
    held_out: float | None = Field(
        None,
        gt=0,
        description="Share (below 1) of the longest series, or number of steps (from 1), held out"
        " at the end; a tenth or more if none.",
    )
    id: str = Field("unique_id", description="Column of the names of the series.")
    time: str = Field("ds", description="Column of the times.")
    target: tuple[str, ...] = Field(("y",), description="Columns to forecast.")
    past: tuple[str, ...] = Field(
        (), description="Past covariates: columns known up to the present."
    )
    future: tuple[str, ...] = Field(
        (), description="Future covariates: columns known ahead of time."
    )
    static: tuple[str, ...] = Field(
        (), description="Static covariates: columns that describe a series."
    )
    head: Literal["quantiles", "student_t", "normal", "negative_binomial"] = Field(
        "quantiles",
        description="quantiles: of all steps at once. Otherwise the distribution of the next"
        " value, and sample paths of any length.",
    )
    paths: int = Field(
        200,
        ge=20,
        le=100_000,
        description="Number of sample paths, if the head is a distribution.",
    )
    nonnegative: bool | None = Field(
        None,
        description="Bound forecasts below by 0; if unset, for series without negative values.",
    )
    smoothing: bool | None = Field(
        None,
        description="Also learn an exponential smoothing for each series (ES-RNN); if unset,"
        " where it forecasts held-out steps better than the alternatives.",
    )
    attention: bool = Field(
        False,
        description="Decoder with attention over the past, run over the horizon.",
    )
    dilations: tuple[int, ...] = Field(
        (), description="Dilation of each layer's recurrence, one number for each layer: 1,4,24."
    )

    @field_validator("frequency", mode="before")
    @classmethod
    def _frequency(cls, value: Any) -> Any:
        """A number, a name, or an offset of pandas, which has one."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        value = getattr(value, "freqstr", value)
        if isinstance(value, str):
            from elman.data.series.frequency import check_frequency

            try:
                check_frequency(value)
            except SettingsError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("held_out")
    @classmethod
    def _share_or_steps(cls, value: float | None) -> float | None:
        if value is None or value < 1:
            return value
        if value != int(value):
            raise ValueError(
                f"held_out={value}: a share below 1 or a whole number of steps is needed"
            )
        return int(value)

    @field_validator("target", "past", "future", "static", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        """One name is a list of one; several may be one word with commas."""
        return _split(value)

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        names = [*self.target, *self.past, *self.future, *self.static, self.id, self.time]
        if len(set(names)) < len(names) or not self.target:
            raise ValueError(f"the columns must be different and one a target, got {names}")
        return self

    @field_validator("dilations", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        """Numbers, or words of them with commas, as the command line gives them."""
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            value = ",".join(value)
        return _split(value)

    @model_validator(mode="after")
    def _layers_agree(self) -> Self:
        if any(d < 1 for d in self.dilations):
            raise ValueError(f"dilations must be numbers from 1, got {self.dilations}")
        if self.dilations and self.num_layers not in (1, len(self.dilations)):
            raise ValueError(
                f"dilations are of {len(self.dilations)} layers, and num_layers={self.num_layers}:"
                " leave num_layers out"
            )
        return self

    @model_validator(mode="after")
    def _head_can(self) -> Self:
        for name in ("smoothing", "attention"):
            if self.head != "quantiles" and getattr(self, name):
                raise ValueError(
                    f'{name} is for head="quantiles", and head is "{self.head}": choose one of them'
                )
        if self.head != "quantiles" and self.past:
            raise ValueError(
                f'head="{self.head}" continues from sampled values of the target, for which'
                f" {', '.join(self.past)} cannot be known: make it a target, too, or choose"
                ' head="quantiles"'
            )
        return self

    def recurrence(self, cell: "Cell | str", input_size: int) -> "Recurrent | Dilated":
        """The recurrent layers, dilated ones if it is so set."""
        if not self.dilations:
            return self.layers(cell, input_size)
        from elman.nn import Dilated

        one = self.model_copy(update={"num_layers": 1, "dropout": 0.0})
        sizes = [input_size, *[self.hidden_size] * (len(self.dilations) - 1)]
        layers = [one.layers(cell, size) for size in sizes]
        return Dilated(layers, self.dilations, self.dropout)

    @property
    def columns(self) -> "Columns":
        """The columns' names together."""
        from elman.data.series.panel import Columns

        return Columns(self.id, self.time, self.target, self.past, self.future, self.static)


def _split(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value
