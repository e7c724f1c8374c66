"""What is compared, and that every comparison runs. Times are never looked at."""

import math
from typing import Any

import pytest
import torch

from elman.bench import (
    CELLS,
    MODES,
    SHAPES,
    Peak,
    Row,
    comparisons,
    interleaved,
    layers,
    self_comparison,
)
from elman.bench import clock as clock_module
from elman.bench.compare import parse_shape
from elman.errors import SettingsError

SHAPE = (3, 2, 4, 5)


def rows(*modes: str, cells: Any = ("lstm",), rivals: Any = ("torch.nn", "loop")) -> list[Row]:
    return list(layers(cells, [SHAPE], 0.0, modes, rivals))


def test_modes_with_rivals() -> None:
    found = rows("inference", "train", "step", "step-train")
    assert [(row.mode, row.shape, row.rival) for row in found] == [
        (mode, shape, rival)
        for mode, shape in (
            ("inference", SHAPE),
            ("train", SHAPE),
            ("step", (1, 1, 4, 5)),
            ("step-train", (1, 2, 4, 5)),
        )
        for rival in ("torch.nn", "loop")
    ]
    assert all(row.seconds > 0 and row.seconds_rival > 0 for row in found)
    products = 3 * 2 * (4 * 5 * 4 + 4 * 5 * 5)
    assert [row.operations for row in found[:4]] == [2 * products] * 2 + [6 * products] * 2
    assert all((row.peak is not None) == (row.mode in ("inference", "train")) for row in found)
    assert all(row.share > 0 and row.share_rival > 0 for row in found[:4])
    assert found[-1].share is None


def test_layers_among_themselves() -> None:
    assert {row.mode for row in rows("ragged")} == {"ragged inference", "ragged train"}
    found = rows("gates", cells=("rnn",))
    assert {row.cell for row in found} == set(self_comparison.OTHERS)
    assert {row.rival for row in found} == {"lstm per gate"}


def test_bfloat16_is_left_out_where_it_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = ["bfloat16 inference", "bfloat16 train"]
    assert [row.mode for row in self_comparison.halves("gru", SHAPE, 0.0)] in ([], modes)
    monkeypatch.setattr(self_comparison, "_HALF", torch.float64)  # compiled on any machine
    assert [row.mode for row in self_comparison.halves("gru", SHAPE, 0.0)] == modes
    monkeypatch.setattr("elman.nn.compiled.obstacle", lambda *_: "none is for it")
    monkeypatch.setattr("elman.nn.fast_path.obstacle", lambda *_: "none is for it")
    assert self_comparison.halves("gru", SHAPE, 0.0) == []


def test_a_cell_that_torch_lacks_meets_the_loop() -> None:
    assert [row.rival for row in rows("train", cells=("mgu",))] == ["loop"]
    assert rows("train", cells=("mgu",), rivals=("torch.nn",)) == []


def test_the_usual_plan() -> None:
    titles = [each.title for each in comparisons(CELLS, SHAPES, 1.0, MODES, [])]
    assert len(titles) == len(set(titles))
    assert "gru 1,1,128,128 step" in titles
    assert "gru 1,32,128,128 step-train" in titles
    assert "rnn 100,32,512,512 bfloat16" in titles
    assert "cells 500,16,128,128 gates" in titles
    assert "lstm 100,1,64,64 ragged" not in titles


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells": ["lstmm"]}, 'cell "lstmm" is unknown'),
        ({"modes": ["trian"]}, 'mode "trian" is unknown; there are inference, train'),
        ({"rivals": ["cudnn"]}, 'rival "cudnn" is unknown'),
        ({"seconds": -1.0}, "seconds must be a number from 0 on, got -1"),
        ({"seconds": math.nan}, "seconds"),
        ({"seconds": math.inf}, "seconds"),
    ],
)
def test_bad_settings_are_told_before_anything_runs(change: Any, message: str) -> None:
    settings = {"cells": CELLS, "shapes": SHAPES, "seconds": 1.0, "modes": MODES, "rivals": ()}
    with pytest.raises(SettingsError, match=message):
        comparisons(**{**settings, **change})


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,3,x", "1,2,3,0", "-1,2,3,4"])
def test_shapes_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match=f'got "{text}"'):
        parse_shape(text)


def test_rivals_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "_settle", lambda: None)
    monkeypatch.setattr(clock_module, "_TURN", 0.0)
    calls: list[str] = []
    times = interleaved([lambda: calls.append("a"), lambda: calls.append("b")], seconds=0)
    assert len(times.seconds) == 2
    assert 0 <= times.others <= 1
    assert calls[-20:] == ["a", "a", "b", "b"] * 5  # one that does not count, one that does


@pytest.mark.parametrize("threads", [1, 2])
def test_the_peak_counts_what_it_does(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        once, twice = Peak(rounds=10), Peak(rounds=20)
        once()
        assert twice.operations == 2 * once.operations
        assert once.operations % (10 * threads) == 0
        # Each chain ends at 2, the fixed point of x/2 + 1, so the sum tells that all were run.
        total = (torch.frombuffer(bytearray(once._block), dtype=torch.float32))[4]
        chains = once.operations // (2 * 10 * 8 * threads)
        lanes = chains // round(float(total) / 2)
        assert float(total) * lanes == pytest.approx(2 * chains)
    finally:
        torch.set_num_threads(before)
