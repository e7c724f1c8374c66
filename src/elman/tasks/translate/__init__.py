"""Translate: the task, its settings and what it answers."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
