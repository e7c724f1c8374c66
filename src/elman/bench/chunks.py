"""Chunks of a sequence run at the same time, against the sequence as a whole."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from elman.bench.clock import interleaved
from elman.bench.compare import Comparison, check_arguments
from elman.bench.measurement import Row, sizes
from elman.bench.workload import Shape, check, of_module, ours, work
from elman.errors import SettingsError
from elman.nn import layer

CELLS = ("gru", "lstm")
SHAPES: tuple[Shape, ...] = (
    *((steps, 1, size, size) for size in (128, 256) for steps in (2048, 8192)),
    (8192, 1, 512, 512),
    (8192, 2, 256, 256),
    (8192, 4, 256, 256),
)
MODES = ("inference", "train")
_ROWS = 8  # chunks times sequences
_AFFINE: Shape = (4096, 1, 64, 64)
_CLOSE = 0.05  # of the usual tolerance of results


def time_comparisons(
    cells: Sequence[str] = CELLS,
    shapes: Sequence[Shape] = SHAPES,
    modes: Sequence[str] = MODES,
    chunks: int | None = None,
    seconds: float = 1.0,
) -> list[Comparison]:
    """Of each cell, shape and mode the layer with so many chunks (of all sequences 8 if None)
    against itself without; then the minimal GRU against torch's GRU. Bad arguments raise at
    once, `seconds` too, which each comparison is to take.

    >>> [each.title for each in time_comparisons(["gru"], [(64, 1, 4, 4)], ["train"])]
    ['gru 64,1,4,4 chunks train', 'mingru 4096,1,64,64 affine train']
    """
    check_arguments(cells, modes, MODES, seconds)
    if chunks is not None and chunks < 2:
        raise SettingsError(f"chunks must be at least 2, got {chunks}")
    found = [
        Comparison(
            f"{cell} {sizes(shape)} chunks {mode}",
            partial(_chunks, cell, shape, mode, chunks or max(2, _ROWS // shape[1])),
        )
        for cell in dict.fromkeys(cells)
        for mode in dict.fromkeys(modes)
        for shape in dict.fromkeys(shapes)
    ]
    affine = [
        Comparison(f"mingru {sizes(_AFFINE)} affine {mode}", partial(_affine, mode))
        for mode in dict.fromkeys(modes)
    ]
    return [*found, *affine]


def _chunks(cell: str, shape: Shape, mode: str, count: int, seconds: float) -> list[Row]:
    steps, batch, features, hidden = shape
    own = layer(cell, features, hidden)
    job = work(own, torch.randn(steps, batch, features), gradients=mode == "train")
    whole, cut = ours(job), ours(job, chunks=count)
    check("the layer with chunks", cut(), whole(), _CLOSE)
    (theirs, mine), others = interleaved([whole, cut], seconds)
    return [Row(cell, shape, f"chunks {mode}", "whole", theirs, mine, job.operations, None, others)]


def _affine(mode: str, seconds: float) -> list[Row]:
    steps, batch, features, hidden = _AFFINE
    job = work(
        layer("mingru", features, hidden),
        torch.randn(steps, batch, features),
        gradients=mode == "train",
    )
    rival = of_module(nn.GRU(features, hidden), job)
    (theirs, mine), others = interleaved([rival, ours(job)], seconds)
    mode = f"affine {mode}"
    return [Row("mingru", _AFFINE, mode, "nn.GRU", theirs, mine, job.operations, None, others)]
