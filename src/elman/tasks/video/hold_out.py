"""Later frames held out, where all clips are of one source."""

import math
from dataclasses import replace

from elman.data import Clip, Event
from elman.data.video.decode import SUFFIXES, facts_of
from elman.errors import DataError
from elman.tasks.video.dataset import VideoData


def later_held_out(
    data: VideoData, share: float, inputs: int, horizon: int
) -> tuple[VideoData, VideoData]:
    """The clips without their last frames, and the ends in which these are to be predicted.

    Of each clip a `share` of its frames, `horizon` at least, is not trained on. Clips too short to
    be parted are trained on whole; `DataError` if all are.
    """
    earlier, later, parted = [], [], []
    for i, each in enumerate(data.clips):
        clip = _divisible(each)
        count = _count(clip)
        held_out = max(horizon, round(share * count))
        if count < inputs + horizon + held_out:
            earlier.append(clip)
            continue
        earlier.append(_part(clip, 0, count - held_out))
        later.append(_part(clip, count - held_out - inputs, count))
        parted.append(i)
    if not parted:
        raise DataError(
            f"all clips are of one source, and none has the {inputs + 2 * horizon} frames of which"
            f" {horizon} can be held out: give validation data of its own"
        )
    train = replace(data.clips, clips=earlier)
    return VideoData(train), VideoData(replace(data.clips.select(parted), clips=later))


def later_events_held_out(data: VideoData, share: float) -> tuple[VideoData, VideoData]:
    """The first part of each video and its last, of a `share` of its frames, with their events;
    one that lasts over the cut is in both in part."""
    clips: tuple[list[Clip], list[Clip]] = ([], [])
    events: tuple[list[tuple[Event, ...]], list[tuple[Event, ...]]] = ([], [])
    for each, own in zip(data.clips, data.events, strict=True):
        clip = _divisible(each)
        count, rate = _count(clip), _rate(clip)
        cut = count - round(share * count)
        if rate is None or not 0 < cut < count:
            raise DataError(
                f"{clip.described} is the only source, and cannot be split in time: give"
                " validation data of its own"
            )
        for k, (begin, end) in enumerate(((0, cut), (cut, count))):
            clips[k].append(_part(clip, begin, end))
            events[k].append(_within(own, begin / rate, end / rate if k == 0 else math.inf))
    train, held_out = (
        VideoData(replace(data.clips, clips=clips[k], events=events[k])) for k in (0, 1)
    )
    unknown = set(held_out.clips.classes) - set(train.clips.classes)
    if not any(train.events) or not any(held_out.events) or unknown:
        raise DataError(
            "all videos are of one source, and not all labels are in its first part, or none in its"
            " last: give validation data of its own"
        )
    return train, held_out


def _within(events: tuple[Event, ...], begin: float, end: float) -> tuple[Event, ...]:
    """What is left of events between two times, counted from the first."""
    cut = (each._replace(start=max(each.start, begin), end=min(each.end, end)) for each in events)
    return tuple(
        each._replace(start=each.start - begin, end=each.end - begin)
        for each in cut
        if each.start < each.end
    )


def _divisible(clip: Clip) -> Clip:
    """A clip whose parts can be had by the number of frames, or by time."""
    if clip.array is not None and not clip.start and clip.end is None:
        return clip
    if clip.path is not None and clip.path.is_file() and clip.path.suffix.lower() in SUFFIXES:
        facts = facts_of(clip.path)
        if facts.duration and facts.rate:
            return clip
    return Clip(clip.frames(), rate=clip.rate)


def _rate(clip: Clip) -> float | None:
    """Frames a second, if it is known."""
    if clip.path is None or not clip.path.is_file() or clip.path.suffix.lower() not in SUFFIXES:
        return clip.rate
    return facts_of(clip.path).rate


def _count(clip: Clip) -> int:
    if clip.array is not None:
        return len(clip.array)
    assert clip.path is not None
    facts = facts_of(clip.path)
    assert facts.duration
    assert facts.rate
    end = facts.duration if clip.end is None else min(clip.end, facts.duration)
    return int((end - clip.start) * facts.rate)


def _part(clip: Clip, begin: int, end: int) -> Clip:
    """Frames `begin` to `end`."""
    if clip.array is not None:
        valid = clip.valid
        if valid is not None and valid.ndim == 3:
            valid = valid[begin:end]
        return Clip(clip.array[begin:end], rate=clip.rate, valid=valid)
    assert clip.path is not None
    rate = facts_of(clip.path).rate
    assert rate is not None
    start = clip.start + begin / rate
    return replace(clip, start=start, end=clip.start + end / rate)
