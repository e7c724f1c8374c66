"""Arrays of numbers in a module of LLVM IR."""

import hashlib
from typing import Any

import llvmlite.ir as ir
import numpy as np

from elman.nn.graph import Array

_ALIGNMENT = 64  # bytes: a line of the cache


class Constants:
    """Writes arrays into a module, each once."""

    def __init__(self, module: ir.Module) -> None:
        self._module = module
        self._known: dict[bytes, Any] = {}
        self.count = 0  # bytes

    def place(self, numbers: Array) -> Any:
        """The address of an array's numbers, as float32 or int32."""
        kind = np.float32 if numbers.dtype.kind == "f" else np.int32
        content = np.ascontiguousarray(numbers, kind).tobytes()
        key = hashlib.sha256(content).digest()
        if key not in self._known:
            size = ir.ArrayType(ir.IntType(8), max(len(content), 1))
            found = ir.GlobalVariable(self._module, size, f"numbers_{len(self._known)}")
            found.linkage, found.global_constant, found.align = "internal", True, _ALIGNMENT
            self.count += len(content)
            found.initializer = ir.Constant(size, bytearray(content or b"\0"))
            self._known[key] = found
        return self._known[key]
