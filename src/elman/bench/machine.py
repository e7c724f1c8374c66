"""What a figure was measured on."""

import platform
from functools import cache
from pathlib import Path

import torch

from elman.compiler.cpu import target


def describe() -> str:
    """Processor, threads and torch's version on one line."""
    count = torch.get_num_threads()
    threads = f"{count} thread{'s' if count > 1 else ''}"
    return f"{processor()} ({target.host().name}), {threads}, torch {torch.__version__}"


@cache
def processor() -> str:
    """The processor's name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next((name for name in names if name), platform.processor() or platform.machine())
