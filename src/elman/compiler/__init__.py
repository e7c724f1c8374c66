"""Equations to fused kernels: trace, differentiate, choose what to save, emit, run."""

from elman.compiler.trace import Equations as Equations
from elman.compiler.trace import UntraceableError as UntraceableError
from elman.compiler.trace import equations as equations
