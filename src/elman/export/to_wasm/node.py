"""A WebAssembly module run by Node.js, to compare its numbers with the model's."""

import base64
import json
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elman.errors import ExportError
from elman.export.code.elements import ARRAYS, identifier
from elman.export.code.one_by_one import Case, OneByOne, Result
from elman.export.code.sizes import variable
from elman.nn.graph import Array, Graph

_LONGEST = 300  # seconds


def node() -> str | None:
    """The command of Node.js; None where there is none."""
    return shutil.which("node")


class Asked(OneByOne):
    """Code that another program runs, which a subclass asks; called as the graph that it was made
    from."""

    def ask(self, asked: str) -> str:
        """The list of what `answer.mjs` gives for each of a list of cases, both as JSON."""
        raise NotImplementedError

    def compute(self, cases: Sequence[Case]) -> list[Result]:
        """All cases by one question."""
        asked = [
            {
                "call": "step" if self.graph.form == "step" else "run",
                "lengths": {variable(n): size for n, size in case.sizes.items() if n != "B"},
                "states": encoded(case.states),
                "inputs": {identifier(n): encoded(array) for n, array in case.inputs.items()},
            }
            for case in cases
        ]
        return [
            Result(
                {
                    v.name: _decoded(each["outputs"][identifier(v.name)], ARRAYS[v.dtype])
                    for v in self.graph.outputs
                },
                _decoded(each["states"], np.float32),
            )
            for each in json.loads(self.ask(json.dumps(asked)))
        ]


class InNode(Asked):
    """The files of a module by name, run by Node.js in a process that is kept."""

    def __init__(self, graph: Graph, name: str, content: Mapping[str, bytes], command: str) -> None:
        super().__init__(graph)
        self.name, self.command, self._content = name, command, content
        self._process: subprocess.Popen[str] | None = None

    def ask(self, asked: str) -> str:
        """The process's answer."""
        if self._process is None:
            self._process = self._started()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        limit = threading.Timer(_LONGEST, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(asked + "\n")
            self._process.stdin.flush()
            found = self._process.stdout.readline()
        except BrokenPipeError:
            found = ""
        finally:
            limit.cancel()
        if not found:
            self._process.kill()
            messages = self._process.communicate()[1].splitlines()
            self._process = None
            lines = [line for line in messages if "Error" in line] or ["no message"]
            raise ExportError(f"Node.js cannot run the module: {lines[0][:200]}")
        return found

    def _started(self) -> "subprocess.Popen[str]":
        """A process that answers line by line; it ends with this object."""
        folder = tempfile.TemporaryDirectory()
        for name, content in self._content.items():
            (Path(folder.name) / name).write_bytes(content)
        for own in ("check.mjs", "answer.mjs"):
            (Path(folder.name) / own).write_bytes((files(__package__) / own).read_bytes())
        process = subprocess.Popen(
            [
                self.command,
                str(Path(folder.name) / "check.mjs"),
                (Path(folder.name) / f"{self.name}.mjs").as_uri(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        weakref.finalize(self, _stop, process, folder)
        return process


def _stop(process: "subprocess.Popen[str]", folder: "tempfile.TemporaryDirectory[str]") -> None:
    process.kill()
    process.communicate()
    folder.cleanup()


def encoded(array: Array) -> str:
    """An array's bytes as base64."""
    return base64.b64encode(array.tobytes()).decode()


def _decoded(text: str, kind: npt.DTypeLike) -> Array:
    return np.frombuffer(base64.b64decode(text), kind)
