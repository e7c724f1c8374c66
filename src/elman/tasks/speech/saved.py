"""What the configuration of a saved recogniser must hold."""

from typing import Annotated

from pydantic import Field

from elman.tasks.schema import SavedConfig, Sound

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e30, le=1e30)]


class SpeechConfig(SavedConfig):
    """Features, their mean, and the weights of the beam search."""

    acoustic: Sound | None
    mean: list[Finite] = Field(min_length=1, max_length=10**5)
    lm_weight: float = Field(ge=-1000, le=1000)
    word_bonus: float = Field(ge=-1000, le=1000)
