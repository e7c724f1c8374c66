"""Prediction over what one process or one machine cannot hold: files, and engines for tables."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
