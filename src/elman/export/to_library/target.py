"""A native library as a target: an object for a named machine, its archive and its header."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elman.errors import ExportError
from elman.export.native.functions import Module
from elman.export.native.functions import build as written
from elman.export.native.running import loaded, run_here
from elman.export.native.targets import Target, compile_object, host, resolve, runs_here
from elman.export.targets import Options
from elman.export.to_c import header
from elman.export.to_c.native import compiler
from elman.export.to_library.archive import archive
from elman.export.to_library.symbols import undefined
from elman.nn.export_spec import Run
from elman.nn.graph import Graph

_FORMS = ("step", "sequence")


@dataclass(frozen=True)
class Library:
    """The object and what calls it."""

    module: Module
    target: Target
    content: bytes
    runs: Mapping[str, Run]
    notes: tuple[str, ...]
    unchecked: str | None = None

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """`NAME.a`, `NAME.h`, and `NAME.so` for this machine where there is a linker."""
        name = self.module.interface.name
        note = "\n".join(f"{key}: {value}" for key, value in about.items())
        first = (
            f"A recurrent network as machine code for {self.target.cpu} ({self.target.triple}),"
            f" exported by elman: {name}.a needs no other library, allocates nothing and has no"
            " variables that change, so that calls with different memory may run at the same time."
        )
        found = {
            f"{name}.a": archive({"code.o": self.content}, {"code.o": self.module.functions}),
            f"{name}.h": header.text(self.module.interface, note, first).encode(),
        }
        shared = _shared(self.content) if self.target == host() else None
        return found | ({f"{name}.so": shared} if shared is not None else {})


def build(graphs: Mapping[str, Graph], options: Options) -> Library:
    """A library of the step where the model has one, which also runs over sequences; else of the
    whole sequence."""
    if options.int8:
        raise ExportError('a library has float32 weights alone: leave int8 away, or use to="c"')
    if options.separate_weights:
        raise ExportError("separate_weights: a library keeps its weights inside; leave it away")
    form = chosen(graphs)
    target = resolve(options.target or "host")
    module = written(graphs[form], options.name, target, sequence_of(graphs, form))
    content = compile_object(target, module.code)
    needed = undefined(content) if content[:4] == b"\x7fELF" else []
    if needed:
        raise ExportError(
            f"the code for {target.name} would need {', '.join(needed)} from outside: use"
            ' to="c" there'
        )
    if runs_here(target):
        return Library(module, target, content, loaded(graphs, form, module, content), ())
    note = (
        f"not run on {target.name}: the numbers compared are those of the same code for this"
        " machine"
    )
    return Library(module, target, content, run_here(graphs, form), (note,))


def chosen(graphs: Mapping[str, Graph]) -> str:
    """The form that is written: "step" if there is one, else "sequence"."""
    form = next((each for each in _FORMS if each in graphs), None)
    if form is None or not graphs.keys() <= {*_FORMS}:
        names = " and ".join(graphs)
        raise ExportError(
            f'a model of several parts ({names}) has no native code: use to="c" or to="onnx"'
        )
    return form


def sequence_of(graphs: Mapping[str, Graph], form: str) -> Graph | None:
    """The graph of sequences beside one of steps, if there is one."""
    return graphs.get("sequence") if form == "step" else None


def _shared(content: bytes) -> bytes | None:
    """The object as a shared library; None where there is no linker."""
    command = compiler()
    if command is None or shutil.which(command) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "code.o").write_bytes(content)
        line = [command, "-shared", "-nostdlib", "-o", "code.so", "code.o"]
        done = subprocess.run(line, cwd=folder, capture_output=True, check=False)
        return (Path(folder) / "code.so").read_bytes() if done.returncode == 0 else None
