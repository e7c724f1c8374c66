"""Files of one text a line: Moses' pairs `train.en` and `train.de`, and texts to translate."""

import warnings
from pathlib import Path

from elman.data.pairs.rows import Rows, Wanted
from elman.data.tables import is_position
from elman.data.text.files import counted, existing_file, may_be_path, read_text
from elman.errors import DataError

_SUFFIXES = ("", ".gz")


def lines_of_file(path: Path | str, encoding: str | None) -> list[str]:
    r"""The lines of a file, those of no text too: as many as other tools count.

    A line ends with \n or \r\n; with \r where the file has no \n. A \r elsewhere is white space.
    """
    text = read_text(path, encoding)
    end = "\n" if "\n" in text or "\r" not in text else "\r"
    lines = text.removesuffix(end).split(end) if text else []
    return [line.removesuffix("\r") for line in lines]


def rows_of_lines(path: Path, encoding: str | None) -> Rows:
    """The texts of a file, one a line, without targets."""
    lines = lines_of_file(path, encoding)
    return Rows(lines, None, _places(path, lines))


def rows_of_two_files(source: Path | str, target: Path | str, wanted: Wanted) -> Rows:
    """The pairs of two files in which the same line holds the two sides.

    Lines that are empty in both files at their end are left out with a warning.
    """
    source, target = existing_file(source), existing_file(target)
    lines = lines_of_file(source, wanted.encoding)
    others = lines_of_file(target, wanted.encoding)
    if len(lines) != len(others):
        raise DataError(
            f"{source} has {counted(len(lines), 'line')} and {target} has"
            f" {counted(len(others), 'line')}: each line of one must be the translation of the"
            " same line of the other"
        )
    count = len(lines)
    while lines and not lines[-1].strip() and not others[-1].strip():
        lines.pop()
        others.pop()
    if lines and len(lines) < count:
        empty = counted(count - len(lines), "empty line at the end")
        warnings.warn(f"{source} and {target}: left out: {empty} of both", stacklevel=2)
    return Rows(lines, others, _places(source, lines))


def two_files(prefix: Path | str, wanted: Wanted) -> tuple[Path, Path | None] | None:
    """Moses' files of a prefix and the two languages, the second if targets are wanted.

    None if there are no such files; `DataError` if one of two is missing.
    """
    source, target = wanted.source, wanted.target
    if not isinstance(source, str) or is_position(source):
        return None
    first = _existing(prefix, source)
    if not wanted.labelled:
        return None if first is None else (first, None)
    if not isinstance(target, str) or is_position(target):
        return None
    second = _existing(prefix, target)
    if first is None and second is None:
        return None
    if first is None or second is None:
        there, lacking = (first, target) if first is not None else (second, source)
        raise DataError(f"no such file: {prefix}.{lacking} (or .gz), the other side of {there}")
    return first, second


def beginning_with(prefix: Path, most: int = 6) -> list[Path]:
    """Files whose names are the prefix, a dot and more, by name: the sides that there may be."""
    if not prefix.name or not prefix.parent.is_dir():
        return []
    found = (path for path in prefix.parent.iterdir() if path.name.startswith(f"{prefix.name}."))
    return sorted(path for path in found if path.is_file())[:most]


def _existing(prefix: Path | str, language: str) -> Path | None:
    for suffix in _SUFFIXES:
        name = f"{prefix}.{language}{suffix}"
        if may_be_path(name) and Path(name).is_file():
            return Path(name)
    return None


def _places(path: Path, lines: list[str]) -> list[str]:
    return [f"{path}:{number}" for number in range(1, len(lines) + 1)]
