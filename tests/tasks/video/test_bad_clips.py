"""Clips that are odd or broken, up to the answer of a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from videos import ramp, write_tone, write_video

from elman.data import Clip, Event, check_clips, read_clips, write_clip
from elman.errors import DataError
from elman.tasks import Video

from .conftest import SMALL, blinking, motions


@pytest.mark.parametrize(
    "clip",
    [
        np.zeros((1, 16, 16), np.uint8),
        np.zeros((2, 2160, 3840), np.uint8),
        np.zeros((10_000, 16, 16), np.uint8),
        np.zeros((3, 1, 999, 3), np.uint8),
    ],
    ids=["one frame", "4K", "10,000 frames", "one row"],
)
def test_odd_clips_are_answered(task: Video, forwards: Video, clip: Any) -> None:
    for model in (task, forwards):
        (found,) = model.predictions([clip])
        assert found.value in model.labels
        assert 0 < found.details["probability"] <= 1


def test_other_pixels_are_the_same_picture(task: Video) -> None:
    """16 bits, floats, and colours over a transparent background."""
    clip = motions(3)[0][2]
    opaque = np.full((*clip.shape, 4), 255, np.uint8)
    opaque[..., :3] = clip[..., None]
    hidden = opaque.copy()
    hidden[..., :3], hidden[..., 3] = 255, clip
    others = [clip.astype(np.uint16) << 8, clip / 255, opaque, hidden]
    expected = task.predict_proba([clip])
    for other in others:
        np.testing.assert_allclose(task.predict_proba([other]), expected, atol=1e-3)


def test_each_broken_file_is_answered_with_its_reason(task: Video, tmp_path: Path) -> None:
    write_video(tmp_path / "good.mp4", ramp(30))
    (tmp_path / "text.mp4").write_text("no video at all")
    (tmp_path / "empty.mp4").write_bytes(b"")
    write_tone(tmp_path / "sound.mp4")
    names = ["text.mp4", "good.mp4", "empty.mp4", "sound.mp4", "missing.mp4"]
    with pytest.warns(UserWarning, match="left out: 4 of 5"):
        found = task.predictions([str(tmp_path / name) for name in names])
    reasons = ["not a video", None, "is empty", "sound alone", "no such file"]
    for each, reason, name in zip(found, reasons, names, strict=True):
        assert (each.error is None) == (reason is None), name
        assert reason is None or (reason in each.error and name in each.error)
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3)).astype(np.uint8)
    whole = write_video(tmp_path / "a.avi", noise).read_bytes()
    (tmp_path / "broken.avi").write_bytes(whole[: 3 * len(whole) // 4])
    with pytest.warns(UserWarning, match=r"frames read, up to .* s of 2 s: it is .* there"):
        assert task.predict(str(tmp_path / "broken.avi"))[0] in task.labels


def test_no_frames_at_all(task: Video) -> None:
    for bad in (np.zeros((0, 16, 16), np.uint8), np.zeros((4, 0, 16), np.uint8)):
        with pytest.raises(DataError, match=r"has no frames|no clips"):
            task.predict(bad)


def test_a_part_after_the_end_is_told(task: Video, tmp_path: Path) -> None:
    film = write_video(tmp_path / "a.mp4", ramp(30))
    after, beyond = Clip(film, 5, 9), Clip(film, 0.5, 9)
    with pytest.warns(UserWarning, match="left out: 1 of 2"):
        found = task.predictions([after, beyond])
    assert "before the start at 5 s" in str(found[0].error)
    assert found[1].value in task.labels
    (problem,) = check_clips(read_clips([beyond], labelled=False)).problems
    assert problem.kind == "shorter than asked"


def test_labels_of_missing_files_are_left_out_and_told(tmp_path: Path) -> None:
    clips, labels = motions(16)
    lines = ["path,label", "gone.mp4,left", "gone2.mp4,up"]
    for i, (clip, label) in enumerate(zip(clips, labels, strict=True)):
        write_clip(clip, tmp_path / f"{i}.mp4", rate=10)
        lines.append(f"{i}.mp4,{label}")
    table = tmp_path / "clips.csv"
    table.write_text("\n".join(lines))
    task = Video(**{**SMALL, "epochs": 1}, cache=str(tmp_path / "frames"))
    with pytest.warns(UserWarning, match=r"left out: 2 of 18 clips; .*no such file.*gone\.mp4"):
        task.fit(table, progress=False)
    table.write_text("\n".join(lines[:3]))
    with pytest.raises(DataError, match="no such file"):
        task.evaluate(table)


def test_events_after_the_end_are_left_out_and_told(finder: Video) -> None:
    clips, events = blinking(2, seed=3)
    late = [[*events[0], Event("high", 7.0, 9.0)], [*events[1], Event("low", 5.9, 99.0)]]
    with pytest.warns(UserWarning, match="1 events after the end .*clip 0 ends at 6 s, and 'high'"):
        data = finder.read((clips, late), labelled=True)
    assert [len(each) for each in data.events] == [len(events[0]), len(events[1]) + 1]
    assert data.events[1][-1].end == 6.0
