"""A native library as a target: an object for a named machine, its archive and its header."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elman.errors import ExportError
from elman.export.code.elements import identifier
from elman.export.native.compiled import Compiled, others_here, parts_of, runs_of
from elman.export.native.targets import host, resolve, runs_here
from elman.export.targets import Options
from elman.export.to_c import header
from elman.export.to_c.native import compiler
from elman.export.to_library.archive import archive
from elman.export.to_library.symbols import undefined
from elman.nn.graph import Graph


@dataclass(frozen=True)
class Library(Compiled):
    """The objects and what calls them."""

    name: str = "model"

    def files(self, about: Mapping[str, str]) -> Mapping[str, bytes]:
        """`NAME.a`, a header for each part, and `NAME.so` for this machine where there is a
        linker."""
        note = "\n".join(f"{key}: {value}" for key, value in about.items())
        first = (
            f"A recurrent network as machine code for {self.target.cpu} ({self.target.triple}),"
            f" exported by elman: {self.name}.a needs no other library, allocates nothing and has"
            " no variables that change, so that calls with different memory may run at the same"
            " time."
        )
        modules = {f"{name}.o": part.module for name, part in self.parts.items()}
        objects = {f"{name}.o": part.content for name, part in self.parts.items()}
        symbols = {name: module.functions for name, module in modules.items()}
        found = {f"{self.name}.a": archive(objects, symbols)}
        for module in modules.values():
            text = header.text(module.interface, note, first)
            found[f"{module.interface.name}.h"] = text.encode()
        shared = _shared(objects) if self.target == host() else None
        return found | ({f"{self.name}.so": shared} if shared is not None else {})


def build(graphs: Mapping[str, Graph], options: Options) -> Library:
    """A library of the step where the model has one, which also runs over sequences; else of the
    whole sequence. Of a model of several parts all of them."""
    if options.int8:
        raise ExportError('a library has float32 weights alone: leave int8 out, or use to="c"')
    if options.separate_weights:
        raise ExportError("separate_weights: a library keeps its weights inside; leave it out")
    target, name = resolve(options.target or "host"), identifier(options.name)
    parts = parts_of(graphs, name, target)
    for part in parts.values():
        needed = undefined(part.content) if part.content[:4] == b"\x7fELF" else []
        if needed:
            raise ExportError(
                f"the code for {target.name} would need {', '.join(needed)} from outside: use"
                ' to="c" there'
            )
    if runs_here(target):
        return Library(target, parts, runs_of(graphs, parts), name=name)
    note = (
        f"not run on {target.name}: the numbers compared are those of the same code for this"
        " machine"
    )
    return Library(target, parts, others_here(graphs, parts), (note,), name=name)


def _shared(objects: Mapping[str, bytes]) -> bytes | None:
    """The objects as a shared library; None where there is no linker."""
    command = compiler()
    if command is None or shutil.which(command) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, content in objects.items():
            (Path(folder) / name).write_bytes(content)
        line = [command, "-shared", "-nostdlib", "-o", "code.so", *objects]
        done = subprocess.run(line, cwd=folder, capture_output=True, check=False)
        return (Path(folder) / "code.so").read_bytes() if done.returncode == 0 else None
