"""What the configuration of a saved model of video must hold."""

from typing import Annotated, Literal

from pydantic import Field

from elman.tasks.schema import SavedConfig

Side = Annotated[int, Field(ge=8, le=4096)]
Frames = Annotated[int, Field(ge=0, le=10**9)]
Deviation = Annotated[float, Field(gt=0, le=10)]


class VideoConfig(SavedConfig):
    """Labels, the form of frames and their range, and what is no event of a label."""

    labels: list[Annotated[str, Field(max_length=10**5)]] = Field(max_length=10**6)
    rate: float | None = Field(gt=0, le=1000)
    grey: bool
    fit: Literal["resize", "crop", "letterbox"]
    own_size: bool = False
    height: Side
    width: Side
    mean: float = Field(ge=0, le=1)
    deviation: Deviation
    motion: Deviation
    several: bool = False
    shortest: list[Frames] | None = None
    pause: list[Frames] | None = None
    exclusive: bool = False
