"""Handwriting from any source a user has: files, folders, tables, datasets, Python's lists."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from elman.data.collected import Words, collected
from elman.data.datasets.download import fetch
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.ink.folders import manifest, read_folder, samples_of_manifest
from elman.data.ink.formats.find import format_of, read_file
from elman.data.ink.ink import Ink
from elman.data.ink.inks import Inks
from elman.data.ink.sample import Sample
from elman.data.sound.audio import SUFFIXES as SOUND_SUFFIXES
from elman.data.text.files import is_there
from elman.data.values import as_list, is_missing, plain, shown, text_of
from elman.errors import DataError, SettingsError

LabelFrom = Literal["auto", "file", "folder"]
_WORDS = Words("ink", "samples", "text")


def read_inks(
    source: Any,
    *,
    labelled: bool | None = True,
    text: str = "text",
    writer: str = "writer",
    path: str = "path",
    label_from: LabelFrom = "auto",
) -> Inks:
    """Handwriting with its texts and writers.

    **Arguments:**

    - `source`: one of
        - a dataset reference, `hw_pendigits_orig:train`;
        - a file of ink: InkML, UNIPEN, IAM-OnDB's XML, JSON strokes, SVG, Xournal++, a signature of
          SVC2004, SigComp or MCYT, an `.npz` of stroke-3, a CSV of points (docs/data.md lists them
          all);
        - a table (CSV, TSV, JSON lines, Parquet) with a column of paths of such files;
        - a folder of such files, in folders by class or not; or one with such a table in it;
        - an `Inks`, a list of `Ink`, a list of pairs `(Ink, text)`, a tuple `(inks, texts)`.
    - `labelled`: whether each needs a text; None to take them where all have one.
    - `path`, `text`, `writer`: the columns of a table.
    - `label_from`: where in a folder the texts come from: what the file itself says or a `.txt`
      of the same name ("file"), the name of the folder it lies in ("folder"), or the first of
      these that there is ("auto").

    Ink that cannot be read is left out, with a warning, and `left_out` says why. Raises `DataError`
    where nothing can be read or, with `labelled`, no text is known.

    >>> inks = read_inks([(Ink.of_strokes([[(0, 0), (0, 9)]]), "l"), (Ink.of_strokes([]), " ")])
    >>> inks.texts, inks.names
    (['l', ' '], ['ink 0', 'ink 1'])
    """
    if labelled not in (True, False, None):
        raise SettingsError(f"labelled={shown(labelled)}: True, False or None is needed")
    if label_from not in ("auto", "file", "folder"):
        raise SettingsError(f"label_from={shown(label_from)}: auto, file or folder is needed")
    if isinstance(source, Inks):
        found = _collected(_of_inks(source), labelled, "the Inks")
        return found if found.left_out else replace(found, left_out=source.left_out)
    if isinstance(source, (str, Path)):
        columns = {"path": path, "text": text, "writer": writer}
        samples = _from_path(source, columns, label_from)
    else:
        samples = _in_memory(source)
    return _collected(samples, labelled, _described(source))


def holds_ink(source: str, path: str = "path") -> bool:
    """Whether a dataset reference, file or folder is of ink, as far as a look at it tells."""
    if is_reference(source):
        return resolve(source)[1].inks is not None
    place = Path(source)
    if not is_there(source):
        return False
    if place.is_dir():
        files = [each for each in sorted(place.rglob("*")) if each.is_file()]
        if any(each.suffix.lower() in SOUND_SUFFIXES for each in files):
            return False
        return any(format_of(each) is not None for each in files) or any(
            _names_ink(each, path) for each in files if each.parent == place
        )
    return _names_ink(place, path) or (
        format_of(place) is not None and not place.with_suffix(".tsv").is_file()
    )


def _names_ink(path: Path, column: str) -> bool:
    """Whether a file is a table with the path of an ink file in its first row."""
    if (table := manifest(path, column)) is None or not table.columns[column]:
        return False
    first = path.parent / str(table.columns[column][0])
    return first.is_file() and format_of(first) is not None


def _collected(samples: Iterable[Sample], labelled: bool | None, source: str) -> Inks:
    each = ((sample, sample.ink, bool(labelled) and sample.text is None) for sample in samples)
    found, left_out = collected(each, source, _WORDS, stacklevel=3)
    texts = [sample.text for sample in found]
    known = [text for text in texts if text is not None]
    has_writers = any(sample.writer for sample in found)
    return Inks(
        [sample.ink for sample in found if isinstance(sample.ink, Ink)],
        None if labelled is False or len(known) < len(texts) else known,
        [sample.writer or "" for sample in found] if has_writers else None,
        [sample.name for sample in found],
        left_out,
    )


def _of_inks(inks: Inks) -> Iterator[Sample]:
    for i, (ink, name) in enumerate(zip(inks.inks, inks.names, strict=True)):
        text = None if inks.texts is None else inks.texts[i]
        yield Sample(ink, name, text, None if inks.writers is None else inks.writers[i])


def _from_path(
    source: str | Path, columns: dict[str, str], label_from: LabelFrom
) -> Iterator[Sample]:
    if isinstance(source, str) and is_reference(source):
        dataset, part = resolve(source)
        if part.inks is None:
            raise DataError(f"{source} is {part.kind}, not online handwriting")
        return part.inks(fetch(dataset, part.files))
    if not is_there(source):
        raise missing(str(source))
    place = Path(source)
    if place.is_dir():
        return read_folder(place, columns, label_from)
    if (table := manifest(place, columns["path"])) is not None:
        return samples_of_manifest(table, place.parent, columns)
    return read_file(place)


def _in_memory(source: Any) -> Iterator[Sample]:
    texts: list[Any] | None = None
    if isinstance(source, Ink):
        items: list[Any] = [source]
    elif isinstance(source, tuple) and len(source) == 2 and not isinstance(source[0], Ink):
        items, texts = as_list(source[0], "inks"), as_list(source[1], "texts")
        if len(items) != len(texts):
            raise DataError(f"{len(items)} inks but {len(texts)} texts")
    elif isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], str):
        items = [source]
    else:
        items = as_list(source, "inks")
    for i, item in enumerate(items):
        name = f"ink {i}"
        ink, text = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
        if texts is not None:
            text = texts[i]
        if not isinstance(ink, Ink):
            raise DataError(f"{name}: an Ink is needed, not {shown(ink)}")
        yield Sample(ink, name, _text(text, name))


def _text(value: Any, name: str) -> str | None:
    value = text_of(value)
    if is_missing(value):
        return None
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(plain(value)))
    if not isinstance(value, str):
        raise DataError(f"{name}: the text is {shown(value)}, not a string")
    return str(value)


def _described(source: Any) -> str:
    return str(source) if isinstance(source, (str, Path)) else f"the {type(source).__name__}"
