"""What a clip shows while it runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from elman.data.video.decode import SUFFIXES, facts_of
from elman.errors import DataError
from elman.tasks.prediction import Prediction
from elman.tasks.video.session import VideoSession

if TYPE_CHECKING:
    from elman.data import Clip
    from elman.tasks.video.task import Video

_ROUNDING = 1e-3  # seconds


def running(task: "Video", clip: "Clip", every: float) -> Iterator[tuple[float, Prediction]]:
    """The time in seconds, and the answer for the clip so far, after each `every` seconds and at
    the end.

    The clip is decoded frame by frame at the model's rate; `DataError` where its frames have no
    times.
    """
    wanted = task._known.format
    own = _rate(clip)
    if own is None:
        raise DataError(f"{clip.described} has no times of its frames: give a video file")
    rate = wanted.rate or own
    session = VideoSession(task)
    count, told, due = 0, 0, every
    for frame in clip.in_format(wanted):
        session.accept(frame)
        count += 1
        now = count / rate + _ROUNDING
        if now >= due:
            yield round(count / rate, 3), session.answer()
            told = count
            due += every * (1 + (now - due) // every)
    if told < count:
        yield round(count / rate, 3), session.finish()


def _rate(clip: "Clip") -> float | None:
    if clip.path is None or clip.path.suffix.lower() not in SUFFIXES:
        return clip.rate
    return facts_of(clip.path).rate
