"""Folders of ink files, by class or with a table beside them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elman.data import tables
from elman.data.ink.formats.find import KNOWN, format_of, read_file
from elman.data.ink.sample import Sample
from elman.data.tables import Table
from elman.data.text.files import read_text
from elman.data.values import is_missing, text_of
from elman.errors import DataError


def read_folder(folder: Path, columns: Mapping[str, str], label_from: str) -> Iterator[Sample]:
    """The ink of a folder and those below it in the order of their names, or of the table in it.

    A table is one of `columns["path"]`; several of them are an error.
    """
    manifests = [
        (path, table)
        for path in sorted(folder.iterdir())
        if path.is_file() and (table := manifest(path, columns["path"])) is not None
    ]
    if len(manifests) > 1:
        names = ", ".join(path.name for path, _ in manifests)
        raise DataError(f"{folder} has several tables of paths, {names}: name one of them")
    if manifests:
        yield from samples_of_manifest(manifests[0][1], folder, columns)
        return
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and format_of(path) is not None
    ]
    others = {path.with_suffix("") for path in files if path.suffix.lower() != ".txt"}
    files = [
        path
        for path in files
        if path.suffix.lower() != ".txt" or path.with_suffix("") not in others
    ]
    if not files:
        raise DataError(f"{folder} holds no ink of a format that is known ({KNOWN})")
    for path in files:
        label = path.parent.name if path.parent != folder else None
        for sample in _samples(path):
            own = sample.text if sample.text is not None else beside(path)
            text = {"file": own, "folder": label}.get(label_from, own if own is not None else label)
            yield sample._replace(text=text)


def samples_of_manifest(table: Table, folder: Path, columns: Mapping[str, str]) -> Iterator[Sample]:
    """The ink that each row's path names, relative to `folder`, with the row's text and writer."""
    paths = table.column(columns["path"], "path")
    texts = table.columns.get(columns["text"], [None] * len(paths))
    writers = table.columns.get(columns["writer"], [None] * len(paths))
    for path, text, writer, row in zip(paths, texts, writers, table.rows, strict=True):
        if is_missing(path) or not str(path).strip():
            yield Sample(f"{row}: the path is empty", row)
            continue
        samples = list(_samples(folder / str(path)))
        for sample in samples:
            yield sample._replace(
                name=row if len(samples) == 1 else f"{row} ({sample.name})",
                text=_string(text, sample.text),
                writer=_string(writer, sample.writer),
            )


def manifest(path: Path, column: str) -> Table | None:
    """The table, if the file is one with a column of that name."""
    table = tables.table_of(path)
    return table if table is not None and column in table.columns else None


def beside(path: Path) -> str | None:
    """The text of a `.txt` of the same name, if that is not the file itself."""
    transcript = path.with_suffix(".txt")
    if transcript == path or not transcript.is_file():
        return None
    return read_text(transcript).strip()


def _samples(path: Path) -> Iterator[Sample]:
    """What a file holds; one sample with the reason if it cannot be read."""
    try:
        yield from read_file(path)
    except DataError as error:
        yield Sample(str(error), str(path))


def _string(value: Any, otherwise: str | None) -> str | None:
    value = text_of(value)
    return otherwise if is_missing(value) or value == "" else str(value)
