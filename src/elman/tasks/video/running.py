"""What a clip shows while it runs, or a camera while it films."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from elman.data.video.decode import SUFFIXES, facts_of
from elman.data.video.live import LiveSource
from elman.errors import DataError
from elman.tasks.prediction import Prediction
from elman.tasks.video.event_session import EventSession
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


def live(
    task: "Video", source: str, every: float, retries: int, told: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Rows of what a camera, a stream or a pipe shows, until it ends or Ctrl-C: the answer so far
    after each `every` seconds, or each event when it has ended.

    `told` is called with what happens to the connection, and at the end with what was lost.
    """
    session = task.session()
    seconds, due = 0.0, every
    with LiveSource(source, retries=retries, told=told) as camera:
        try:
            for each in camera.frames(task._known.format):
                update = session.accept(each.frame)
                seconds = each.time + each.duration
                if isinstance(session, EventSession):
                    yield from map(vars, update.new or ())
                elif isinstance(session, VideoSession) and seconds + _ROUNDING >= due:
                    yield _timed(seconds, session.answer())
                    due += every * (1 + (seconds + _ROUNDING - due) // every)
        except KeyboardInterrupt:
            told("ended by Ctrl-C")
        facts = camera.facts
    if facts.frames:
        yield from _ending(session, seconds)
    lost = f"{facts.frames:,} frames in {seconds:.1f} s, {facts.dropped:,} of them dropped"
    told(f"{source}: {lost}, connected again {facts.reconnected:,} times")


def _ending(session: Any, seconds: float) -> Iterator[dict[str, Any]]:
    """The last answer, or the events that last until the end."""
    if isinstance(session, EventSession):
        before = set(session.found)
        yield from (vars(each) for each in session.finish().value if each not in before)
    else:
        yield _timed(seconds, session.finish())


def _timed(seconds: float, answer: Prediction) -> dict[str, Any]:
    row = {"time": round(seconds, 3), **answer.row("label")}
    return {name: value for name, value in row.items() if name not in answer.columns[1:]}


def _rate(clip: "Clip") -> float | None:
    if clip.path is None or clip.path.suffix.lower() not in SUFFIXES:
        return clip.rate
    return facts_of(clip.path).rate
