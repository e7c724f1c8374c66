"""An exported source compiled on this machine and called, to compare its numbers."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import ExportError
from elman.export.one_by_one import sizes_of
from elman.export.to_c.interface import LENGTHS
from elman.export.to_c.program import identifier
from elman.export.to_c.sizes import variable
from elman.export.to_c.source import Source
from elman.nn.graph import Graph, Value

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")


def compiler() -> str | None:
    """The C compiler of this machine: `$CC`, or the first of cc, gcc and clang; None if none."""
    asked = os.environ.get("CC")
    return next((each for each in (asked, *_COMPILERS) if each and shutil.which(each)), None)


class Native:
    """A source as a shared library; called as the graph that it was made from, batch by batch.

    **Arguments:** `flags`: further ones for the compiler, such as `-O3`.

    **Raises:** `ExportError` where it does not compile.
    """

    def __init__(
        self, graph: Graph, source: Source, compiler: str, flags: Sequence[str] = ()
    ) -> None:
        self.graph, self.source = graph, source
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for name, content in source.files().items():
                (Path(folder) / name).write_bytes(content)
            name = source.interface.name
            command = [compiler, *_FLAGS, *flags, f"{name}.c", "-o", f"{name}.so", "-lm"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["no message"]
                raise ExportError(f"{compiler} does not compile the source: {lines[0][:200]}")
            self.messages = done.stderr
            self._library = ctypes.CDLL(str(Path(folder) / f"{name}.so"))

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Inputs and states by name to outputs and new states, as `elman.nn.graph_run.run`.

        C computes one sequence at a time; outputs of steps beyond its length are 0 here.
        """
        whole = sizes_of(self.graph.inputs, inputs)
        rows = [self._one(inputs, at) for at in range(whole["B"])]
        found = {}
        for value in (*self.graph.outputs, *(after for _, after in self.graph.states)):
            kind = torch.bool if value.dtype == "bool" else torch.float32
            result = torch.zeros(
                [whole[size] if isinstance(size, str) else size for size in value.shape], dtype=kind
            )
            for at, row in enumerate(rows):
                part = torch.from_numpy(row[value.name])
                target = result.select(value.shape.index("B"), at)
                if value.shape[0] == "T":
                    target = target[: len(part)]
                target.copy_(part)
            found[value.name] = result
        return found

    def function(self, name: str, result: Any = ctypes.c_int) -> Any:
        """A function of the library by its name without the prefix."""
        found = getattr(self._library, f"{self.source.interface.name}_{name}")
        found.restype = result
        return found

    def _one(self, inputs: Mapping[str, Tensor], at: int) -> dict[str, Any]:
        """Outputs and new states of one sequence of the batch."""
        interface, graph = self.source.interface, self.graph
        own = {name: _row(graph, name, tensor, at) for name, tensor in inputs.items()}
        sizes = sizes_of(graph.inputs, inputs) | {"B": 1}
        if LENGTHS in own:
            sizes["T"] = int(own[LENGTHS])
            own |= {v.name: own[v.name][: sizes["T"]] for v in graph.inputs if v.shape[0] == "T"}
        memory = np.zeros(interface.memory_floats, np.float32)
        states = [own[before.name].ravel() for before, _ in graph.states]
        memory[: interface.state_floats] = np.concatenate([memory[:0], *states])
        results = {value.name: _empty(value, sizes) for value in graph.outputs}
        given: dict[str, Any] = {"state": memory, **_in_c(own), **_in_c(results)}
        given |= {variable(size): sizes[size] for size in sizes if size != "B"}
        if interface.has_scratch:
            counts = (ctypes.c_size_t(given[name]) for name in interface.scratch_parameters)
            size = self.function("scratch_size", ctypes.c_size_t)(*counts)
            given["scratch"] = np.zeros(size // 4, np.float32)
        if self.source.weights is not None:
            given["weights"] = np.frombuffer(self.source.weights, np.uint8).copy()
        function = "run" if graph.form == "sequence" else "step"
        names = [name for name, _ in interface.parameters(function)]
        status = self.function(function)(*(_argument(given[name]) for name in names))
        if status:
            raise ExportError(f"the source compiled here returns the error {status}")
        for _, after in graph.states:
            part = _empty(after, sizes)
            part[...], memory = memory[: part.size].reshape(part.shape), memory[part.size :]
            results[after.name] = part
        return results


def _row(graph: Graph, name: str, tensor: Tensor, at: int) -> Any:
    """One sequence of a batch, as C takes it."""
    values = (*graph.inputs, *(before for before, _ in graph.states))
    value = next(each for each in values if each.name == name)
    array = tensor.detach().select(value.shape.index("B"), at).numpy()
    kind = {"f": np.float32, "b": np.uint8}.get(array.dtype.kind, np.int32)
    return np.array(array, kind, order="C")


def _empty(value: Value, sizes: Mapping[str, int]) -> Any:
    shape = [sizes[size] if isinstance(size, str) else size for size in value.shape if size != "B"]
    return np.zeros(shape, np.uint8 if value.dtype == "bool" else np.float32)


def _in_c(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {identifier(name): array for name, array in arrays.items()}


def _argument(value: Any) -> Any:
    if isinstance(value, int):
        return ctypes.c_size_t(value)
    return ctypes.c_void_p(value.ctypes.data)
