"""Handwriting: symbols, words and lines of text that a pen draws."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
