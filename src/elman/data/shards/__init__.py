"""Data larger than memory, as files that are read one at a time."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
