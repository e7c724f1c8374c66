"""What the configuration of a saved synthesiser of handwriting must hold."""

from typing import Annotated

from pydantic import Field

from elman.tasks.schema import SavedConfig

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SynthesisConfig(SavedConfig):
    """The fields of `SynthesisPreprocessing`."""

    scale: Positive
    spacing: float = Field(ge=0, allow_inf_nan=False)
    is_integer: bool
    characters: str = Field(max_length=10**6)
    pace: float = Field(ge=0, allow_inf_nan=False)
    longest: int = Field(ge=1)
    unit: Positive | None
