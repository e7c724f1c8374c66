"""Simple methods that every model has to beat, and the comparison with them."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
