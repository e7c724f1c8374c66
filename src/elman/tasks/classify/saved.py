"""What the configuration of a saved classifier must hold."""

from pydantic import Field, field_validator

from elman.tasks.schema import SavedConfig, Sound


class ClassifyConfig(SavedConfig):
    """Labels and what the inputs are."""

    labels: list[str] = Field(min_length=1)
    several: bool
    features: int | None = Field(ge=1, le=10**6)
    sound: Sound | None = None  # missing in models of older versions

    @field_validator("labels")
    @classmethod
    def _all_different(cls, labels: list[str]) -> list[str]:
        if len(set(labels)) < len(labels):
            raise ValueError("labels must be all different")
        return labels
