"""Labelled sounds, such as spoken words, as examples: feature vectors and what cannot be read."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from elman.data import tables
from elman.data.datasets.registry import is_reference, resolve
from elman.data.examples import Examples
from elman.data.labels import labels_of
from elman.data.sound.audio import SUFFIXES, Audio
from elman.data.sound.features import AcousticFeatures
from elman.data.sound.manifests import rows_of_manifest
from elman.data.sound.read import read_utterances
from elman.data.sound.utterance import Utterance, Utterances
from elman.data.text.files import is_there
from elman.errors import DataError
from elman.progress import counted

_WIDE = 16000  # samples a second, as most speech is recorded


class Sounds(NamedTuple):
    """Sounds that are not read yet, and the label of each; None where there are none."""

    utterances: Utterances
    labels: list[Any] | None

    @property
    def rate(self) -> int:
        """The rate of the first that can be read, but 16,000 at most."""
        for utterance in self.utterances:
            try:
                return min(utterance.load().rate, _WIDE)
            except DataError:
                continue
        return _WIDE

    def examples(
        self, acoustic: AcousticFeatures | None, *, separator: str | None = None
    ) -> Examples:
        """Their feature vectors; what cannot be read is left out, and its reason is kept.

        **Arguments:**

        - `acoustic`: how to compute them; None if there are precomputed features.
        - `separator`: parts several labels.

        Raises `DataError` if none can be read.
        """
        inputs, kept, left_out = [], [], {}
        for i, utterance in enumerate(counted(self.utterances, len(self.utterances))):
            try:
                if acoustic is None and utterance.features is None:
                    raise DataError(f"{utterance.name} is sound, where feature vectors are needed")
                inputs.append(utterance.frames(acoustic or AcousticFeatures()))
                kept.append(i)
            except DataError as error:
                left_out[i] = str(error)
        if not kept:
            raise DataError(next(iter(left_out.values())))
        names = [self.utterances[i].name for i in kept]
        labels = None
        if self.labels is not None:
            labels = labels_of([self.labels[i] for i in kept], names, separator)
        return Examples(inputs, labels, names, left_out)


def find_sounds(
    source: Any,
    *,
    path: str = "path",
    label: str | None = "label",
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Sounds | None:
    """The sounds that a source names, with their labels; None if it does not name sounds.

    **Arguments:**

    - `source`: one of
        - a dataset of recordings, `sp_fsdd:train`: the label is what was said;
        - a folder: the label of a recording is the name of the folder it is in, or, if the folder
          has Kaldi's `wav.scp`, what was said;
        - a table with a column of paths (relative to the table) and one of labels;
        - a sound file;
        - a list of paths, of `Audio` or of pairs `(sound, label)`; a tuple `(sounds, labels)`.
    - `path`, `label`: the columns of a table; `label=None` reads no labels.
    - `encoding`, `delimiter`: of a table; found if None, see `read_table`.

    >>> import numpy as np
    >>> hum = Audio(np.ones(8000, np.float32), 8000)
    >>> sounds = find_sounds([(hum, "hum"), (hum, "mm")])
    >>> sounds.labels, sounds.rate
    (['hum', 'mm'], 8000)
    >>> find_sounds(["a text", "another"]) is None
    True
    """
    if isinstance(source, Utterances):
        return _said(source, label)
    if isinstance(source, (str, Path)):
        return _at(source, path, label, encoding, delimiter)
    if isinstance(source, Audio):
        return Sounds(read_utterances([source]), None)
    if isinstance(source, tuple) and len(source) == 2 and _are_sounds(source[0]):
        return Sounds(read_utterances(list(source[0])), list(source[1]))
    if isinstance(source, list):
        return _of_list(source)
    if isinstance(source, Mapping) and path in source:
        return _of_table(tables.read_table(source), Path(), path, label)
    return None


def _said(utterances: Utterances, label: str | None) -> Sounds:
    return Sounds(utterances, None if label is None else list(utterances.texts))


def _at(
    source: str | Path, path: str, label: str | None, encoding: str | None, delimiter: str | None
) -> Sounds | None:
    if isinstance(source, str) and is_reference(source):
        return _said(read_utterances(source), label) if resolve(source)[1].utterances else None
    if not str(source) or not is_there(source):
        return None
    place = Path(source)
    if place.is_dir():
        utterances = read_utterances(place)
        if (place / "wav.scp").is_file() or label is None:
            return _said(utterances, label)
        return Sounds(utterances, [_folder(u, place) for u in utterances])
    if place.suffix.lower() in SUFFIXES and place.is_file():
        utterances = read_utterances(place)
        return Sounds(utterances, None)
    if place.suffix.lower() in tables.SUFFIXES and place.is_file() and _may_name(place, path):
        table = tables.read_table(place, encoding=encoding, delimiter=delimiter)
        return _of_table(table, place.parent, path, label)
    return None


def _folder(utterance: Utterance, root: Path) -> str:
    assert utterance.path is not None
    if utterance.path.parent == root:
        raise DataError(
            f"{utterance.path} has no label: put the recordings into folders that are named after"
            f" their labels, such as {root / 'yes' / utterance.path.name}"
        )
    return utterance.path.parent.name


def _may_name(place: Path, column: str) -> bool:
    """Whether a table's first line holds a column's name: a large table of texts is read once."""
    with place.open("rb") as file:
        first = file.readline(1 << 20)
    plain = column.isascii() and place.suffix.lower() != ".parquet" and b"\0" not in first
    return not plain or column.encode() in first


def _of_table(table: tables.Table, folder: Path, path: str, label: str | None) -> Sounds | None:
    paths = table.columns.get(path)
    if paths is None or not _are_sounds(paths):
        return None
    labels = None if label is None else table.column(label, "label")
    return Sounds(Utterances(rows_of_manifest(table, folder, path=path, text=None)), labels)


def _of_list(source: list[Any]) -> Sounds | None:
    if _are_sounds(source):
        return Sounds(read_utterances(source), None)
    if all(isinstance(item, tuple) and len(item) == 2 for item in source):
        inputs = [item[0] for item in source]
        if _are_sounds(inputs):
            return Sounds(read_utterances(inputs), [item[1] for item in source])
    return None


def _are_sounds(items: Iterable[Any]) -> bool:
    items = list(items) if isinstance(items, Iterable) else []
    return bool(items) and all(map(_is_sound, items))


def _is_sound(item: Any) -> bool:
    if isinstance(item, str):
        return item.lower().endswith(SUFFIXES) and "\n" not in item
    return isinstance(item, (Audio, Path, Utterance))
