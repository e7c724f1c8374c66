"""Data: known datasets, users' own files, vocabularies and batches."""

import elman.data.datasets  # noqa: F401  # here its name is that of a function, see the stub
from elman.lazy import exports

del datasets  # type: ignore[name-defined]  # noqa: F821

__getattr__, __dir__ = exports(__name__, __file__)
