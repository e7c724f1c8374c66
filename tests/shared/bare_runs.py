"""Exported files run by a process that has neither elman nor torch."""

import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.export.to_wasm.node import Asked, encoded
from elman.nn.graph import Graph


class Bare:
    """The process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", Path(__file__).with_name("bare_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, function: str, **arguments: Any) -> str:
        """What a function of `bare_process` gives, as JSON."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"function": function, **arguments}) + "\n")
        self._process.stdin.flush()
        found = self._process.stdout.readline()
        assert found, "the process ended"
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate()


class InLibrary(Asked):
    """Functions of a shared library, called as its header says."""

    def __init__(self, graph: Graph, file: Path, header: Path, bare: Bare) -> None:
        super().__init__(graph)
        self.file, self.header, self.bare = str(file), str(header), bare

    def ask(self, asked: str) -> str:
        """The process's answer."""
        return self.bare.ask("code", file=self.file, header=self.header, cases=json.loads(asked))


class InRuntime:
    """An ONNX file in ONNX Runtime."""

    def __init__(self, file: Path, bare: Bare) -> None:
        self.file, self.bare = str(file), bare

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """From inputs and states by name to outputs and new states."""
        found = self.bare.ask("onnx", file=self.file, inputs=described(inputs))
        return tensors(json.loads(found))


def described(inputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tensors by name as JSON."""
    return {
        name: {
            "kind": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "data": encoded(value.detach().contiguous().numpy()),
        }
        for name, value in inputs.items()
    }


def tensors(found: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors that `described` wrote."""
    return {
        name: torch.from_numpy(
            np.frombuffer(b64decode(each["data"]), each["kind"]).reshape(each["shape"]).copy()
        )
        for name, each in found.items()
    }
