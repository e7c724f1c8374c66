"""`elman predict` on what comes live: a named pipe, into which a file is written."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.cli.app import main
from elman.data import Clip, motion_clips, write_clip
from elman.tasks import Video
from elman.tasks.video.running import live

from .conftest import DIGIT, SMALL, blinking


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[[Clip], str]:
    """Makes a pipe into which a clip is written as MP4."""

    def make(clip: Clip) -> str:
        place = tmp_path / "pipe"
        os.mkfifo(place)
        write_clip(clip, tmp_path / "clip.mp4", rate=10)
        content = (tmp_path / "clip.mp4").read_bytes()
        threading.Thread(target=lambda: place.write_bytes(content), daemon=True).start()
        return str(place)

    return make


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of clips of 10 frames a second."""
    clips, labels = motion_clips(DIGIT, 16, frames=6, size=16)
    task = Video(**{**SMALL, "epochs": 1}, bidirectional=False)
    task.fit(([Clip(clip, rate=10) for clip in clips], labels), progress=False)
    task.save(place := tmp_path_factory.mktemp("live") / "model")
    return place


def test_the_running_answer_is_printed(
    model: Path, pipe: Callable[[Clip], str], capsys: pytest.CaptureFixture[str]
) -> None:
    clip = Clip(motion_clips(DIGIT, 1, frames=25, size=16)[0][0], rate=10)
    main(["predict", str(model), pipe(clip), "--every", "1s"])
    out, err = capsys.readouterr()
    header, *rows = (line.split("\t") for line in out.splitlines())
    assert header == ["time", "label", "probability"]
    assert [float(row[0]) for row in rows] == [1.0, 2.0, 2.5]
    assert "25 frames in 2.5 s, 0 of them dropped" in err


def test_events_are_printed_as_they_end(
    forward_finder: Video,
    tmp_path: Path,
    pipe: Callable[[Clip], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = forward_finder
    task.save(tmp_path / "model")
    (clip,), _ = blinking(1, seed=5)
    source = pipe(clip)
    main(["predict", str(tmp_path / "model"), source, "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = task.rows(str(tmp_path / "clip.mp4"))
    assert len(rows) >= 2
    assert [(row["label"], row["start"], row["end"]) for row in rows] == [
        (row["label"], row["start"], row["end"]) for row in expected
    ]


def test_ctrl_c_ends_with_the_last_answer(
    model: Path, pipe: Callable[[Clip], str], monkeypatch: pytest.MonkeyPatch
) -> None:

    told: list[str] = []
    task = elman.load(model)
    clip = Clip(np.zeros((40, 16, 16), np.uint8), rate=10)
    session, count = task.session(), [0]
    accept = session.accept

    def accepting(frames: object) -> object:
        count[0] += 1
        if count[0] == 15:
            signal.raise_signal(signal.SIGINT)
        return accept(frames)

    monkeypatch.setattr(session, "accept", accepting)
    monkeypatch.setattr(task, "session", lambda: session)
    rows = list(live(task, pipe(clip), 1.0, 0, told.append))
    assert [row["time"] for row in rows] == [1.0, 1.4]
    assert "ended by Ctrl-C" in told
    assert "frames in 1.4 s" in told[-1]


def test_what_cannot_be_told_live_is_refused(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, reason in (
        (["tcp://127.0.0.1:9", "--retries", "0"], "gives no frames"),
        (["0", "1"], "one camera or stream alone"),
        (["rtsp://door/1", "--n", "2"], "without --n"),
        (["rtsp://door/1", "--retries", "-1"], "retries"),
    ):
        with pytest.raises(SystemExit):
            main(["predict", str(model), *words])
        assert reason in capsys.readouterr().err
