from typing import Any

import numpy as np
import pytest

from elman.data import Clip
from elman.errors import DataError, SettingsError
from elman.tasks import Video

from .conftest import SMALL, motions, ragged


@pytest.mark.parametrize("which", ["task", "forwards"])
@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_frame_by_frame_is_as_the_whole(
    which: str, chunk: int, request: pytest.FixtureRequest
) -> None:
    task: Video = request.getfixturevalue(which)
    clips, _ = ragged(40, seed=9)
    clips = clips[::7]
    for clip in clips:
        session = task.session()
        for i in range(0, len(clip), chunk):
            update = session.accept(clip[i : i + chunk])
            assert update.value in task.labels
        (whole,) = task.predictions([clip])
        found = session.finish()
        assert found.value == whole.value
        assert found.details["probability"] == pytest.approx(whole.details["probability"], abs=1e-4)


def test_a_forward_model_answers_every_frame(forwards: Video) -> None:
    (clip,), _ = motions(1, frames=7)
    session = forwards.session()
    values = [session.accept(frame).value for frame in clip]
    assert values == [forwards.predict([clip[: i + 1]])[0] for i in range(7)]
    assert "0.features" not in session.state


def test_a_model_of_both_ways_reads_the_whole_again_now_and_then(
    task: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.concatenate(motions(24)[0])[:100]
    read: list[int] = []
    recurrent: Any = task.model.recurrent
    own = recurrent.forward

    def forward(features: Any, *given: Any, **named: Any) -> Any:
        read.append(len(features))
        return own(features, *given, **named)

    monkeypatch.setattr(recurrent, "forward", forward)
    session = task.session()
    for frame in frames:
        session.accept(frame)
    assert read[:3] == [1, 9, 17]
    assert len(read) <= 13
    session.finish()
    assert read[-1] == 100


def test_a_session_goes_on_from_its_state(task: Video, forwards: Video) -> None:
    (clip,), _ = motions(1, seed=4, frames=9)
    for model in (task, forwards):
        session = model.session(rate=25)
        session.accept(clip[:4])
        other = model.session(state=session.state)
        for each in (session, other):
            each.accept(clip[4:])
        assert other.finish() == session.finish()
    with pytest.raises(SettingsError, match="not of a session of this Video"):
        task.session(state=forwards.session().state)


def test_frames_of_a_faster_camera_are_read_at_the_models_rate() -> None:
    clips, labels = motions(16, frames=12)
    data = [Clip(clip, rate=10) for clip in clips], labels
    task = Video(**{**SMALL, "epochs": 1}, rate=10).fit(data, progress=False)
    frames = np.random.default_rng(0).integers(0, 256, (31, 16, 16, 1)).astype(np.uint8)
    for rate in (7.0, 10.0, 25.0, 30.0):
        session = task.session(rate=rate)
        for frame in frames:
            session.accept(frame)
        (whole,) = task.predictions([Clip(frames, rate=rate)])
        assert session.finish().details == whole.details, rate


def test_bad_frames_are_refused(task: Video) -> None:
    session = task.session()
    assert session.finish().error == "no frame has arrived"
    with pytest.raises(SettingsError, match="finished"):
        session.accept(motions(1)[0][0])
    session = task.session()
    for bad in (np.zeros(3), np.full((4, 4), np.nan), np.zeros((0, 4, 4)), "frame"):
        with pytest.raises(DataError):
            session.accept(bad)
    with pytest.raises(SettingsError, match="rate"):
        task.session(rate=-1)
    assert session.accept(np.zeros((40, 60, 3), np.uint8)).value in task.labels
