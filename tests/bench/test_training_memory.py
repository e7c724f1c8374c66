"""Bytes that training holds, by benchmarks/training_memory.py on small shapes."""

import importlib.util
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

from elman.compiler.cpu import scratch

PATH = Path(__file__).parents[2] / "benchmarks" / "training_memory.py"
spec = importlib.util.spec_from_file_location("training_memory", PATH)
training_memory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(training_memory)

SHAPE = (50, 16, 61, 67)
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is resident")


@pytest.mark.parametrize("cell", training_memory.CELLS)
def test_a_forward_pass_keeps_no_more_than_torchs(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_free", OrderedDict())  # what is taken there is not allocated
    ours, theirs = (training_memory.kept(who, cell, SHAPE) for who in ("elman", "torch.nn"))
    assert 50 * 16 * 67 * 4 < ours < 1.1 * theirs


@linux
def test_the_peak_of_an_lstm_is_below_torchs() -> None:
    shape = (100, 32, 61, 127)
    ours, theirs = (
        training_memory.in_a_process("peak", who, "lstm", shape) for who in ("elman", "torch.nn")
    )
    assert 100 * 32 * 127 * 4 < ours < theirs


@linux
def test_memory_does_not_grow_with_training() -> None:
    found = training_memory.in_a_process("growth", (300, 1200))
    assert found["1200"] - found["300"] < 4 << 20
