"""Lhotse's cuts: JSON objects with a recording, a part of it and supervisions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elman.data.sound.manifest_fields import is_missing, located, part, seconds_of, transcript
from elman.data.sound.utterance import Utterance
from elman.errors import DataError


class _Segment(NamedTuple):
    name: str
    text: str | None
    start: float
    duration: float | None
    speaker: str


def cuts(
    rows: Sequence[str], columns: Mapping[str, list[Any]], folders: Sequence[Path]
) -> Iterator[Utterance]:
    """The utterances of cuts, given as columns: one for each supervision.

    Raises `DataError` for mixed cuts, transformed recordings and sources that are no files.
    """
    for i, row in enumerate(rows):
        cut = {name: values[i] for name, values in columns.items()}
        recording = cut.get("recording")
        if not isinstance(recording, dict):
            what = "tracks that are mixed" if cut.get("tracks") else "no recording"
            raise DataError(f"{row}: a cut with {what}; one recording in a file is needed")
        if recording.get("transforms"):
            raise DataError(f"{row}: the cut's recording is transformed; store its sound first")
        begin = seconds_of(cut.get("start"), f"{row}: start") or 0.0
        file, channel = _source(recording, cut.get("channel"), row)
        for segment in _segments(cut, row):
            start = round(begin + segment.start, 9)
            end = None if segment.duration is None else round(start + segment.duration, 9)
            start, end = part({"start": max(0.0, start), "end": end}, row)
            yield Utterance(
                f"{row} ({segment.name})",
                segment.text,
                path=located(folders, file),
                start=start,
                end=end,
                speaker=segment.speaker,
                channel=channel,
            )


def _segments(cut: Mapping[str, Any], row: str) -> Iterator[_Segment]:
    """A cut's supervisions, whose times count from the cut's start; the cut itself if none."""
    supervisions = cut.get("supervisions") or []
    if not isinstance(supervisions, list) or not all(isinstance(s, dict) for s in supervisions):
        raise DataError(f"{row}: supervisions must be a list of objects")
    name = str(cut.get("id", ""))
    for each in supervisions:
        start = each.get("start")
        negative = isinstance(start, (int, float)) and -1e9 < start < 0
        yield _Segment(
            f"{name} {each.get('id', '')}".strip(),
            transcript(each.get("text"), row),
            float(start) if negative else seconds_of(start, f"{row}: start") or 0.0,
            seconds_of(each.get("duration"), f"{row}: duration"),
            "" if is_missing(each.get("speaker")) else str(each["speaker"]),
        )
    if not supervisions:
        yield _Segment(name, None, 0.0, seconds_of(cut.get("duration"), f"{row}: duration"), "")


def _source(recording: Mapping[str, Any], channel: Any, row: str) -> tuple[str, int | None]:
    """The file of a recording that holds the cut's channel, and its number within the file."""
    sources = recording.get("sources")
    if (
        not isinstance(sources, list)
        or not all(isinstance(s, dict) for s in sources)
        or not sources
    ):
        raise DataError(f"{row}: the cut's recording has no sources")
    wanted = channel if isinstance(channel, int) and not isinstance(channel, bool) else None
    for source in sources:
        channels = source.get("channels")
        if not isinstance(channels, list):
            channels = [0]
        if wanted is not None and wanted not in channels and len(sources) > 1:
            continue
        file = source.get("source")
        if source.get("type") != "file" or not isinstance(file, str) or not file.strip():
            raise DataError(
                f"{row}: the recording's source is of type {str(source.get('type'))!r:.40}; a file"
                " is needed"
            )
        is_one = len(channels) == 1
        return file, None if is_one or wanted not in channels else channels.index(wanted)
    raise DataError(f"{row}: no source of the recording has channel {wanted}")
