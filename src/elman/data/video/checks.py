"""A look at clips before training: what cannot be used, and what is doubtful."""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from elman.data.arguments import check_number
from elman.data.problems import DataProblem, told
from elman.data.video.clip import Clip
from elman.data.video.clips import Clips
from elman.data.video.decode import decode_timed
from elman.data.video.frame_format import Frame, FrameFormat
from elman.data.video.pictures import is_picture
from elman.errors import DataError, SettingsError
from elman.progress import counted

_SMALL = FrameFormat(size=(32, 32), grey=True)


class ClipProblem(DataProblem):
    """What is wrong with one clip.

    Its kinds: unreadable, no frames, damaged, one frame, shorter than asked, uneven times,
    black, still or seen twice.
    """

    fatal = frozenset({"unreadable", "no frames"})


@dataclass(frozen=True)
class ClipCheck:
    """What a check found; `usable` are the clips without a fatal problem, in their order.

    `lengths` are the frames of each clip, 0 where there are none; `rates` their median number a
    second, None where times are not known.
    """

    clips: Clips
    problems: tuple[ClipProblem, ...]
    lengths: tuple[int, ...]
    rates: tuple[float | None, ...]

    @property
    def usable(self) -> Clips:
        """All that can be trained on; `DataError` with the first problem if nothing is left."""
        kept = [i for i, length in enumerate(self.lengths) if length]
        if not kept:
            first = self.problems[0]
            raise DataError(f"no clip can be used; {first.name}: {first.message}")
        return self.clips.select(kept)

    def summary(self) -> str:
        """How many clips, frames, sources and labels, and what is wrong with which."""
        clips = self.clips
        what = f"{len(clips):,} clips, {sum(self.lengths):,} frames"
        lengths = [length for length in self.lengths if length]
        if lengths:
            what += f" ({min(lengths):,} to {max(lengths):,} each)"
        rates = sorted(rate for rate in self.rates if rate)
        if rates:
            slowest, fastest = f"{rates[0]:.3g}", f"{rates[-1]:.3g}"
            span = slowest if slowest == fastest else f"{slowest} to {fastest}"
            what += f", {span} a second"
        what += f"; {len(set(clips.groups)):,} sources"
        if clips.classes:
            what += f"; {len(clips.classes):,} different labels"
        return "\n".join([what, *told(self.problems)])


def check_clips(
    clips: Clips, *, black: float = 16.0, gap: float = 5.0, short: float = 0.9
) -> ClipCheck:
    """Decode every clip once and list those without frames, damaged, black, seen twice, ...

    **Arguments:**

    - `black`: a clip of which no spot is brighter (0 to 255) is black.
    - `gap`: a time between two frames of so many times the median, and half a second, is reported.
    - `short`: the share of the part that is requested (`start` to `end`) below which it counts.

    Clips of one frame are legal, and so are the other doubtful kinds: only what has no frames is
    left out of `usable`. Clips are seen twice if all their frames are the same.

    >>> dark = Clip(np.zeros((5, 8, 8), np.uint8))
    >>> print(check_clips(Clips([dark], ["a"], None, ["0"], ["first"])).summary())
    1 clips, 5 frames (5 to 5 each); 1 sources; 1 different labels
    1 black
      first: no spot is brighter than 0 of 255
    """
    if not isinstance(clips, Clips):
        raise SettingsError(f"check_clips takes what read_clips gives, not {type(clips).__name__}")
    check_number("black", black, 0, 255)
    check_number("gap", gap, 1)
    check_number("short", short, 0, 1)
    problems = [
        ClipProblem(place, f"number {place}", "unreadable", reason)
        for place, reason in clips.left_out.items()
    ]
    seen: dict[bytes, int] = {}
    lengths: list[int] = []
    rates: list[float | None] = []
    for i, clip in enumerate(counted(clips.clips, len(clips))):
        look = _looked_at(clip)
        found = _of_look(clip, look, black, gap, short)
        if look.count > 1:
            first = seen.setdefault(look.digest, i)
            if first != i:
                found.append(("seen twice", f"it is the same as {clips.names[first]}"))
        problems += [ClipProblem(i, clips.names[i], kind, words) for kind, words in found]
        lengths.append(look.count)
        has_times = clip.rate is not None or _has_times(clip)
        steps = np.diff(look.times)
        rates.append(1 / float(np.median(steps)) if has_times and len(steps) else None)
    return ClipCheck(clips, tuple(problems), tuple(lengths), tuple(rates))


@dataclass
class _Look:
    """What decoding a clip showed."""

    count: int = 0
    times: list[float] = field(default_factory=list)
    stop: float = 0.0
    brightest: int = 0
    is_still: bool = True
    digest: bytes = b""
    error: str = ""
    warning: str = ""


def _looked_at(clip: Clip) -> _Look:
    look = _Look()
    digest = hashlib.sha256()
    first: Frame | None = None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            for time, stop, frame in _small_frames(clip):
                if clip.end is not None and time >= clip.end:
                    look.stop = clip.end
                    break
                look.count += 1
                look.times.append(time)
                look.stop = stop
                look.brightest = max(look.brightest, int(frame.max()))
                first = frame if first is None else first
                look.is_still &= bool((frame == first).all())
                digest.update(np.ascontiguousarray(frame).data)
        except DataError as error:
            look.error = str(error)
    look.digest = digest.digest()
    look.warning = "; ".join(str(each.message) for each in told)
    return look


def _has_times(clip: Clip) -> bool:
    """Whether it is a video, which says when each frame is shown."""
    return clip.path is not None and clip.path.is_file() and not is_picture(clip.path)


def _small_frames(clip: Clip) -> Iterator[tuple[float, float, Frame]]:
    """Frames in small with the times at which they begin and end; of pictures by their number."""
    if clip.path is not None and _has_times(clip):
        for each in decode_timed(clip.path, _SMALL, clip.start, clip.end):
            yield each.time, each.time + each.duration, each.frame
        return
    step = 1 / (clip.rate or 1.0)
    for i, frame in enumerate(clip.in_format(_SMALL)):
        yield clip.start + i * step, clip.start + (i + 1) * step, frame


def _of_look(
    clip: Clip, look: _Look, black: float, gap: float, short: float
) -> list[tuple[str, str]]:
    if not look.count or look.error:
        look.count = 0
        return [("no frames", look.error)]
    found = [("damaged", look.warning)] if look.warning else []
    if look.count == 1:
        found.append(("one frame", "it is one frame"))
    if clip.end is not None:
        asked, got = clip.end - clip.start, min(look.stop, clip.end) - clip.start
        if got < short * asked:
            found.append(("shorter than asked", f"{got:.3g} s of the {asked:.3g} s asked for"))
    if look.brightest <= black:
        found.append(("black", f"no spot is brighter than {look.brightest} of 255"))
    elif look.is_still and look.count > 1:
        found.append(("still", f"all its {look.count:,} frames are the same"))
    steps = np.diff(look.times)
    if len(steps) > 1:
        middle, largest = float(np.median(steps)), float(steps.max())
        if largest > gap * middle and largest > 0.5:
            at = look.times[int(steps.argmax())]
            words = (
                f"no frame for {largest:.3g} s from {at:.3g} s on, where {middle:.3g} s is usual"
            )
            found.append(("uneven times", words))
    return found
