import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from session_states import sent

import elman
from elman.cli.app import main
from elman.data import Event, motion_events, write_clip
from elman.errors import DataError, SettingsError
from elman.tasks import Video

from .conftest import BRIGHT, DIGIT, blinking, trained_on_events
from .conftest import EVENTS as SMALL


@pytest.fixture
def task(finder: Video) -> Video:
    """A model of both ways."""
    return finder


@pytest.fixture
def forwards(forward_finder: Video) -> Video:
    """A model that reads forwards only."""
    return forward_finder


@pytest.mark.parametrize("which", ["task", "forwards"])
def test_events_are_found_with_start_and_end(which: str, request: pytest.FixtureRequest) -> None:
    task: Video = request.getfixturevalue(which)
    assert task.labels == ["high", "low"]
    data = blinking(6, seed=9)
    metrics = task.evaluate(data)
    assert metrics["event_f1"] >= 0.9
    assert metrics["frame_accuracy"] >= 0.85
    (found,), (actual,) = task.predict(data[0][:1]), data[1][:1]
    assert [each.label for each in found] == [each.label for each in actual]
    for each, true in zip(found, actual, strict=True):
        assert abs(each.start - true.start) <= 0.5
        assert abs(each.end - true.end) <= 0.5
        assert 0 < each.confidence <= 1
    assert {row["name"] for row in task.record["baselines"]} == {
        *("most frequent (no event)", "bag of frames, linear", "motion energy, linear"),
    }


@pytest.mark.parametrize("which", ["task", "forwards"])
@pytest.mark.parametrize("chunk", [1, 13, 300])
def test_a_stream_is_as_the_whole(which: str, chunk: int, request: pytest.FixtureRequest) -> None:
    task: Video = request.getfixturevalue(which)
    (clip,), _ = blinking(1, seed=5, frames=150)
    frames, session, told = clip.frames(grey=True), task.session(), []
    for i in range(0, len(frames), chunk):
        session = task.session(state=sent(session.state))
        update = session.accept(frames[i : i + chunk])
        told += update.new
        assert sorted(update.value, key=str) == sorted(told, key=str)
    found, (whole,) = session.finish(), task.predict([clip])
    assert len(whole) >= 4
    assert len(found.value) == len(whole)
    for one, other in zip(found.value, whole, strict=True):
        assert (one.label, one.start, one.end) == (other.label, other.start, other.end)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-3)
    if chunk == 1:
        assert len(told) >= len(whole) - (4 if which == "task" else 1)


def test_a_long_stream_takes_no_more_memory(task: Video, forwards: Video) -> None:
    """What is remembered of 300 frames is no more than of 100, but for the events found."""
    (clip,), _ = blinking(1, seed=5, frames=100)
    for model in (task, forwards):
        session, sizes = model.session(), []
        for _ in range(3):
            session.accept(clip.frames(grey=True))
            tensors = [each for each in session.state.values() if hasattr(each, "numel")]
            sizes.append(sum(each.numel() for each in tensors))
        assert max(sizes[1:]) <= max(sizes[0], model.settings.window * 64 + sizes[0])


def test_running_events_are_told(forwards: Video) -> None:
    frames = np.zeros((30, 12, 12), np.uint8)
    frames[10:, :6] = BRIGHT
    session = forwards.session()
    running = [session.accept(frame).running for frame in frames]
    assert running[5] == ()
    assert running[-1] == ("high",)
    assert [each.label for each in session.finish().value] == ["high"]
    with pytest.raises(SettingsError, match="finished"):
        session.accept(frames)
    assert forwards.session().finish().error == "no frame has arrived"


def test_a_saved_model_finds_the_same(task: Video, tmp_path: Path) -> None:
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    clips, _ = blinking(2, seed=3)
    assert loaded.rows(clips) == task.rows(clips)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert len(config["shortest"]) == len(config["pause"]) == 2
    assert config["exclusive"] is True


def test_several_networks_find_events_as_one() -> None:
    task = trained_on_events(epochs=2, seeds=2)
    (clip,), _ = blinking(1)
    session = task.session()
    session.accept(clip.frames(grey=True))
    assert session.finish().value == task.predict([clip])[0]


