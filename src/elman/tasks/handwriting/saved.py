"""What the configuration of a saved recogniser of handwriting must hold."""

from typing import Annotated

from pydantic import Field

from elman.tasks.schema import SavedConfig

Weight = Annotated[float, Field(ge=-1000, le=1000)]


class HandwritingConfig(SavedConfig):
    """Symbols, usual size and place, and the weights of the beam search."""

    labels: list[Annotated[str, Field(max_length=10**5)]] = Field(max_length=10**6)
    size: float = Field(gt=0, allow_inf_nan=False)
    top: float = Field(allow_inf_nan=False)
    lm_weight: Weight | None
    word_bonus: Weight | None
