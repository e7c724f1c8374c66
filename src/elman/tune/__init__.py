"""Tuning: training a task many times, to find the settings that suit the data best."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
