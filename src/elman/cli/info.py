"""The command `elman info`."""

import platform
from typing import Annotated

import torch
from cyclopts import Parameter
from rich.table import Table

import elman
from elman.cells import BUILTIN
from elman.cli import output
from elman.compiler import cache
from elman.tasks.registry import BUILTIN as BUILTIN_TASKS
from elman.tasks.registry import TASKS, package


def info(
    *,
    clear_kernels: Annotated[
        bool, Parameter(help="Remove the compiled kernels from the disk cache.", negative="")
    ] = False,
) -> None:
    """Show versions, or clear the cache of kernels."""
    if clear_kernels:
        print(f"removed {cache.clear()} compiled kernels from {cache.folder()}")
        return
    output.parts([table()], as_json=False)


def table() -> Table:
    """Versions, threads, backends, cells, tasks and caches."""
    found = Table("what", "here", show_header=False)
    python = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    found.add_row("elman", elman.__version__)
    found.add_row("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    found.add_row("python", python)
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    found.add_row("GPU", cuda)
    for name, backend in elman.backends().items():
        state = "yes" if backend.available else "no"
        found.add_row(f"backend {name}", f"{state}: {backend.note}")
    found.add_row("cells", ", ".join(BUILTIN))
    found.add_row("tasks", ", ".join(map(_task, TASKS)))
    found.add_row("kernel cache", cache.describe())
    found.add_row("data cache", str(elman.data.cache_folder()))
    return found


def _task(name: str) -> str:
    """A task's name, with its package if that is another than elman."""
    return name if name in BUILTIN_TASKS else f"{name} ({package(name)})"
