"""Folders of videos: by class, with pictures as clips, or with a table beside them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from elman.data.video import arrays, pictures
from elman.data.video.decode import SUFFIXES
from elman.data.video.lists import manifest, sample_of_file, samples_of_table
from elman.data.video.pictures import natural_order
from elman.data.video.sample import Sample
from elman.errors import DataError


def read_folder(
    folder: Path, columns: Mapping[str, str], *, events: bool, rate: float | None
) -> Iterator[Sample]:
    """The clips of a folder and those below it in the order of their names, or of the table in it.

    The name of the folder that a video, or a folder of pictures, lies in is its label.
    """
    found = [(path, manifest(path, columns["path"])) for path in sorted(folder.iterdir())]
    tables = [(path, table) for path, table in found if table is not None]
    if len(tables) > 1:
        names = ", ".join(path.name for path, _ in tables)
        raise DataError(f"{folder} has several tables of clips, {names}: name one of them")
    if tables:
        yield from samples_of_table(tables[0][1], folder, columns, events=events, rate=rate)
        return
    if pictures.pictures_in(folder):
        yield sample_of_file(folder, str(folder), None, rate)
        return
    clips = clips_below(folder)
    if not clips:
        raise DataError(f"{folder} holds no video ({', '.join(SUFFIXES)}) and no pictures")
    for path in clips:
        label = path.parent.name if path.parent != folder else None
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in arrays.SUFFIXES:
            yield sample_of_file(path, name, label, rate)
            continue
        try:
            for sample in arrays.read_arrays(path, rate):
                yield sample if sample.label is not None else sample._replace(label=label)
        except DataError as error:
            yield Sample(str(error), name, label)


def clips_below(folder: Path) -> list[Path]:
    """Videos, arrays and folders that hold pictures themselves, in natural order."""
    suffixes = {*SUFFIXES, *arrays.SUFFIXES}
    found: list[Path] = []
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        is_video = path.suffix.lower() in suffixes and path.is_file()
        if is_video or (path.is_dir() and pictures.pictures_in(path)):
            found.append(path)
    return sorted(found, key=lambda path: [natural_order(part) for part in path.parts])
