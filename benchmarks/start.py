"""How long it takes until a layer runs: the import, the compiler, and kernels from the cache.

    python benchmarks/start.py [lstm gru ...]

Each figure is the median of five processes:

- import: seconds of `import elman` after `import torch`;
- start of LLVM: what the first kernel of a process costs more than others, whichever it is;
- compile: a cell's kernels for float32, forward and backward, from equations to memory, with
  nothing in the cache;
- load: the same from the cache.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

from elman.cells import BUILTIN

PROCESSES = 5
GOALS = {"import": 0.3, "compile": 1.0, "load": 0.02}

_IMPORT = """
import time, torch
start = time.perf_counter()
import elman
print(time.perf_counter() - start)
"""
_KERNELS = """
import json, sys, time, torch, elman
from elman.compiler import equations
start = time.perf_counter()
from elman.compiler.cpu import runtime, target
target.host()
target._machine(target.host())
started = time.perf_counter()
step = equations(elman.cells.resolve(sys.argv[1]))
runtime.kernel_of(step, torch.float32)
print(json.dumps([started - start, time.perf_counter() - started]))
"""


class Start(NamedTuple):
    """Seconds of a cell's kernels: the start of LLVM, then compiling and loading them."""

    llvm: float
    compile: float
    load: float


def seconds(code: str, *arguments: str, cache: str) -> Any:
    """What a fresh process prints that runs the code."""
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "ELMAN_CACHE": cache}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def of_import(processes: int = PROCESSES) -> float:
    with tempfile.TemporaryDirectory() as cache:
        return statistics.median(seconds(_IMPORT, cache=cache) for _ in range(processes))


def of_kernels(cell: str, processes: int = PROCESSES) -> Start:
    found = []
    for _ in range(processes):
        with tempfile.TemporaryDirectory() as cache:
            llvm, cold = seconds(_KERNELS, cell, cache=cache)
            _, warm = seconds(_KERNELS, cell, cache=cache)
        found.append((llvm, cold, warm))
    return Start(*map(statistics.median, zip(*found, strict=True)))


def main() -> None:
    print(f"import elman: {of_import():.2f} s more than torch (goal {GOALS['import']} s)")
    print("| cell | start of LLVM, ms | compile, s | load, ms |\n|---|---|---|---|")
    for cell in sys.argv[1:] or BUILTIN:
        start = of_kernels(cell)
        times = f"{1e3 * start.llvm:.0f} | {start.compile:.2f} | {1e3 * start.load:.1f}"
        print(f"| {cell} | {times} |", flush=True)
    print(f"| goal | | {GOALS['compile']:.2f} | {1e3 * GOALS['load']:.1f} |")


if __name__ == "__main__":
    main()
