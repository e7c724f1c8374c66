"""Clips from any source a user has: files, folders, tables, lists, datasets, arrays."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.arguments import check_number
from elman.data.collected import Words, collected
from elman.data.datasets.download import fetch
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.labels import label_list, labels_of
from elman.data.text.files import is_there
from elman.data.values import as_list, is_array, is_missing, is_tensor, shown
from elman.data.video import arrays, pictures
from elman.data.video.clip import Clip
from elman.data.video.clips import Clips
from elman.data.video.decode import SUFFIXES, has_picture
from elman.data.video.folders import clips_below, read_folder
from elman.data.video.lists import (
    is_list,
    manifest,
    sample_of_file,
    samples_of_list,
    samples_of_table,
)
from elman.data.video.sample import Sample, event_of
from elman.errors import DataError, ElmanError, SettingsError

_WORDS = Words("clips", "clips", "label")


def read_clips(
    source: Any,
    *,
    labelled: bool | None = True,
    path: str = "path",
    label: str = "label",
    separator: str | None = None,
    events: bool = False,
    rate: float | None = None,
) -> Clips:
    """Videos with their labels; nothing but the heads of files is read yet.

    **Arguments:**

    - `source`: one of
        - a video (MP4, MOV, AVI, MKV, WebM, GIF, MPEG and what else FFmpeg knows), an animated
          picture, a folder of pictures, a `.npy` or `.npz` of frames;
        - a folder of such, in a folder by class or not; or one with a table of them;
        - a table (CSV, TSV, JSON lines, Parquet) with a column of paths and, as it likes, of
          labels, `start` and `end` in seconds, and `group`; or Kinetics' (`label`, `youtube_id`,
          `time_start`, `time_end`);
        - a `.txt` of `PATH LABEL` a line, as UCF101's splits are;
        - an array (T, H, W), (T, H, W, C), (N, T, H, W), (N, T, H, W, C) or Moving MNIST's
          (20, N, 64, 64);
        - a dataset reference, `vid_radar_fmi:train`;
        - a `Clips`, a list of `Clip`, arrays or paths, of pairs `(clip, label)`, or a tuple
          `(clips, labels)`.
    - `labelled`: whether each needs a label; None to take them where all have one.
    - `path`, `label`: the columns of a table.
    - `separator`: parts several labels of one clip, as in `"run|jump"`.
    - `events`: rows of a table with the same path are what happens in one long video, from `start`
      to `end`; of a tuple `(clips, events)` the second part holds for each clip a list of `Event`
      or `(label, start, end)`. No clip then needs a label.
    - `rate`: frames a second of pictures and arrays, which hold no times.

    What cannot be read is left out, with a warning, and `left_out` says why. Raises `DataError`
    where nothing can be read or, with `labelled`, no label is known.

    >>> clips = read_clips([(np.zeros((5, 8, 8), np.uint8), "still")])
    >>> clips.labels, clips.clips[0].frames(grey=True).shape
    (['still'], (5, 8, 8, 1))
    """
    _check_arguments(labelled, separator, events, rate)
    if isinstance(source, Clips):
        found = _collected(_of_clips(source), labelled, separator, "the Clips")
        return found if found.left_out else replace(found, left_out=source.left_out)
    if isinstance(source, (str, Path)):
        columns = {"path": path, "label": label}
        samples = _from_path(source, columns, events=events, rate=rate)
        return _collected(samples, labelled and not events, separator, str(source))
    described = f"the {type(source).__name__}"
    if events:
        return _collected(_with_events(source, rate), False, separator, described)
    return _collected(_in_memory(source, rate), labelled, separator, described)


def holds_clips(source: str, path: str = "path") -> bool:
    """Whether a dataset reference, file or folder is of video, as far as a look at it tells.

    Sound with a transcript beside it, or in a table with a column of texts, is not.
    """
    if is_reference(source):
        return resolve(source)[1].clips is not None
    place = Path(source)
    if not is_there(source):
        return False
    if place.is_dir():
        if any(_is_table_of_clips(each, path) for each in sorted(place.iterdir())):
            return True
        return any(_is_clip(each) for each in [place, *clips_below(place)[:3]])
    return _is_table_of_clips(place, path) or is_list(place) or _is_clip(place)


def _check_arguments(labelled: Any, separator: Any, events: Any, rate: Any) -> None:
    if labelled not in (True, False, None):
        raise SettingsError(f"labelled={shown(labelled)}: True, False or None is needed")
    if separator is not None and not (isinstance(separator, str) and separator):
        raise SettingsError(f"separator={shown(separator)}: a string that parts labels is needed")
    if not isinstance(events, bool):
        raise SettingsError(f"events={shown(events)}: True or False is needed")
    if rate is not None:
        check_number("rate", rate, 1e-6, 1e6)


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return bool(pictures.pictures_in(path))
    if path.suffix.lower() not in SUFFIXES:
        return False
    return has_picture(path) and not path.with_suffix(".txt").is_file()


def _is_table_of_clips(path: Path, column: str) -> bool:
    if not path.is_file() or (table := manifest(path, column)) is None:
        return False
    if column not in table.columns:
        return True
    if "text" in table.columns:
        return False
    firsts = (path.parent / str(each) for each in table.columns[column][:3])
    return any(is_there(first) and _is_clip(first) for first in firsts)


def _collected(
    samples: Iterable[Sample], labelled: bool | None, separator: str | None, source: str
) -> Clips:
    each = ((sample, sample.clip, bool(labelled) and _lacks_label(sample)) for sample in samples)
    found, left_out = collected(each, source, _WORDS, stacklevel=3)
    has_labels = labelled is not False and not any(is_missing(each.label) for each in found)
    given = [sample.label for sample in found]
    events = [sample.events for sample in found]
    names = [sample.name for sample in found]
    return Clips(
        [sample.clip for sample in found if isinstance(sample.clip, Clip)],
        labels_of(given, names, separator) if has_labels else None,
        [each or () for each in events] if any(each is not None for each in events) else None,
        [sample.group or sample.name for sample in found],
        names,
        left_out,
    )


def _lacks_label(sample: Sample) -> bool:
    return is_missing(sample.label) or bool(sample.label == "")


def _of_clips(clips: Clips) -> Iterator[Sample]:
    for i, clip in enumerate(clips):
        label = None if clips.labels is None else clips.labels[i]
        events = None if clips.events is None else clips.events[i]
        yield Sample(clip, clips.names[i], label, clips.groups[i], events)


def _from_path(
    source: str | Path, columns: dict[str, str], *, events: bool, rate: float | None
) -> Iterator[Sample]:
    if isinstance(source, str) and is_reference(source):
        dataset, part = resolve(source)
        if part.clips is None:
            raise DataError(f"{source} is {part.kind}, not video")
        return part.clips(fetch(dataset, part.files))
    if not is_there(source):
        raise missing(str(source))
    place = Path(source)
    if place.is_dir():
        return read_folder(place, columns, events=events, rate=rate)
    if (table := manifest(place, columns["path"])) is not None:
        return samples_of_table(table, place.parent, columns, events=events, rate=rate)
    if is_list(place):
        return samples_of_list(place, rate)
    if place.suffix.lower() in arrays.SUFFIXES:
        return arrays.read_arrays(place, rate)
    return iter([sample_of_file(place, str(place), None, rate)])


def _in_memory(source: Any, rate: float | None) -> Iterator[Sample]:
    labels: list[Any] | None = None
    if isinstance(source, Clip):
        items: list[Any] = [source]
    elif isinstance(source, tuple) and len(source) == 2 and not _is_one(source[0]):
        items, labels = _items(source[0], rate), label_list(source[1])
    elif isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], str):
        items = [source]
    elif isinstance(source, tuple) and len(source) == 2 and is_array(source[0]):
        items, labels = _items(source[0], rate), label_list(source[1])
    else:
        items = _items(source, rate)
    if labels is not None and len(items) != len(labels):
        raise DataError(f"{len(items)} clips but {len(labels)} labels")
    for i, item in enumerate(items):
        is_pair = labels is None and isinstance(item, tuple) and len(item) == 2
        clip, label = item if is_pair else (item, None if labels is None else labels[i])
        yield _sample(clip, f"clip {i}", label, rate)


def _with_events(source: Any, rate: float | None) -> Iterator[Sample]:
    """Clips with what happens in each, which a tuple `(clips, events)` says."""
    is_pair = isinstance(source, tuple) and len(source) == 2 and not _is_one(source[1])
    if not is_pair:
        yield from _in_memory(source, rate)
        return
    samples = list(_in_memory(source[0], rate))
    events = as_list(source[1], "events")
    if len(samples) != len(events):
        raise DataError(f"{len(samples)} clips but events of {len(events)}")
    for sample, own in zip(samples, events, strict=True):
        found = (event_of(each, sample.name) for each in as_list(own, "the events of a clip"))
        yield sample._replace(events=tuple(sorted(found, key=lambda each: each.start)))


def _is_one(item: Any) -> bool:
    """Whether something is a single clip rather than a collection of them."""
    return isinstance(item, (Clip, str, Path)) or is_array(item) or is_tensor(item)


def _items(source: Any, rate: float | None) -> list[Any]:
    if is_array(source) or is_tensor(source):
        return list(arrays.clips_of_array(source, "the array", rate))
    return as_list(source, "clips")


def _sample(item: Any, name: str, label: Any, rate: float | None) -> Sample:
    if isinstance(item, Clip):
        return Sample(item, name, label, name if item.path is None else str(item.path))
    if isinstance(item, (str, Path)):
        return sample_of_file(Path(item), name, label, rate)
    try:
        values = np.stack([np.asarray(frame) for frame in item]) if _is_frames(item) else item
        clips = arrays.clips_of_array(values, name, rate)
    except (ElmanError, ValueError, TypeError) as error:
        return Sample(str(error), name, label)
    if len(clips) > 1:
        return Sample(f"{name} is an array of {len(clips)} clips", name, label)
    return Sample(clips[0], name, label, name)


def _is_frames(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) > 0
