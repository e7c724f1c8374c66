"""Data: known datasets, users' own files, vocabularies and batches."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
