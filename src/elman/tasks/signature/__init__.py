"""Signature: the task, its settings, its templates and what it reports."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
