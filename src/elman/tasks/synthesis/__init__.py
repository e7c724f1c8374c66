"""Handwriting synthesis: ink written by a network, of a text or after the data alone."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
