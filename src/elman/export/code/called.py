"""The functions of a graph's code in this process, called to compare their numbers."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from elman.errors import ExportError
from elman.export.code.elements import identifier
from elman.export.code.interface import Interface
from elman.export.code.one_by_one import Case, OneByOne, Result
from elman.export.code.sizes import variable
from elman.nn.graph import Graph


class Called(OneByOne):
    """Called as the graph that the code was made from.

    **Arguments:** `address`: gives the address of a function by its whole name; `weights`: the
    content of the file of weights where these are kept apart.
    """

    def __init__(
        self,
        graph: Graph,
        interface: Interface,
        address: Callable[[str], int],
        weights: bytes | None = None,
    ) -> None:
        super().__init__(graph)
        self.interface, self._address = interface, address
        self._weights = None if weights is None else np.frombuffer(weights, np.uint8).copy()

    def function(self, name: str, *kinds: Any, result: Any = ctypes.c_int) -> Any:
        """A function by its name without the prefix; without the kinds of its arguments these have
        to be values of ctypes."""
        return ctypes.CFUNCTYPE(result, *kinds)(self._address(f"{self.interface.name}_{name}"))

    def compute(self, cases: Sequence[Case]) -> list[Result]:
        """Each case by a call."""
        return [self._one(case) for case in cases]

    def _one(self, case: Case) -> Result:
        own = self.interface
        name = "step" if self.graph.form == "step" else "run"
        memory = np.zeros(own.memory_floats, np.float32)
        memory[: len(case.states)] = case.states
        outputs = {each.name: case.zeros(each) for each in self.graph.outputs}
        arrays = {identifier(n): array for n, array in {**case.inputs, **outputs}.items()}
        arrays["state"] = memory
        if self._weights is not None:
            arrays["weights"] = self._weights
        sizes = {variable(letter): size for letter, size in case.sizes.items() if letter != "B"}
        given: dict[str, Any] = {n: ctypes.c_size_t(size) for n, size in sizes.items()}
        if own.has_scratch:
            size = self.function("scratch_size", result=ctypes.c_size_t)
            count = size(*(given[each] for each in own.scratch_parameters))
            arrays["scratch"] = np.zeros(count // 4, np.float32)
        given |= {n: ctypes.c_void_p(array.ctypes.data) for n, array in arrays.items()}
        status = self.function(name)(*(given[each] for each, _ in own.parameters(name)))
        if status:
            raise ExportError(f"the exported code returns the error {status}")
        return Result(outputs, memory[: len(case.states)])
