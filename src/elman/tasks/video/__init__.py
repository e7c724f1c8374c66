"""Video: what a clip shows, and what comes next."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
