"""Comparisons as tables of the README and the docs."""

import statistics
from collections.abc import Iterable, Iterator, Sequence

from elman.bench import peak
from elman.bench.measurement import Row, geometric_mean, sizes
from elman.bench.workload import Shape

_QUIET = 0.1  # more than that of the processors for others, and figures are not to be trusted
Column = tuple[str, str]  # a cell and its rival


def tables(rows: Sequence[Row]) -> str:
    """The ratios, and the share of the peak, as Markdown.

    Modes of one kind share tables, `inference / train`. The first table holds each cell against
    its nearest rival, the first one measured; one more for each other rival follows.

    >>> rows = [
    ...     Row("gru", (9, 1, 4, 4), "inference", "loop", 0.3, 0.1),
    ...     Row("gru", (9, 1, 4, 4), "train", "loop", 0.8, 0.1),
    ... ]
    >>> _, *found = tables(rows).splitlines()[1:]
    >>> print(*found, sep="\\n")
    inference / train:
    <BLANKLINE>
    | T, B, I, H | gru / loop |
    |---|---|
    | 9, 1, 4, 4 | 3.00 / 8.00 |
    """
    head = f"{peak.describe()}: the rival's time divided by elman's, more than 1 is faster."
    return "\n\n".join([head, *_blocks(rows), *_disturbed(rows)])


def _blocks(rows: Sequence[Row]) -> Iterator[str]:
    modes = list(dict.fromkeys(row.mode for row in rows))
    for kind in dict.fromkeys(map(_kind, modes)):
        own = [mode for mode in modes if _kind(mode) == kind]
        of_kind = [row for row in rows if row.mode in own]
        yield f"{' / '.join(own)}:"
        for columns in _spread({(row.cell, row.rival): None for row in of_kind}):
            yield _ratios(of_kind, own, columns)
    measured = [row for row in rows if row.share is not None]
    if measured:
        yield from _shares(measured)


def _disturbed(rows: Sequence[Row]) -> Iterator[str]:
    busiest = max(rows, key=lambda row: row.others)
    if busiest.others > _QUIET:
        yield (
            f"Measure again: other processes took up to {busiest.others:.0%} of the processors"
            f" ({busiest.cell} {sizes(busiest.shape)} {busiest.mode})."
        )


def _kind(mode: str) -> str:
    return "" if mode in ("inference", "train") else mode.split()[0]


def _spread(columns: Iterable[Column]) -> list[list[Column]]:
    """Each cell's first rival in one table, and a table for each rival of the rest."""
    columns = list(columns)
    nearest = list({cell: (cell, rival) for cell, rival in reversed(columns)}.values())[::-1]
    rest = [column for column in columns if column not in nearest]
    names = dict.fromkeys(rival for _, rival in rest)
    return [nearest, *([each for each in rest if each[1] == name] for name in names)]


def _ratios(rows: Sequence[Row], modes: Sequence[str], columns: Sequence[Column]) -> str:
    found = {((row.cell, row.rival), row.shape, row.mode): row.ratio for row in rows}
    shapes = [s for s in _shapes(rows) if any((c, s, m) in found for c in columns for m in modes)]
    lines = {
        _named(shape): [
            " / ".join(_number(found.get((column, shape, mode))) for mode in modes)
            for column in columns
        ]
        for shape in shapes
    }
    if len(shapes) > 1:
        lines["geometric mean"] = [
            " / ".join(
                f"{geometric_mean(ratios):.2f}" if ratios else "–"
                for mode in modes
                for ratios in [[found[k] for k in found if k[0] == column and k[2] == mode]]
            )
            for column in columns
        ]
    return _table([" / ".join(column) for column in columns], lines)


def _shares(rows: Sequence[Row]) -> Iterator[str]:
    peak = statistics.median(row.peak for row in rows if row.peak) / 1e9
    modes = list(dict.fromkeys(row.mode for row in rows))
    yield f"elman's share of the float32 peak, {peak:.0f} Gflop/s, in %, {' / '.join(modes)}:"
    cells = list(dict.fromkeys(row.cell for row in rows))
    found = {(row.cell, row.shape, row.mode): 100 * (row.share or 0) for row in rows}

    def shown(*key: object) -> str:
        return f"{found[key]:.0f}" if key in found else "–"

    lines = {
        _named(shape): [" / ".join(shown(cell, shape, mode) for mode in modes) for cell in cells]
        for shape in _shapes(rows)
    }
    yield _table(cells, lines)


def _shapes(rows: Iterable[Row]) -> list[Shape]:
    return list(dict.fromkeys(row.shape for row in rows))


def _named(shape: Shape) -> str:
    return ", ".join(map(str, shape))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(columns: Sequence[str], lines: dict[str, list[str]]) -> str:
    head = [f"| T, B, I, H | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    return "\n".join([*head, *(f"| {name} | {' | '.join(v)} |" for name, v in lines.items())])
