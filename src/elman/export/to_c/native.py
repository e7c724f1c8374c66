"""An exported source compiled on this machine and called, to compare its numbers."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import ExportError
from elman.export.to_c.interface import LENGTHS
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
                data = content.encode() if isinstance(content, str) else content
                (Path(folder) / name).write_bytes(data)
            name = source.interface.name
            command = [compiler, *_FLAGS, *flags, f"{name}.c", "-o", f"{name}.so", "-lm"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["no message"]
                raise ExportError(f"{compiler} does not compile the source: {lines[0][:200]}")
            self.messages = done.stderr
            self._library = ctypes.CDLL(str(Path(folder) / f"{name}.so"))

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Inputs and states by name to outputs and new states, as `elman.nn.graph_run.run`."""
        batch = self._batch(inputs)
        parts = [self._one(inputs, at) for at in range(batch)]
        steps = max((int(part["steps"]) for part in parts), default=0)
        if LENGTHS in inputs:
            steps = next(len(inputs[v.name]) for v in self.graph.inputs if v.shape[0] == "T")
        found = {}
        values = [*self.graph.outputs, *(after for _, after in self.graph.states)]
        for value in values:
            axis = value.shape.index("B")
            shape = [
                {"B": batch, "T": steps}.get(size, size) for size in value.shape  # type: ignore
            ]
            whole = np.zeros(shape, np.float32)
            for at, part in enumerate(parts):
                own = np.moveaxis(whole, axis, 0)[at]
                numbers = part[value.name]
                if value.shape[0] == "T":
                    own = own[: int(part["steps"])]
                own[...] = numbers.reshape(own.shape)
            found[value.name] = torch.from_numpy(whole)
        return found

    def function(self, name: str, result: Any = ctypes.c_int) -> Any:
        """A function of the library by its name without the prefix."""
        found = getattr(self._library, f"{self.source.interface.name}_{name}")
        found.restype = result
        return found

    def _batch(self, inputs: Mapping[str, Tensor]) -> int:
        value = self.graph.inputs[0]
        return int(inputs[value.name].shape[value.shape.index("B")])

    @cached_property
    def _weights(self) -> list[Any]:
        if self.source.weights is None:
            return []
        return [np.frombuffer(self.source.weights, np.uint8).copy()]

    def _one(self, inputs: Mapping[str, Tensor], at: int) -> dict[str, Any]:
        """One sequence of the batch."""
        interface, sequence = self.source.interface, self.graph.form == "sequence"
        given = {each.name: _cut(each, inputs[each.name], at) for each in self.graph.inputs}
        steps = 0
        if sequence:
            first = next(v for v in self.graph.inputs if v.shape[0] == "T")
            steps = int(given[LENGTHS][0]) if LENGTHS in given else len(given[first.name])
            given = {n: v if n == LENGTHS else v[:steps] for n, v in given.items()}
        states = [_cut(before, inputs[before.name], at) for before, _ in self.graph.states]
        memory = np.zeros(interface.memory_floats, np.float32)
        flat = np.concatenate([each.ravel() for each in states]) if states else memory[:0]
        memory[: len(flat)] = flat
        outputs = {
            each.name: np.zeros(_count(each, steps), np.float32) for each in self.graph.outputs
        }
        arguments: list[Any] = [memory] if not sequence or interface.states else []
        if sequence:
            size = self.function("scratch_size", ctypes.c_size_t)(ctypes.c_size_t(steps))
            arguments.append(np.zeros(size // 4, np.float32))
        arguments += self._weights
        arguments += [np.ascontiguousarray(v) for n, v in given.items() if n != LENGTHS]
        if sequence:
            arguments.append(steps)
        arguments += list(outputs.values())
        status = self.function("run" if sequence else "step")(*map(_pointer, arguments))
        if status:
            raise ExportError(f"the source gives status {status}")
        after = {}
        for before, new in self.graph.states:
            count = _count(before, steps)
            after[new.name], memory = memory[:count], memory[count:]
        return {"steps": steps, **outputs, **after}


def _cut(value: Value, tensor: Tensor, at: int) -> Any:
    """The part of one sequence, as C takes it."""
    axis = value.shape.index("B")
    array = tensor.detach().select(axis, at).numpy()
    kind = {"f": np.float32, "b": np.uint8}.get(array.dtype.kind, np.int32)
    part = np.ascontiguousarray(array, kind)
    return part.reshape(1) if value.name == LENGTHS else part


def _count(value: Value, steps: int) -> int:
    sizes = ({"B": 1, "T": steps}.get(size, size) for size in value.shape)  # type: ignore
    return int(np.prod([int(size) for size in sizes]))


def _pointer(argument: Any) -> Any:
    if isinstance(argument, int):
        return ctypes.c_size_t(argument)
    return ctypes.c_void_p(argument.ctypes.data)


