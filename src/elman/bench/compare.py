"""The comparisons that `elman bench layers` makes."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch

from elman.bench import self_comparison
from elman.bench.clock import interleaved
from elman.bench.measurement import Row, sizes
from elman.bench.peak import Peak
from elman.bench.rivals import Rival, choose
from elman.bench.workload import Shape, Work, check, ours, work
from elman.cells import resolve
from elman.errors import SettingsError
from elman.nn import layer

CELLS = ("lstm", "gru", "rnn", "peephole_lstm")
SHAPES: tuple[Shape, ...] = (
    (100, 1, 64, 64),
    (100, 32, 64, 64),
    (100, 32, 128, 128),
    (100, 32, 256, 256),
    (100, 64, 512, 512),
    (500, 16, 128, 128),
    (1, 1, 128, 128),
)
WITH_RIVALS = ("inference", "train", "step", "step-train")
MODES = (*WITH_RIVALS, "ragged", "bfloat16", "gates")


class Comparison(NamedTuple):
    """What is compared, and how: `rows(seconds)` takes about that long."""

    title: str
    rows: Callable[[float], list[Row]]


def layers(
    cells: Sequence[str] = CELLS,
    shapes: Sequence[Shape] = SHAPES,
    seconds: float = 1.0,
    modes: Sequence[str] = MODES,
    rivals: Sequence[str] = (),
) -> Iterator[Row]:
    """Compare compiled layers with rivals, all of which are first held to the same results.

    **Arguments:**

    - `cells`: names of built-in cells.
    - `shapes`: (T, B, I, H) each.
    - `seconds`: for each comparison; its rivals share them.
    - `modes`: some of `MODES`.
    - `rivals`: names of `elman.bench.RIVALS`; without any, those at hand and quick to start.

    >>> rows = layers(["gru"], [(3, 2, 4, 4)], seconds=0, modes=["train"], rivals=["torch.nn"])
    >>> [(row.cell, row.mode, row.rival) for row in rows]
    [('gru', 'train', 'torch.nn')]
    """
    for comparison in comparisons(cells, shapes, seconds, modes, rivals):
        yield from comparison.rows(seconds)


def check_arguments(
    cells: Sequence[str], modes: Sequence[str], known: Sequence[str], seconds: float
) -> None:
    """Raise an error for cells or modes that there are not, or a time that is none."""
    for cell in cells:
        resolve(cell)
    for mode in modes:
        if mode not in known:
            raise SettingsError(f'mode "{mode}" is unknown; there are {", ".join(known)}')
    check_seconds(seconds)


def comparisons(
    cells: Sequence[str],
    shapes: Sequence[Shape],
    seconds: float,
    modes: Sequence[str],
    rivals: Sequence[str],
) -> list[Comparison]:
    """The comparisons that `layers` makes one after the other; bad arguments raise at once.

    >>> [each.title for each in comparisons(["gru"], [(3, 2, 4, 4)], 1.0, ["step", "ragged"], [])]
    ['gru 1,1,4,4 step', 'gru 3,2,4,4 ragged']
    """
    check_arguments(cells, modes, MODES, seconds)
    chosen = choose(rivals)
    found = []
    for cell in dict.fromkeys(cells):
        for mode in dict.fromkeys(modes):
            for shape in _shapes(mode, shapes):
                title = f"{cell} {sizes(shape)} {mode}"
                if mode in WITH_RIVALS:
                    found.append(Comparison(title, partial(_rows, cell, shape, mode, chosen)))
                elif mode == "ragged":
                    found.append(Comparison(title, partial(self_comparison.ragged, cell, shape)))
                elif mode == "bfloat16":
                    found.append(Comparison(title, partial(self_comparison.halves, cell, shape)))
    if "gates" in modes:
        for shape in _shapes("gates", shapes):
            title = f"cells {sizes(shape)} gates"
            found.append(Comparison(title, partial(self_comparison.gates, shape)))
    return found


def check_seconds(seconds: float) -> None:
    """Errors unless it is a time to measure for."""
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise SettingsError(f"seconds must be a number from 0 on, got {seconds}")


def _shapes(mode: str, shapes: Sequence[Shape]) -> list[Shape]:
    """What a mode makes of the shapes, each once."""
    if mode == "step":
        shapes = [(1, 1, features, hidden) for _, _, features, hidden in shapes]
    elif mode == "step-train":
        shapes = [(1, *rest) for _, *rest in shapes]  # type: ignore[misc]
    elif mode == "ragged":
        shapes = [shape for shape in shapes if min(shape[:2]) > 1]
    elif mode == "gates":
        shapes = [shape for shape in shapes if shape[0] > 1]
    elif mode == "bfloat16":
        shapes = [self_comparison.LARGE]
    return list(dict.fromkeys(shapes))


def _rows(cell: str, shape: Shape, mode: str, rivals: Sequence[Rival], seconds: float) -> list[Row]:
    job = _job(cell, shape, mode)
    mine = ours(job)
    expected, runs = mine(), {}
    for rival in rivals:
        if rival.can(job):
            runs[rival.name] = rival.start(job)
            check(rival.name, runs[rival.name](), expected)
    if not runs:
        return []
    limit = Peak() if mode in ("inference", "train") else None
    (own, *theirs), others = interleaved(
        [mine, *runs.values(), *([limit] if limit else [])], seconds
    )
    peak = limit.operations / theirs.pop() if limit else None
    return [
        Row(cell, shape, mode, name, each, own, job.operations, peak, others)
        for name, each in zip(runs, theirs, strict=True)
    ]


def _job(cell: str, shape: Shape, mode: str) -> Work:
    steps, batch, features, hidden = shape
    own = layer(cell, features, hidden, backend="compiled")
    x, state = torch.randn(steps, batch, features), None
    if mode == "step":
        with torch.no_grad():
            _, state = own(torch.randn(2, batch, features))
    return work(own, x, state, gradients=mode in ("train", "step-train"))


def parse_shape(text: str) -> Shape:
    """T, B, I, H as a flag has them.

    >>> parse_shape("100,32,128,128")
    (100, 32, 128, 128)
    """
    try:
        steps, batch, features, hidden = map(int, text.split(","))
    except ValueError:
        raise SettingsError(
            f'a shape is four numbers T,B,I,H such as 100,32,128,128, got "{text}"'
        ) from None
    if min(steps, batch, features, hidden) < 1:
        raise SettingsError(f'all four numbers of a shape must be at least 1, got "{text}"')
    return steps, batch, features, hidden
