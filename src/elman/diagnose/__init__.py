"""Why a recurrent network does or does not learn: gradient through time, Jacobians, gates.

`elman.diagnose` is both this module and the function: `elman.diagnose(model, batch)`.
"""

import sys
from types import ModuleType
from typing import Any

from elman.diagnose.lyapunov import exponents_of_map as exponents_of_map
from elman.diagnose.lyapunov import lyapunov_exponents as lyapunov_exponents
from elman.diagnose.report import Diagnosis as Diagnosis
from elman.diagnose.report import diagnose as diagnose


class _Callable(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Diagnosis:
        """Diagnose a model: see `elman.diagnose.report.diagnose`."""
        return diagnose(*args, **options)


sys.modules[__name__].__class__ = _Callable