def test_a_table_of_events_and_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From files to rows with start and end."""
    monkeypatch.chdir(tmp_path)
    clips, events = blinking(8)
    lines = ["path,label,start,end"]
    for i, (clip, own) in enumerate(zip(clips, events, strict=True)):
        write_clip(clip, tmp_path / f"{i}.mp4", rate=10)
        lines += [f"{i}.mp4,{each.label},{each.start},{each.end}" for each in own]
    Path("spans.csv").write_text("\n".join(lines))
    words = ["--kind", "events", "--epochs", "12", "--hidden-size", "12", "--channels", "4"]
    words += ["--features", "16", "--lr", "0.02", "--batch-size", "4", "--cache", "frames"]
    main(["train", "video", "--data", "spans.csv", *words, "--out", "run"])
    capsys.readouterr()
    main(["predict", "run", "0.mp4", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(rows[0]) == ["label", "start", "end", "confidence", "name"]
    assert [row["label"] for row in rows] == [each.label for each in events[0]]
    main(["predict", "run", "0.mp4", "no.mp4"])
    header, *found = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["label", "start", "end", "confidence", "name", "error"]
    assert "no such file" in found[-1]
    main(["evaluate", "run", "--data", "spans.csv", "--json"])
    assert json.loads(capsys.readouterr().out)["event_f1"] >= 0.8
    with pytest.raises(SystemExit):
        main(["predict", "run", "0.mp4", "--every", "1s"])
    assert "--every is for" in capsys.readouterr().err
    page = Path("run/report.html").read_text()
    for word in ("Events in time", "Label by label", "threshold", "could not be made"):
        assert (word in page) == (word != "could not be made")
    card = Path("run/README.md").read_text()
    assert "event f1" in card or "event_f1" in card


def test_one_long_video_is_parted_in_time() -> None:
    clips, events = blinking(1, frames=400)
    task = Video(**{**SMALL, "epochs": 1}, held_out=0.25)
    train, held_out = task.split(task.read((clips, events), labelled=True))
    (first,), (last,) = train.clips.clips, held_out.clips.clips
    assert (len(first.frames()), len(last.frames())) == (300, 100)
    assert max(each.end for each in train.events[0]) <= 30
    assert [each.label for each in (*train.events[0], *held_out.events[0])][:3] == [
        each.label for each in events[0][:3]
    ]
    last_one, whole = held_out.events[0][-1], events[0][-1]
    assert last_one.start == pytest.approx(whole.start - 30)


def test_labels_of_what_is_held_out_are_trained_on() -> None:
    clips, events = blinking(6)
    events = [
        [each._replace(label="rare") for each in own] if i == 2 else own
        for i, own in enumerate(events)
    ]
    events[4] = []
    for seed in range(5):
        task = Video(**SMALL, seed=seed, held_out=0.4)
        train, held_out = task.split(task.read((clips, events), labelled=True))
        assert (len(train), len(held_out)) == (4, 2)
        assert "rare" in train.clips.classes
        assert set(held_out.clips.classes) <= set(train.clips.classes)
        assert any(held_out.events)


def test_wrong_data_is_refused(task: Video) -> None:
    clips, events = blinking(6)
    with pytest.raises(DataError, match="nothing says what happens in the videos"):
        Video(**SMALL).fit(clips, progress=False)
    with pytest.raises(DataError, match="6 clips but events of 5"):
        Video(**SMALL).fit((clips, events[:5]), progress=False)
    with pytest.raises(DataError, match="an event cannot last from 2 s to 1 s"):
        Video(**SMALL).fit((clips, [[("high", 2, 1)]] * 6), progress=False)
    with pytest.raises(DataError, match="not a label, a start and an end"):
        Video(**SMALL).fit((clips, [["high"]] * 6), progress=False)
    with pytest.raises(DataError, match="no event in the videos"):
        Video(**SMALL).fit((clips, [[]] * 6), progress=False)
    with pytest.raises(DataError, match="'jump' was not in the training data"):
        task.evaluate((clips[:1], [[Event("jump", 0, 1)]]))
    bare = [clip.frames(grey=True) for clip in clips]
    with pytest.raises(DataError, match="give a rate"):
        Video(**SMALL).fit((bare, events), progress=False)
    with pytest.raises(SettingsError, match="has no probabilities"):
        task.predict_proba(clips)
    with pytest.raises(SettingsError, match="finds events"):
        task.predictions(clips, n=2)


def test_digits_that_move_now_and_then() -> None:
    clips, events = motion_events(DIGIT, 3, frames=80, size=16, seed=2)
    assert clips.shape == (3, 80, 16, 16)
    for clip, own in zip(clips, events, strict=True):
        for event in own:
            assert 0.8 <= round(event.end - event.start, 3) <= 2.0
            a, b = round(event.start * 10), round(event.end * 10)
            change = np.abs(np.diff(clip[a:b].astype(int), axis=0)).sum((1, 2))
            assert (change > 0).mean() > 0.4
        assert all(a.end < b.start for a, b in pairwise(own))
