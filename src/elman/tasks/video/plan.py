"""A video task's settings from its clips: their size, rate and colours, how long, how large."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from elman.data import Clip
from elman.data.video.decode import SUFFIXES, facts_of
from elman.data.video.pictures import pictures_in
from elman.errors import DataError
from elman.tasks.plan import Plan, Preset, length, units
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.settings import sides

_SMALLEST, _LARGEST = 8, 64  # pixels of a side
_LARGEST_FILE = 1024  # pixels of a side, of which frames are predicted
_LONGEST = 64  # frames of a usual clip
_LOOKED_AT = 100  # clips
_DECODED = 12  # clips of which the first frames are looked at
_FEW_FRAMES = 3
_COLOUR = 3.0  # mean difference of the colours, of 255, from which on they are read
_PIXELS = 2048 * 48 * 48  # of the frames of a batch


@dataclass(frozen=True)
class Usual:
    """Medians of some clips: height, width, frames a second (None if unknown) and frames."""

    height: int
    width: int
    rate: float | None
    frames: int
    has_colour: bool

    def described(self, count: int, frames: int, size: int) -> str:
        """What so many clips are, and what they take in the cache as `frames` of `size` bytes."""
        return (
            f"usually {self.frames:,} frames of {self.height} x {self.width}; in all about"
            f" {count * frames:,} frames, decoded {count * frames * size / 1e6:,.0f} MB"
        )


def plan(train: VideoData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these clips, beside the settings that were given."""
    count, classes = len(train), max(2, len(train.clips.classes))
    usual = usual_of(train.clips.clips)
    chosen, frames = form_of(usual, given)
    chosen["kind"] = "classify"
    if usual.rate is not None and not given.get("rate") and frames > _LONGEST:
        chosen["rate"] = round(usual.rate * _LONGEST / usual.frames, 6)
        frames = _LONGEST
    pixels = frames * math.prod(sides(chosen["size"]))
    batch = int(np.clip(count // 16, 4, 32))
    batch_size = given.get("batch_size") or int(np.clip(_PIXELS // pixels, 2, batch))
    an_epoch = count / batch_size
    hard = min(max(1.0, (classes / 8) ** 0.5), 2.5)
    steps = max(float(np.clip(20 * an_epoch, 600 * hard, 1200 * hard)), 3 * an_epoch)
    chosen["batch_size"] = batch_size
    chosen["summary_model"] = given.get("bidirectional", True)  # else it answers as frames come
    chosen |= length(count, batch_size, steps=steps, preset=preset, longest=300)
    chosen["hidden_size"] = units(96 if classes <= 20 else 128, preset)
    channels = 3 if (given.get("colour") or chosen["colour"]) == "colour" else 1
    size = math.prod(sides(chosen["size"])) * channels
    facts = f"{count:,} clips of {classes} classes, {usual.described(count, frames, size)}"
    return Plan(facts, chosen)


def form_of(usual: Usual, given: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Size, rate and colours of frames like the clips' own, and the frames of a usual clip.

    The size is that of a square.
    """
    side = int(np.clip(min(usual.height, usual.width), _SMALLEST, _LARGEST))
    chosen: dict[str, Any] = {"size": given.get("size") or side}
    frames = usual.frames
    if usual.rate is not None:
        chosen["rate"] = given.get("rate") or float(f"{usual.rate:.6g}")
        frames = max(1, round(usual.frames * chosen["rate"] / usual.rate))
    chosen["colour"] = "colour" if usual.has_colour else "grey"
    return chosen, frames


def reduced(usual: Usual, clips: list[Clip]) -> int | str | None:
    """The size of frames of large files, both sides made smaller alike; None of others."""
    scale = _LARGEST_FILE / max(usual.height, usual.width)
    if scale >= 1 or not all(_is_file(clip) for clip in clips):
        return None
    height, width = (max(_SMALLEST, round(scale * side)) for side in (usual.height, usual.width))
    return height if height == width else f"{height}x{width}"


def _is_file(clip: Clip) -> bool:
    return clip.path is not None and clip.path.suffix.lower() in SUFFIXES


def usual_of(clips: list[Clip]) -> Usual:
    """Medians of clips, from their files' heads and some decoded frames."""
    places = np.linspace(0, len(clips) - 1, min(len(clips), _LOOKED_AT)).round().astype(int)
    looks = [look for i in places.tolist() if (look := _look(clips[i])) is not None]
    if not looks:
        raise DataError("none of the clips can be read")
    height, width, frames = (int(np.median([look[k] for look in looks])) for k in range(3))
    rates = [look[3] for look in looks if look[3] is not None]
    places = np.linspace(0, len(clips) - 1, min(len(clips), _DECODED)).round().astype(int)
    has_colour = any(_has_colour(clips[i]) for i in places.tolist())
    rate = float(np.median(rates)) if rates else None
    return Usual(height, width, rate, max(1, frames), has_colour)


def _look(clip: Clip) -> tuple[int, int, int, float | None] | None:
    """Height, width, frames and rate of a clip; None where it cannot be read."""
    if clip.array is not None:
        frames, height, width = clip.array.shape[:3]
        if clip.rate is not None and (clip.start or clip.end is not None):
            end = frames / clip.rate if clip.end is None else clip.end
            frames = max(1, round((end - clip.start) * clip.rate))
        return height, width, frames, clip.rate
    path = clip.path
    assert path is not None
    try:
        if path.is_dir() or path.suffix.lower() not in SUFFIXES:
            first = next(clip.decoded())
            frames = len(pictures_in(path)) if path.is_dir() else 1
            return first.shape[0], first.shape[1], frames, clip.rate
        facts = facts_of(path)
    except DataError:
        return None
    rate = facts.rate or 25.0
    whole = facts.duration or 1.0
    seconds = (whole if clip.end is None else min(whole, clip.end)) - clip.start
    return facts.height, facts.width, max(1, round(seconds * rate)), rate


def _has_colour(clip: Clip) -> bool:
    if clip.array is not None and clip.array.shape[3] == 1:
        return False
    try:
        frames = np.stack(list(islice(clip.decoded(size=_LARGEST), _FEW_FRAMES))).astype(int)
    except DataError:
        return False
    return float(np.ptp(frames, axis=-1).mean()) >= _COLOUR
