"""An exported source compiled on this machine, to compare its numbers."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from elman.errors import ExportError
from elman.export.code.called import Called
from elman.export.to_c.source import Source
from elman.nn.graph import Graph

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")


def compiler() -> str | None:
    """The C compiler of this machine: `$CC`, or the first of cc, gcc and clang; None if none."""
    asked = os.environ.get("CC")
    return next((each for each in (asked, *_COMPILERS) if each and shutil.which(each)), None)


class Native(Called):
    """A source as a shared library; called as the graph that it was made from.

    **Arguments:** `flags`: further ones for the compiler, such as `-O3`.

    **Raises:** `ExportError` where it does not compile.
    """

    def __init__(
        self, graph: Graph, source: Source, compiler: str, flags: Sequence[str] = ()
    ) -> None:
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
        super().__init__(graph, source.interface, self._place, source.weights)

    def _place(self, name: str) -> int:
        return ctypes.cast(self._library[name], ctypes.c_void_p).value or 0
