"""Trained models as files that need neither elman nor torch, with the same numbers.

`elman.export` is both this package and the function: `elman.export(model, path, to="onnx")`.
"""

import sys
from types import ModuleType
from typing import Any

from elman.export.export import export as export
from elman.export.report import Exported as Exported


class _Callable(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Exported:
        """Export a model: see `elman.export.export.export`."""
        return export(*args, **options)


sys.modules[__name__].__class__ = _Callable
