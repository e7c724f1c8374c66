"""What a task's own parts must offer: its dataset, and its preprocessing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from elman.tasks.storage import Saved


class Dataset(Protocol):
    """What `Task.read` makes of data: the inputs that could be read, with or without answers."""

    @property
    def left_out(self) -> Mapping[int, str]:
        """Position in the source -> why the input there could not be read."""

    def __len__(self) -> int:
        """The number of inputs that could be read."""

    def shown(self, number: int) -> str:
        """An input as a table shows it, by its number among those that could be read."""


class Preprocessing(Protocol):
    """What is learnt from training data before the weights: labels, vocabulary, scale. Frozen."""

    def to_config(self) -> dict[str, Any]:
        """What a saved model's configuration holds of it, in JSON's types."""

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The files beside the configuration, each with what writes it."""

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:
        """From a model's folder; ModelError where it does not hold what is needed."""


class Memory(Protocol):
    """What a trained task remembers of the data that it has read, saved beside its preprocessing.

    `Task.calibrate` makes it, and use may replace it by another one. Frozen.
    """

    def to_config(self) -> dict[str, Any]:
        """What a saved model's configuration holds of it, in JSON's types."""

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The files beside the configuration, each with what writes it."""
