"""Which values of its settings a task is tuned over."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: whole ones if both are.

    `log`: on a logarithmic scale. `step`: between neighbours, counted from `low`.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None


@dataclass(frozen=True)
class Choice:
    """One of some values, which have no order."""

    values: tuple[Any, ...]


Space: TypeAlias = Mapping[str, Range | Choice]
RECURRENT: Space = MappingProxyType(
    {
        "lr": Range(3e-4, 3e-2, log=True),
        "cell": Choice(("lstm", "gru")),
        "hidden_size": Range(32, 256, step=32),
        "num_layers": Range(1, 3),
        "output_dropout": Range(0.0, 0.6, step=0.1),
    }
)


def space_of(settings: type[Any]) -> Space:
    """The space that a class of settings declares as `search_space`, or of any recurrent task.

    >>> from elman.tasks.language.settings import LanguageSettings
    >>> space_of(LanguageSettings)["weight_dropout"]
    Range(low=0.0, high=0.5, log=False, step=0.1)
    """
    declared: Space = getattr(settings, "search_space", RECURRENT)
    return {name: each for name, each in declared.items() if name in settings.model_fields}
