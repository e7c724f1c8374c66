"""Comparisons as lines: for people on a terminal, for a spreadsheet, for a program."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.bench import markdown, plot, progress
from elman.bench.compare import Comparison
from elman.bench.measurement import Row, sizes
from elman.errors import SettingsError
from elman.files import check_picture, json_text

# Columns and their width on a terminal, below 0 to the right.
_WIDTHS = {
    "cell": 13,
    "T,B,I,H": 15,
    "mode": 18,
    "against": 13,
    "its ms": -8,
    "ms": -8,
    "ratio": -6,
    "% of peak": -10,
    "% others": -9,
}


def printed(rows: Iterable[Row], *, as_json: bool) -> Iterator[Row]:
    """The same rows, each printed at once: tab-separated, in columns on a terminal, or JSON."""
    columns = sys.stdout.isatty()
    for index, row in enumerate(rows):
        record = _record(row)
        if as_json:
            shape = dict(zip("TBIH", row.shape, strict=True))
            print(json_text({**record, **shape, "its % of peak": _percent(row.share_rival)}))
        else:
            lines = [list(record), list(record.values())] if index == 0 else [record.values()]
            for values in lines:
                print(_line(values, columns=columns))
        sys.stdout.flush()
        yield row


def _record(row: Row) -> dict[str, Any]:
    numbers = (
        round(1e3 * row.seconds_rival, 4),
        round(1e3 * row.seconds, 4),
        round(row.ratio, 2),
        _percent(row.share),
        round(100 * row.others),
    )
    return dict(
        zip(_WIDTHS, (row.cell, sizes(row.shape), row.mode, row.rival, *numbers), strict=True)
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def _line(values: Iterable[Any], *, columns: bool) -> str:
    texts = ["" if value is None else str(value) for value in values]
    if not columns:
        return "\t".join(texts)
    pairs = zip(texts, _WIDTHS.values(), strict=True)
    return "".join(f"{text:{'<' if width > 0 else '>'}{abs(width)}}" for text, width in pairs)


def report(
    comparisons: Sequence[Comparison],
    seconds: float,
    *,
    as_json: bool = False,
    as_markdown: bool = False,
    plot_path: Path | None = None,
) -> None:
    """Make the comparisons and print each at once unless `as_markdown`; then draw the picture."""
    if as_json and as_markdown:
        raise SettingsError("--json and --markdown exclude each other")
    if plot_path is not None:
        check_picture(plot_path)
    rows = (row for each in progress.shown(comparisons) for row in each.rows(seconds))
    made = list(rows if as_markdown else printed(rows, as_json=as_json))
    if not made:
        raise SettingsError("there is nothing to compare: no rival can do these modes and cells")
    if as_markdown:
        print(markdown.tables(made))
    if plot_path is not None:
        plot.save(made, plot_path)
