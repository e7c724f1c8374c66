"""Recurrent networks, from the equation to the service."""

import importlib
from typing import TYPE_CHECKING, Any

from elman.version import __version__ as __version__

if TYPE_CHECKING:
    from elman import data as data
    from elman import diagnose as diagnose
    from elman import math as math
    from elman import tasks as tasks
    from elman import train as train
    from elman.cells import Cell as Cell
    from elman.errors import ElmanError as ElmanError
    from elman.nn import GRU as GRU
    from elman.nn import LSTM as LSTM
    from elman.nn import RNN as RNN
    from elman.nn import Ragged as Ragged
    from elman.nn import layer as layer
    from elman.nn.backends import backends as backends
    from elman.tasks.load import load as load

_MODULES = (
    *("cells", "compiler", "data", "diagnose", "errors", "files", "math", "nn", "tasks", "train"),
)
_NAMES = {
    **dict.fromkeys(("GRU", "LSTM", "RNN", "Ragged", "backends", "layer"), "elman.nn"),
    "Cell": "elman.cells",
    "ElmanError": "elman.errors",
    "load": "elman.tasks",
}


def __getattr__(name: str) -> Any:
    """Everything is imported on first use: torch takes a second, and not every command needs it."""
    if name in _MODULES:
        return importlib.import_module(f"elman.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
