"""Exported models on a Cortex-M4 in qemu: the same numbers, and how large they are."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import elman
from elman.export.to_c.source import source
from elman.nn.graph import Graph
from elman.nn.graph_run import run
from elman.tasks.model import SequenceModel

CC, SIZE, QEMU = "arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm"
MISSING = [tool for tool in (CC, SIZE, QEMU) if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
CORE = ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-mthumb", "-Os")
STEPS = 5

LINKER = """
MEMORY { code (rx) : ORIGIN = 0, LENGTH = 4M  ram (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
ENTRY(reset)
SECTIONS {
  .text : {
    KEEP(*(.vectors)) *(.text*) *(.rodata*) KEEP(*(.init)) KEEP(*(.fini)) *(.ARM.ex*)
  } > code
  .data : { *(.data*) } > ram
  .bss : { __bss_start__ = .; *(.bss*) *(COMMON) __bss_end__ = .; } > ram
  end = .; __end__ = .;
}
"""

MAIN = """
#include "net.h"
#include <stdio.h>
#include <string.h>

extern void _start(void);
void reset(void);

void reset(void)
{
    *(volatile unsigned *)0xE000ED88 |= 0xFu << 20; /* the floating point unit */
    __asm__ volatile("dsb\\nisb");
    _start();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    (const void *)0x20400000, (const void *)reset
};

static float state[NET_STATE_FLOATS];
static const float inputs[] = {@INPUTS};

int main(void)
{
    float y[NET_@OUT_SIZE];
    net_reset(state);
    for (int t = 0; t < @STEPS; t++) {
        if (net_step(state, inputs + t * NET_X_SIZE, y) != NET_OK)
            return 1;
        for (int i = 0; i < NET_@OUT_SIZE; i++) {
            unsigned bits;
            memcpy(&bits, &y[i], sizeof bits);
            printf("%08x\\n", bits);
        }
    }
    return 0;
}
"""


def on_the_board(graph: Graph, folder: Path, x: Any, *, int8: bool) -> tuple[Any, int]:
    """The outputs of all steps, and the bytes of code and constants."""
    for name, content in source(graph, "net", int8=int8).files().items():
        (folder / name).write_bytes(content)
    main = MAIN.replace("@INPUTS", ", ".join(f"{v!s}f" for v in x.ravel().astype("U20")))
    main = main.replace("@OUT", graph.outputs[0].name.upper()).replace("@STEPS", str(len(x)))
    (folder / "main.c").write_text(main)
    (folder / "board.ld").write_text(LINKER)
    strict = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
    called(folder, CC, *CORE, *strict, "-c", "net.c")
    libraries = ("--specs=rdimon.specs", "-T", "board.ld", "-lm")
    called(folder, CC, *CORE, "net.o", "main.c", *libraries, "-o", "net.elf")
    machine = ("-machine", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none")
    semihosting = ("-semihosting-config", "enable=on,target=native")
    words = called(folder, QEMU, *machine, *semihosting, "-kernel", "net.elf").split()
    size = int(called(folder, SIZE, "net.o").splitlines()[1].split()[0])
    bits = np.array([int(word, 16) for word in words], np.uint32)
    return bits.view(np.float32).reshape(len(x), -1), size


def called(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def expected(graph: Graph, x: Any) -> Any:
    """The same by the interpreter in float64."""
    states = {name: torch.from_numpy(first) for name, first in graph.first.items()}
    rows = []
    for x_t in torch.from_numpy(x):
        found = run(graph, {"x": x_t[None], **states}, torch.float64)
        rows.append(found[graph.outputs[0].name][0].numpy())
        states = {before.name: found[after.name] for before, after in graph.states}
    return np.stack(rows)


def test_a_small_gru(tmp_path: Path) -> None:
    torch.manual_seed(0)
    graph = elman.GRU(8, 16).eval().export_spec().graphs["step"]
    x = np.random.default_rng(0).normal(size=(STEPS, 8)).astype(np.float32)
    actual, size = on_the_board(graph, tmp_path, x, int8=False)
    print(f"GRU, 8 inputs, 16 units, for Cortex-M4 at -Os: {size} bytes with weights")
    assert abs(actual - expected(graph, x)).max() < 1e-6
    assert size < 8000


def test_a_keyword_model_of_int8_weights(tmp_path: Path) -> None:
    """40 features a step, 64 units, 12 words."""
    torch.manual_seed(0)
    layer, head = elman.GRU(64, 64, num_layers=1), nn.Sequential(nn.Linear(64, 12), nn.Softmax(-1))
    encoder = nn.Sequential(nn.Linear(40, 64), nn.ReLU())
    graph = SequenceModel(encoder, layer, head).eval().export_spec().graphs["step"]
    x = np.random.default_rng(0).normal(size=(STEPS, 40)).astype(np.float32)
    actual, size = on_the_board(graph, tmp_path, x, int8=True)
    print(f"Keyword model for Cortex-M4 at -Os, int8 weights: {size} bytes with weights")
    assert abs(actual - expected(graph, x)).max() < 0.01
    assert size < 64_000
