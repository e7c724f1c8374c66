"""Clips as the task `Video` takes them, decoded when their format is known."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from elman.data import CachedFrames, Clip, Clips, Event, FrameCache, read_clips
from elman.data.video.frame_format import Frame, FrameFormat
from elman.errors import DataError
from elman.progress import counted
from elman.tasks.video.settings import VideoSettings


@dataclass(frozen=True, eq=False)
class VideoData:
    """Clips that could be read, and why others could not.

    `frames`: those of each clip, (T, H, W, C) uint8, once they are `decoded`; `goes_on`: the frames
    after the clips' ends are asked for.
    """

    clips: Clips
    frames: Sequence[Frame] | None = None
    goes_on: bool = False
    _decoded: dict[FrameFormat, "VideoData"] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def left_out(self) -> Mapping[int, str]:
        """Position in the source -> why the clip there is left out."""
        return self.clips.left_out

    @property
    def labels(self) -> list[str]:
        """The label of each clip; DataError where there are none, or not one of each clip."""
        found = self.label_sets
        if odd := [i for i, labels in enumerate(found) if len(labels) != 1]:
            raise DataError(
                f"{self.shown(odd[0])}: {len(found[odd[0]])} labels, where each clip needs one"
            )
        return [label for (label,) in found]

    @property
    def label_sets(self) -> list[tuple[str, ...]]:
        """The labels of each clip; DataError where there are none."""
        if self.clips.labels is None:
            raise DataError("the clips have no labels")
        return [(each,) if isinstance(each, str) else each for each in self.clips.labels]

    @property
    def events(self) -> list[tuple[Event, ...]]:
        """What happens in each video and when; DataError where that is not known."""
        if self.clips.events is None:
            raise DataError("nothing says what happens in the videos, and when")
        return self.clips.events

    def shown(self, number: int) -> str:
        """Where a clip comes from."""
        return self.clips.names[number]

    def select(self, indices: list[int]) -> Self:
        """Some of them, not yet decoded."""
        return type(self)(self.clips.select(indices))

    def split(self, share: float, seed: int) -> tuple[Self, Self]:
        """Two parts; clips of one source are in one of them only."""
        first, second = self.clips.split(share, seed)
        return type(self)(first), type(self)(second)

    def split_known(self, share: float, seed: int) -> tuple[Self, Self]:
        """Two parts; clips of one source are in one of them only, and each label of the second one
        is in the first one, too. At least one source with a label is in the second one."""
        labels: dict[str, set[str]] = {}
        for i, group in enumerate(self.clips.groups):
            labels.setdefault(group, set()).update(self.clips.select([i]).classes)
        left = Counter(label for own in labels.values() for label in own)
        order = np.random.default_rng(seed).permutation(sorted(labels)).tolist()
        wanted, out = max(1, round(share * len(order))), set[str]()
        first = next(filter(labels.__getitem__, order), order[0])
        for group in dict.fromkeys([first, *order]):
            is_known = all(left[label] > 1 for label in labels[group])
            if is_known and len(out) < min(wanted, len(order) - 1):
                out.add(group)
                left.subtract(labels[group])
        if not out:
            raise DataError("no label has clips of two sources: give validation data of its own")
        parts: tuple[list[int], list[int]] = ([], [])
        for i, group in enumerate(self.clips.groups):
            parts[group in out].append(i)
        return self.select(parts[0]), self.select(parts[1])

    def decoded(self, wanted: FrameFormat, folder: str | None = None) -> "VideoData":
        """The clips with their frames in a format; those that cannot be decoded are left out.

        Each clip is decoded once: files into a cache on disk, `folder` or the user's, arrays in
        memory.
        """
        if self.frames is not None:
            return self
        if wanted not in self._decoded:
            found = self._decode(wanted, folder)
            self._decoded[wanted] = found if wanted.rate is None else found._cut(wanted.rate)
        return self._decoded[wanted]

    def of_length(self, least: int) -> "VideoData":
        """Those decoded clips that have so many frames; `DataError` if none has."""
        assert self.frames is not None
        kept = [i for i, each in enumerate(self.frames) if len(each) >= least]
        if len(kept) == len(self):
            return self
        reasons = dict(self.left_out)
        positions = [p for p in range(len(self) + len(reasons)) if p not in reasons]
        for i, each in enumerate(self.frames):
            if len(each) < least:
                why = f"{self.shown(i)} has {len(each)} frames, and {least} are needed"
                reasons[positions[i]] = why
        if not kept:
            raise DataError(next(iter(reasons.values())))
        clips = replace(self.clips.select(kept), left_out=dict(sorted(reasons.items())))
        return VideoData(clips, [self.frames[i] for i in kept], self.goes_on)

    def _cut(self, rate: float) -> "VideoData":
        """Decoded videos with their events up to their ends; those after them are left out, with a
        warning."""
        if self.clips.events is None:
            return self
        assert self.frames is not None
        events, late = [], []
        for i, (own, frames) in enumerate(zip(self.clips.events, self.frames, strict=True)):
            end = len(frames) / rate
            events.append(
                tuple(each._replace(end=min(each.end, end)) for each in own if each.start < end)
            )
            late += [(i, each, end) for each in own if each.start >= end]
        if late:
            i, first, end = late[0]
            warnings.warn(
                f"left out: {len(late):,} events after the end of their videos; {self.shown(i)}"
                f" ends at {end:.3g} s, and {first.label!r} begins at {first.start:.3g} s",
                stacklevel=2,
            )
        return replace(self, clips=replace(self.clips, events=events))

    def _decode(self, wanted: FrameFormat, folder: str | None) -> "VideoData":
        clips = self.clips.clips
        if all(clip.array is not None for clip in clips):
            options: dict[str, Any] = {"rate": wanted.rate, "size": wanted.size}
            options |= {"grey": wanted.grey, "fit": wanted.fit}
            frames = [clip.frames(**options) for clip in counted(clips, len(clips))]
            return replace(self, frames=frames)
        prepared: CachedFrames = FrameCache(folder).prepare(
            self.clips, rate=wanted.rate, size=wanted.size, grey=wanted.grey, fit=wanted.fit
        )
        if len(prepared) == len(self):
            return replace(self, frames=prepared)
        reasons = dict(self.left_out)
        positions = [p for p in range(len(self) + len(reasons)) if p not in reasons]
        for number, reason in prepared.clips.left_out.items():
            reasons[positions[number]] = reason
        kept = replace(prepared.clips, left_out=dict(sorted(reasons.items())))
        return VideoData(kept, prepared, self.goes_on)


def read_data(data: Any, settings: VideoSettings, *, labelled: bool) -> VideoData:
    """Whatever `elman.data.read_clips` reads."""
    if isinstance(data, VideoData):
        return data
    needs = {"classify": labelled, "auto": None if labelled else False}
    is_of_events = settings.kind == "events"
    found = read_clips(
        data,
        labelled=needs.get(settings.kind, False),
        path=settings.path,
        label=settings.label,
        separator=settings.separator,
        events=is_of_events,
    )
    if is_of_events and labelled and found.events is None:
        raise DataError(
            "nothing says what happens in the videos, and when: give a table with the columns"
            f" {settings.path}, {settings.label}, start and end (seconds), a row for each event, or"
            " (clips, events)"
        )
    return VideoData(found, goes_on=settings.kind == "predict" and not labelled)


def example_clip(height: int, width: int, frames: int) -> Clip:
    """Black frames, to measure the latency with."""
    import numpy as np

    return Clip(np.zeros((frames, height, width, 1), np.uint8))
