"""Recurrent networks, from the equation to the service."""

from elman import math as math
from elman.cells import Cell as Cell
from elman.nn import GRU as GRU
from elman.nn import LSTM as LSTM
from elman.nn import RNN as RNN
from elman.nn import Ragged as Ragged
from elman.nn import backends as backends
from elman.nn import layer as layer

__version__ = "0.1.0"
