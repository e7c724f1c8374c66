"""The constants of a network as C reads them: arrays in the source, or one binary file."""

import hashlib
import re
from collections.abc import Callable

import numpy as np

from elman.errors import ExportError
from elman.export.to_c.literals import array, c_type
from elman.export.to_c.runtime import PANEL, Runtime
from elman.nn.graph import Array

_ALIGNMENT = 16  # bytes, of each array in the file
MAGIC = 0x314D4C45  # "ELM1" where the lowest byte comes first
HEADER = 16  # bytes: magic, bytes of the file, checksum


def panels(matrix: Array) -> Array:
    """A matrix (rows, columns) in the order in which `product` reads it: panels of rows, in each
    of them column after column.

    >>> panels(np.arange(6).reshape(3, 2)).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    parts = [matrix[at : at + PANEL].T.ravel() for at in range(0, len(matrix), PANEL)]
    return np.concatenate(parts) if parts else matrix.ravel()


def quantised(matrix: Array) -> tuple[Array, Array]:
    """A matrix as bytes (rows, columns) from -127 to 127 and a scale for each row.

    >>> bytes, scale = quantised(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32))
    >>> bytes.tolist(), (bytes[0] * scale[0]).tolist()
    ([[127, -64], [0, 0]], [1.0, -0.5039370059967041])
    """
    largest = np.abs(matrix).max(-1, initial=0)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


class Weights:
    """Constants by name, each once; `external` keeps them out of the source."""

    def __init__(self, runtime: Runtime, *, int8: bool, external: bool) -> None:
        self.int8, self.external = int8, external
        self._runtime = runtime
        self._arrays: dict[str, Array] = {}
        self._bytes: dict[tuple[str, str, tuple[int, ...]], str] = {}

    def vector(self, name: str, numbers: Array) -> str:
        """The C name of an array that holds these numbers in their order."""
        numbers = np.ascontiguousarray(numbers)
        if numbers.dtype.kind == "i" and numbers.dtype != np.int8:
            if numbers.size and np.abs(numbers).max() >= 2**31:
                raise ExportError(f"{name} holds numbers beyond 32 bits, which C does not take")
            numbers = numbers.astype(np.int32)
        key = (hashlib.sha256(numbers.tobytes()).hexdigest(), numbers.dtype.str, numbers.shape)
        if key not in self._bytes:
            chosen = base = self._runtime.prefix + re.sub(r"\W+", "_", name)
            while chosen in self._arrays:
                chosen = f"{base}_{len(self._arrays)}"
            self._arrays[chosen] = numbers.ravel()
            self._bytes[key] = chosen
        return self._bytes[key]

    def product(self, name: str, matrix: Array, x: str, y: str) -> str:
        """A statement: y += matrix x."""
        rows, columns = matrix.shape
        if not matrix.size:
            return ""
        if self.int8:
            numbers, scale = quantised(matrix)
            weight = self.vector(name, panels(numbers))
            factor = self.vector(f"{name}_scale", scale)
            function = self._runtime.use("product_int8")
            return f"{function}({weight}, {factor}, {x}, {rows}, {columns}, {y});"
        weight = self.vector(name, panels(matrix))
        return f"{self._runtime.use('product')}({weight}, {x}, {rows}, {columns}, {y});"

    def row(self, name: str, matrix: Array, index: str) -> Callable[[str], str]:
        """What gives one element of a row in C, by its column."""
        columns = matrix.shape[1]
        if self.int8:
            numbers, scale = quantised(matrix)
            table, factor = self.vector(name, numbers), self.vector(f"{name}_scale", scale)
            return lambda j: f"{factor}[{index}] * (float){table}[{index} * {columns} + {j}]"
        table = self.vector(name, matrix)
        return lambda j: f"{table}[{index} * {columns} + {j}]"

    @property
    def count(self) -> int:
        """Bytes of all constants."""
        return sum(each.nbytes for each in self._arrays.values())

    def text(self) -> str:
        """Definitions of all constants for the source."""
        if not self.external:
            return "\n".join(array(name, numbers) for name, numbers in self._arrays.items())
        return "\n".join(
            f"#define {name} ((const {c_type(self._arrays[name])} *)(const void *)(weights + {at}))"
            for name, at in self._offsets().items()
        )

    def file(self) -> bytes:
        """The binary file: magic, size, checksum, then the arrays."""
        content = bytearray()
        for name, at in self._offsets().items():
            content += bytes(at - HEADER - len(content)) + self._little(name)
        head = np.array([MAGIC, HEADER + len(content)], "<u4").tobytes()
        return head + hashlib.sha256(bytes(content)).digest()[:8] + bytes(content)

    def _offsets(self) -> dict[str, int]:
        offsets, at = {}, HEADER
        for name, numbers in self._arrays.items():
            offsets[name] = at
            at += -(-numbers.nbytes // _ALIGNMENT) * _ALIGNMENT
        return offsets

    def _little(self, name: str) -> bytes:
        numbers = self._arrays[name]
        return numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
