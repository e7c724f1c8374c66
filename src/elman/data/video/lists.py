"""Lists of clips: tables of paths, Kinetics' tables, UCF101's splits, `path label` a line."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elman.data import tables
from elman.data.sound.manifest_fields import located, part, seconds_of
from elman.data.tables import Table
from elman.data.text.files import read_lines, suffix_of
from elman.data.values import is_missing, text_of
from elman.data.video import arrays, pictures
from elman.data.video.clip import Clip
from elman.data.video.decode import SUFFIXES, facts_of
from elman.data.video.sample import Event, Sample
from elman.errors import DataError

_KINETICS = ("youtube_id", "time_start", "time_end")
_UCF_GROUP = re.compile(r"v_(.+_g\d+)_c\d+")
_FIELDS = re.compile(r"\s*[\t,;]\s*")


def manifest(path: Path, column: str) -> Table | None:
    """The table, if the file is one of clips: with a column of paths, or Kinetics'."""
    table = tables.table_of(path)
    if table is None:
        return None
    is_kinetics = all(name in table.columns for name in _KINETICS)
    return table if column in table.columns or is_kinetics else None


def samples_of_table(
    table: Table, folder: Path, columns: Mapping[str, str], *, events: bool, rate: float | None
) -> Iterator[Sample]:
    """The clips of a table's rows; with `events`, rows of one path are what happens in one clip.

    A column start (or offset) and end (or duration) is the part in seconds; `group` what it was
    cut from, its path by default.
    """
    if columns["path"] not in table.columns:
        yield from _kinetics(table, folder)
        return
    rows = _rows(table, folder, columns, rate)
    yield from _with_events(rows) if events else rows


def samples_of_list(path: Path, rate: float | None) -> Iterator[Sample]:
    """The clips of a text of `PATH LABEL` a line, separated by a tab, a comma or the last space.

    UCF101's splits give the class as the folder and, of the training part, as a number: the folder
    is the label, and the group that the file's name tells is the group.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        name, label = _parted(line.strip(), path.parent)
        found = located([path.parent, path.parent / "videos", Path()], name)
        sample = sample_of_file(found, where, label, rate)
        ucf = _UCF_GROUP.fullmatch(found.stem)
        if ucf is not None:
            is_number = label is None or label.isdecimal()
            own = Path(name).parent.name
            sample = sample._replace(group=ucf[1], label=own if is_number and own else label)
        yield sample


def is_list(path: Path) -> bool:
    """Whether a file is a text whose first line begins with the path of a clip."""
    if suffix_of(path) != ".txt":
        return False
    try:
        first = next((line for _, line in read_lines(path) if line.strip()), "")
    except DataError:
        return False
    clip = path.parent / _parted(first.strip(), path.parent)[0]
    is_folder = bool(first) and clip.is_dir() and bool(pictures.pictures_in(clip))
    return is_folder or clip.suffix.lower() in SUFFIXES


def sample_of_file(
    path: Path,
    name: str,
    label: Any = None,
    rate: float | None = None,
    start: float = 0.0,
    end: float | None = None,
) -> Sample:
    """The clip of one video or folder of pictures, or the reason why there is none."""
    reason = _reason(path)
    if reason is not None:
        return Sample(reason, name, label, str(path))
    own = rate if path.is_dir() or pictures.is_picture(path) else None
    return Sample(Clip(path, start, end, own), name, label, str(path))


def _reason(path: Path) -> str | None:
    """Why a file is no clip; None if it is one, as far as its head tells."""
    try:
        if not path.exists():
            return f"no such file: {path}"
        if path.is_dir():
            return None if pictures.pictures_in(path) else f"{path} holds no pictures"
        if pictures.is_picture(path):
            next(pictures.pictures_of(path))
        elif path.suffix.lower() in arrays.SUFFIXES:
            return f"{path} holds arrays: give it as the source itself"
        else:
            facts_of(path)
    except (DataError, OSError, ValueError) as error:
        return str(error)
    return None


def _rows(
    table: Table, folder: Path, columns: Mapping[str, str], rate: float | None
) -> Iterator[Sample]:
    paths = table.column(columns["path"], "path")
    missing = [None] * len(paths)
    labels = table.columns.get(columns["label"], missing)
    groups = table.columns.get("group", missing)
    names = [n for n in ("start", "offset", "end", "duration") if n in table.columns]
    for i, row in enumerate(table.rows):
        if is_missing(paths[i]) or not str(text_of(paths[i])).strip():
            yield Sample(f"{row}: the path is empty", row)
            continue
        path = located([folder, Path()], str(text_of(paths[i])).strip())
        try:
            times: dict[str, float | None] = {
                n: seconds_of(table.columns[n][i], f"{row}: {n}") for n in names
            }
            start, end = part(times, row)
        except DataError as error:
            yield Sample(str(error), row)
            continue
        sample = sample_of_file(path, row, labels[i], rate, start, end)
        yield sample if is_missing(groups[i]) else sample._replace(group=str(groups[i]))


def _with_events(rows: Iterator[Sample]) -> Iterator[Sample]:
    """One clip for all rows of one path: the part of each row is when its label happens."""
    whole: dict[str, tuple[Sample, list[Event]]] = {}
    broken: list[Sample] = []
    for row in rows:
        if isinstance(row.clip, str):
            broken.append(row)
            continue
        path = str(row.clip.path)
        first = row._replace(clip=Clip(row.clip.source, rate=row.clip.rate), label=None, name=path)
        events = whole.setdefault(path, (first, []))[1]
        if is_missing(row.label) or row.label == "":
            continue  # a video in which nothing happens has a row without a label
        if row.clip.end is None:
            broken.append(row._replace(clip=f"{row.name}: an event needs its end"))
            continue
        events.append(Event(str(text_of(row.label)), row.clip.start, row.clip.end))
    for sample, events in whole.values():
        yield sample._replace(events=tuple(sorted(events, key=lambda each: each.start)))
    yield from broken


def _kinetics(table: Table, folder: Path) -> Iterator[Sample]:
    """Videos `ID_START_END.mp4`, with six digits each, in the folder or in one of their class."""
    labels = table.columns.get("label", [None] * len(table.rows))
    splits = table.columns.get("split", [""] * len(table.rows))
    cells = zip(*(table.columns[name] for name in _KINETICS), strict=True)
    for (identity, start, end), label, split, row in zip(
        cells, labels, splits, table.rows, strict=True
    ):
        try:
            seconds = [int(seconds_of(time, f"{row}: time") or 0) for time in (start, end)]
        except DataError as error:
            yield Sample(str(error), row)
            continue
        stem = f"{identity}_{seconds[0]:06d}_{seconds[1]:06d}"
        folders = [
            folder / str(label),
            folder,
            folder / str(split),
            folder / str(split) / str(label),
        ]
        found = [
            each / f"{stem}{suffix}"
            for each in folders
            for suffix in SUFFIXES
            if (each / f"{stem}{suffix}").is_file()
        ]
        sample = sample_of_file(found[0] if found else folder / f"{stem}.mp4", row, label)
        yield sample._replace(group=str(identity))


def _parted(line: str, folder: Path) -> tuple[str, str | None]:
    """A line's path and label; the whole line is a path where that file is there."""
    fields = _FIELDS.split(line, maxsplit=1)
    if len(fields) == 2:
        return fields[0], fields[1]
    name, _, label = line.rpartition(" ")
    if not name or Path(line).suffix.lower() in SUFFIXES or (folder / line).exists():
        return line, None
    return name.strip(), label
