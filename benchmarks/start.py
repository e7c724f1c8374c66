"""How long it takes until something runs: commands, imports, the compiler, cached kernels.

    python benchmarks/start.py [lstm gru ...]

Each figure is the median of five processes:

- commands: of a whole process, as a user waits for it; `import torch` stands beside them;
- first optimizer: seconds to make one and take a step;
- import: seconds of `import elman` after `import torch`;
- start of LLVM: what the first kernel of a process costs more than others, whichever it is;
- compile: a cell's kernels for float32, forward and backward, from equations to memory, with
  nothing in the cache;
- load: the same from the cache.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from elman.cells import BUILTIN

PROCESSES = 5

_IMPORT = """
import time, torch
start = time.perf_counter()
import elman
print(time.perf_counter() - start)
"""
_COMMAND = "import sys; from elman.cli import main; main(sys.argv[1:])"
_OPTIMIZER = """
import time, torch
from torch import nn
from elman.train import TrainSettings
from elman.train.optim import make_optimizer
layer = nn.Linear(2, 2)
layer(torch.ones(1, 2)).sum().backward()
start = time.perf_counter()
make_optimizer(layer, TrainSettings()).step()
print(time.perf_counter() - start)
"""
_MODEL = """
from elman.tasks import Classify
texts = (["a good film", "a bad film"] * 10, ["good", "bad"] * 10)
Classify(hidden_size=16, max_steps=5).fit(texts, folder="model", progress=False)
"""
_KERNELS = """
import json, sys, time, torch, elman
from elman.compiler import equations
start = time.perf_counter()
from elman.compiler.cpu import compiled, target
target.host()
target._machine(target.host())
started = time.perf_counter()
step = equations(elman.cells.resolve(sys.argv[1]))
compiled.kernel_of(step, torch.float32)
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


def wall(code: str, *arguments: str, folder: str, processes: int = PROCESSES) -> float:
    """The median time of a whole process that runs the code."""
    command = [sys.executable, "-c", code, *arguments]
    taken = []
    for _ in range(processes):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def print_commands() -> None:
    """A table of commands and the seconds that each takes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", _MODEL], cwd=folder, check=True)
        torch = wall("import torch", folder=folder)
        print(f"| command | s |\n|---|---|\n| import torch | {torch:.2f} |")
        for words in (
            ["--help"],
            ["train", "classify", "--help"],
            ["predict", "model", "a good film"],
        ):
            found = wall(_COMMAND, *words, folder=folder)
            print(f"| elman {shlex.join(words)} | {found:.2f} |", flush=True)
        optimizer = statistics.median(seconds(_OPTIMIZER, cache=folder) for _ in range(PROCESSES))
        print(f"| first optimizer | {optimizer:.3f} |")


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
    print_commands()
    print(f"import elman: {of_import():.2f} s more than torch")
    print("| cell | start of LLVM, ms | compile, s | load, ms |\n|---|---|---|---|")
    for cell in sys.argv[1:] or BUILTIN:
        start = of_kernels(cell)
        times = f"{1e3 * start.llvm:.0f} | {start.compile:.2f} | {1e3 * start.load:.1f}"
        print(f"| {cell} | {times} |", flush=True)


if __name__ == "__main__":
    main()
