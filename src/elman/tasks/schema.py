"""What a saved model's configuration must hold, checked once before any of it is used."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from elman.data import AcousticFeatures
from elman.errors import ElmanError, ModelError
from elman.tasks.settings import in_one_line

Plain = Annotated[str, Field(max_length=10**7)] | int | float | bool | None
C = TypeVar("C", bound=BaseModel)


class BaselineRow(BaseModel):
    """A baseline beside the model."""

    model_config = ConfigDict(strict=True, extra="allow")

    name: str = Field(max_length=1000)
    metric: str = Field(max_length=1000)
    baseline: float | None
    model: float | None
    low: float | None
    high: float | None
    winner: Literal["model", "baseline", "undecided"]
    maximize: bool
    examples: int
    note: str = Field(max_length=1000)


class Record(BaseModel):
    """What the model card says of training."""

    model_config = ConfigDict(strict=True, extra="allow")

    data: dict[str, Plain] = {}
    metrics: dict[str, float | None] = {}  # None: NaN or infinite, which JSON cannot hold
    ensemble: dict[str, list[float | None]] = {}  # each network's metrics
    training: dict[str, Plain] = {}
    baselines: list[BaselineRow] = []
    latency_ms: float = Field(0.0, ge=0, allow_inf_nan=False)


def with_nan(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it was before JSON, with NaN in place of null among the numbers."""
    numbers = {name for name, f in BaselineRow.model_fields.items() if f.annotation == float | None}
    found = dict(record)
    if "metrics" in found:
        found["metrics"] = {n: math.nan if v is None else v for n, v in found["metrics"].items()}
    if "ensemble" in found:
        found["ensemble"] = {
            name: [math.nan if value is None else value for value in values]
            for name, values in found["ensemble"].items()
        }
    if "baselines" in found:
        found["baselines"] = [
            {n: math.nan if v is None and n in numbers else v for n, v in row.items()}
            for row in found["baselines"]
        ]
    return found


class SavedConfig(BaseModel):
    """What is common to the configurations of all tasks; a task adds its own fields.

    Settings are checked by the task's own class of settings.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    format: Literal[1]
    elman: str = Field(max_length=100)
    task: str
    settings: dict[str, Any]
    record: Record
    files: dict[str, str]
    card: str | None = None


def _hears(features: AcousticFeatures) -> AcousticFeatures:
    half = features.rate / 2
    top = features.high if features.high > 0 else half + features.high
    if not features.low < top <= half:
        raise ValueError(f"filters from {features.low} to {top} Hz do not fit below {half} Hz")
    return features


Sound = Annotated[AcousticFeatures, AfterValidator(_hears)]


def checked(kind: type[C], config: Mapping[str, Any]) -> C:
    """The configuration as an object; ModelError in one line if it does not fit."""
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        raise ModelError(in_one_line(error)) from None
    except ElmanError as error:  # a part that checks its own settings
        raise ModelError(str(error)) from None
    except RecursionError:
        raise ModelError("its lists are nested too deep") from None
