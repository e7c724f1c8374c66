"""Trained models as files that need neither elman nor torch, with the same numbers.

`elman.export` is both this package and the function: `elman.export(model, path, to="onnx")`. For
modules of your own that torch exports, `elman.export.translation_table()`.
"""

import sys
from types import ModuleType
from typing import Any

from elman.export.export import export as export
from elman.export.report import Exported as Exported
from elman.export.to_onnx.translation import translation_table as translation_table


class _Callable(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Exported:
        """Export a model: see `elman.export.export.export`."""
        return export(*args, **options)


sys.modules[__name__].__class__ = _Callable
