"""Clips whose frames tell nothing one by one: digits that move or grow, the tip of a pen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.checks import whole
from elman.data.ink.ink import Ink
from elman.data.values import shown
from elman.data.video.frame_format import Frame, resized
from elman.data.video.sample import Event
from elman.errors import DataError, SettingsError

MOTIONS = ("left", "right", "up", "down", "clockwise", "counter-clockwise", "grow", "shrink")
_DOT = 1.0  # pixels, standard deviation of the dot that is a pen's tip
_RATE = 10.0  # frames a second of long clips
_LASTS, _PAUSE = (8, 21), (6, 25)  # frames of a motion, and of what is between two
_LEAPS = 0.1  # chance of a frame between motions that the digit is elsewhere
_JITTER = 0.15  # of the free way, by which places differ at random


def motion_clips(
    digits: Any, count: int, *, frames: int = 12, size: int = 48, seed: int = 0
) -> tuple[NDArray[np.uint8], list[str]]:
    """Clips of one digit each that does one of the eight `MOTIONS`, and what it does.

    Each motion is the reverse of another one: which of the two it is, the order of the frames alone
    tells.

    **Arguments:**

    - `digits`: pictures, (N, h, w) uint8, such as `mnist_digits("train")` gives.
    - `count`: clips; the motions take turns.

    **Returns:** (count, frames, size, size) uint8 and `count` labels.

    >>> clips, labels = motion_clips(np.full((1, 8, 8), 255, np.uint8), 8, frames=5, size=24)
    >>> clips.shape, labels[6], bool(clips[6, 0].sum() < clips[6, -1].sum())
    ((8, 5, 24, 24), 'grow', True)
    """
    pictures, count, frames, size, random = _checked(digits, count, frames, size, seed)
    out = np.zeros((count, frames, size, size), np.uint8)
    labels = [MOTIONS[i % len(MOTIONS)] for i in range(count)]
    for i, motion in enumerate(labels):
        picture = pictures[random.integers(len(pictures))]
        places, scales = _course(motion, frames, random)
        for t in range(frames):
            _put(out[i, t], picture, places[t], scales[t])
    return out, labels


def motion_events(
    digits: Any, count: int, *, frames: int = 300, size: int = 48, seed: int = 0
) -> tuple[NDArray[np.uint8], list[tuple[Event, ...]]]:
    """Long clips of one digit each that now and then does one of the eight `MOTIONS`, for 8 to 20
    frames, and what it does when, at 10 frames a second.

    Between two motions it stands still for 6 to 24 frames, where it leaps to another place now and
    then: neither a place nor that something moves tells an event.

    **Arguments:** those of `motion_clips`.

    **Returns:** (count, frames, size, size) uint8 and the events of each clip.

    >>> clips, events = motion_events(np.full((1, 8, 8), 255, np.uint8), 2, frames=60, size=24)
    >>> clips.shape, events[0][0].label in MOTIONS, events[0][-1].end <= 6
    ((2, 60, 24, 24), True, True)
    """
    pictures, count, frames, size, random = _checked(digits, count, frames, size, seed)
    out = np.zeros((count, frames, size, size), np.uint8)
    found = []
    for clip in out:
        picture = pictures[random.integers(len(pictures))]
        events: list[Event] = []
        place, scale, t = random.uniform(-1, 1, 2), 0.75, 0
        while True:
            for still in range(t, min(frames, t + int(random.integers(*_PAUSE)))):
                if random.random() < _LEAPS:
                    place, scale = random.uniform(-1, 1, 2), random.uniform(0.5, 1)
                _put(clip[still], picture, place, scale)
                t = still + 1
            length = int(random.integers(*_LASTS))
            if t + length > frames:
                break
            motion = MOTIONS[random.integers(len(MOTIONS))]
            places, scales = _course(motion, length, random)
            for place, scale in zip(places, scales, strict=True):
                _put(clip[t], picture, place, scale)
                t += 1
            events.append(Event(motion, (t - length) / _RATE, t / _RATE))
        for still in range(t, frames):
            _put(clip[still], picture, place, scale)
        found.append(tuple(events))
    return out, found


def pen_tip(ink: Ink, *, size: int = 32, frames: int | None = None) -> NDArray[np.uint8]:
    """The tip of the pen as it writes, (T, size, size) uint8: one dot a frame, and no line.

    A frame for each point, and a black one between two strokes; or as many as `frames`, evenly
    chosen of these.

    >>> pen_tip(Ink.of_strokes([[(0, 0), (0, 9)], [(4, 4)]]), size=16).shape
    (4, 16, 16)
    """
    if not isinstance(ink, Ink):
        raise SettingsError(f"ink={shown(ink)}: an Ink is needed")
    size = whole(size, "size", 8)
    if not len(ink):
        raise DataError("the ink has no points: there is no tip to show")
    low = ink.points.min(0)
    extent = max(float(np.ptp(ink.points, axis=0).max()), 1e-9)
    margin = (1 - np.ptp(ink.points, axis=0) / extent) / 2
    places = 2 + ((ink.points - low) / extent + margin) * (size - 5)
    grid = np.arange(size)
    near = [np.exp(-((grid - places[:, axis, None]) ** 2) / (2 * _DOT**2)) for axis in (0, 1)]
    dots: NDArray[np.uint8] = np.rint(255 * near[1][:, :, None] * near[0][:, None, :]).astype(
        np.uint8
    )
    dots = np.insert(dots, ink.starts[1:], 0, axis=0)
    if frames is not None:
        chosen = np.linspace(0, len(dots) - 1, whole(frames, "frames", 1))
        dots = dots[chosen.round().astype(int)]
    return dots


def _checked(
    digits: Any, count: int, frames: int, size: int, seed: int
) -> tuple[NDArray[np.uint8], int, int, int, np.random.Generator]:
    """The arguments that make clips of digits, and what draws at random."""
    pictures = np.asarray(digits)
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or not pictures.size:
        raise DataError(
            f"digits of {pictures.dtype} of shape {pictures.shape}: uint8 (N, h, w) are needed"
        )
    count, frames, size = whole(count, "count", 1), whole(frames, "frames", 2), whole(size, "size")
    if max(pictures.shape[1:]) * 3 > size * 2:
        raise SettingsError(
            f"size={size}: digits of {pictures.shape[1]} x {pictures.shape[2]} need a half more to"
            " move in"
        )
    return pictures, count, frames, size, np.random.default_rng(whole(seed, "seed"))


def _course(
    motion: str, frames: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the digit's middle is at each frame, (frames, 2), from -1 to 1 of the free way, row
    first, and its scale, (frames,).

    The reverse of each motion is drawn as another one is: neither place nor size tells them apart.
    """
    along = np.linspace(-1, 1, frames)
    places = np.tile(random.uniform(-_JITTER, _JITTER, 2), (frames, 1))
    scales = np.full(frames, 0.75)
    if motion in ("left", "right", "up", "down"):
        places[:, 0 if motion in ("up", "down") else 1] = along
    elif motion in ("clockwise", "counter-clockwise"):
        angle = random.uniform(0, 2 * np.pi) + along * np.pi * 0.8
        places = 0.8 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    else:
        scales = 0.75 + 0.25 * along
    is_backwards = motion in ("left", "up", "counter-clockwise", "shrink")
    return (places[::-1], scales[::-1]) if is_backwards else (places, scales)


def _put(frame: NDArray[np.uint8], picture: Frame, place: Any, scale: float) -> None:
    """Draw a picture into a frame, (size, size), at its place."""
    sides = [max(1, round(side * scale)) for side in picture.shape]
    scaled = resized(picture[..., None], (sides[0], sides[1]))[..., 0]
    free = np.array(frame.shape) - scaled.shape
    top, left = np.rint((np.asarray(place) + 1) / 2 * free).astype(int).tolist()
    frame[top : top + sides[0], left : left + sides[1]] = scaled
