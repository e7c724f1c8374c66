"""What the configuration of a saved verifier of signatures must hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from elman.tasks.schema import SavedConfig
from elman.tasks.signature.functions import function_names


class SignatureConfig(SavedConfig):
    """Channels of the pen, usual deviations, and by whose signatures scores are normalised."""

    channels: list[Literal["pressure", "azimuth", "altitude"]] = Field(max_length=3)
    usual: list[Annotated[float, Field(ge=0, le=100)]]
    has_forgeries: bool
    cohort: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field([], max_length=1000)

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("channels must be all different")
        if len(self.usual) != (count := len(function_names(tuple(self.channels)))):
            raise ValueError(f"usual has {len(self.usual)} numbers where {count} are needed")
        return self
