"""Video: what a clip shows."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
