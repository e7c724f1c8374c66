"""Recurrent networks, from the equation to the service."""

import importlib
from typing import TYPE_CHECKING, Any

from elman import math as math
from elman.cells import Cell as Cell
from elman.errors import ElmanError as ElmanError
from elman.nn import GRU as GRU
from elman.nn import LSTM as LSTM
from elman.nn import RNN as RNN
from elman.nn import Ragged as Ragged
from elman.nn import backends as backends
from elman.nn import layer as layer

if TYPE_CHECKING:
    from elman import data as data
    from elman import diagnose as diagnose
    from elman import tasks as tasks
    from elman import train as train
    from elman.tasks import load as load

__version__ = "0.1.0"

_ON_FIRST_USE = {name: f"elman.{name}" for name in ("data", "diagnose", "tasks", "train")}


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        return importlib.import_module(_ON_FIRST_USE[name])
    if name == "load":
        return importlib.import_module("elman.tasks").load
    raise AttributeError(f"module 'elman' has no attribute {name!r}")
