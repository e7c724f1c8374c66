"""Data: known datasets, users' own files, vocabularies and batches."""

from elman.lazy import exports

from elman.data.datasets.registry import datasets as datasets  # isort: skip  # also a package's name

__getattr__, __dir__ = exports(__name__, __file__)
