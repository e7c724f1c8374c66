import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from videos import ramp, write_video

import elman
from elman.cli.app import main
from elman.data import Clip, motion_clips, write_clip
from elman.errors import DataError, ElmanError, SettingsError
from elman.tasks import Video

from .conftest import DIGIT, SMALL, motions, ragged


def test_motions_are_told(task: Video) -> None:
    assert task.labels == sorted(set(motions(8)[1]))
    clips, labels = ragged(80, seed=100)
    assert task.evaluate((clips, labels))["accuracy"] >= 0.9
    rows = task.rows(clips[:2])
    assert [row["label"] for row in rows] == labels[:2]
    assert rows[1]["name"] == "clip 1"
    assert 1 / 8 < rows[0]["probability"] <= 1


def test_the_order_of_frames_tells(task: Video) -> None:
    """No figure of single frames parts a motion from its reverse; the baselines show it."""
    clips, labels = motions(64, seed=50)
    reverse = dict(zip(labels[:8], [labels[i ^ 1] for i in range(8)], strict=True))
    found = task.predict([clip[::-1] for clip in clips])
    right = [a == reverse[b] for a, b in zip(found, labels, strict=True)]
    assert np.mean(right) >= 0.9
    by_name = {row["name"]: row["baseline"] for row in task.record["baselines"]}
    assert set(by_name) == {
        "most frequent class",
        "bag of frames, linear",
        "motion energy, linear",
    }
    assert by_name["most frequent class"] <= 0.2


def test_a_clip_alone_is_told_as_among_others(task: Video, forwards: Video) -> None:
    clips, _ = ragged(24, seed=7)
    for model in (task, forwards):
        together = model.predict_proba(clips)
        alone = np.concatenate([model.predict_proba([clip]) for clip in clips])
        np.testing.assert_allclose(alone, together, atol=1e-5)
        np.testing.assert_allclose(together.sum(1), 1, rtol=1e-5)


def test_the_likeliest_labels_are_in_order(task: Video) -> None:
    (found,) = task.predictions(motions(1)[0], n=3)
    others = [probability for _, probability in found.details["others"]]
    assert len(others) == 2
    assert found.details["probability"] >= others[0] >= others[1]
    with pytest.raises(SettingsError, match="n"):
        task.predictions(motions(1)[0], n=0)
    with pytest.raises(SettingsError, match="beam is not an option"):
        task.predictions(motions(1)[0], beam=2)


def test_a_saved_model_tells_the_same(task: Video, tmp_path: Path) -> None:
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    clips, _ = ragged(8, seed=3)
    assert loaded.rows(clips) == task.rows(clips)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["height"], config["grey"], config["rate"]) == (16, True, None)


def test_several_networks_answer_as_one() -> None:
    clips, labels = motions(32)
    task = Video(**{**SMALL, "epochs": 2}, seeds=2).fit((clips, labels), progress=False)
    session = task.session()
    session.accept(clips[0])
    assert session.finish().details == task.predictions(clips[:1])[0].details


# plan


def test_the_plan_suits_the_clips() -> None:
    frames = np.zeros((32, 6, 40, 80, 3), np.uint8)
    frames[:, :, :20] = (200, 30, 30)
    clips = [Clip(each, rate=10) for each in frames]
    data = clips, ["a", "b"] * 16
    task = Video(epochs=1, features=8, channels=4).fit(data, progress=False)
    assert task.settings.kind == "classify"
    assert (task.settings.size, task.settings.rate, task.settings.colour) == (40, 10, "colour")
    assert "29 clips of 2 classes, usually 6 frames of 40 x 80" in task.planned[0]
    given = Video(**{**SMALL, "epochs": 1}, size=12, colour="grey", rate=5)
    given.fit(data, progress=False)
    assert given.preprocessing.format.channels == 1
    assert given.preprocessing.frames(given.read(clips[:1], labelled=False))[0].shape == (
        *(3, 12, 12),
        1,
    )


def test_a_long_clip_is_thinned_out_by_the_plan() -> None:
    data = [Clip(np.zeros((640, 8, 8), np.uint8), rate=100)] * 8, ["a", "b"] * 4
    task = Video(**{**SMALL, "epochs": 1, "batch_size": 2}).fit(data, progress=False)
    assert task.settings.rate == 10
    assert "64 frames" not in task.planned[0]


# files


def test_real_files_of_a_folder(tmp_path: Path) -> None:
    clips, labels = motion_clips(DIGIT, 32, frames=6, size=24)
    for i, (clip, label) in enumerate(zip(clips, labels, strict=True)):
        (tmp_path / "clips" / label).mkdir(parents=True, exist_ok=True)
        write_clip(clip, tmp_path / "clips" / label / f"{i}.mp4", rate=10)
    cache = tmp_path / "cache"
    task = Video(**{**SMALL, "epochs": 3}, cache=str(cache))
    task.fit(tmp_path / "clips", progress=False)
    assert len(list(cache.glob("*.npy"))) == 32
    assert (task.settings.rate, task.settings.size, task.settings.colour) == (10, 24, "grey")
    assert len(task.predict(tmp_path / "clips")) == 32
    assert len(list(cache.glob("*.npy"))) == 32  # decoded once


def test_a_damaged_file_is_answered_with_its_reason(task: Video, tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4", ramp(6))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(good.read_bytes()[:300])
    with pytest.warns(UserWarning, match="left out"):
        found = task.predictions([str(bad), str(good), str(tmp_path / "no.mp4")])
    assert [each.value is None for each in found] == [True, False, True]
    assert "bad.mp4" in str(found[0].error)
    assert "no.mp4" in str(found[2].error)
    assert found[1].input


def test_bad_data_is_refused(task: Video) -> None:
    clips, labels = motions(16)
    with pytest.raises(DataError, match="clip 0: 2 labels, where the model predicts one"):
        task.evaluate((clips, [("left", "up")] * 16))
    with pytest.raises(ElmanError, match="label"):
        Video(**SMALL, kind="classify").fit(list(clips), progress=False)
    with pytest.raises(DataError, match="'jump' was not in the training data"):
        task.evaluate((clips, ["jump", *labels[1:]]))
    with pytest.raises(SettingsError, match="kind"):
        Video(kind="paint")


def test_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    """Variations of a clip depend on seed, epoch and clip alone."""
    data = motions(24)
    whole = Video(**{**SMALL, "epochs": 3}).fit(data, progress=False)
    batches: Any = whole.batches(
        whole.preprocessing, whole.read(data, labelled=True), training=True
    )
    first, again = list(batches.epoch(2)), list(batches.epoch(2, 1))
    assert (first[1].inputs[0] == again[0].inputs[0]).all()
    assert len(first) == len(batches)
    changed = next(iter(batches.epoch(1))).inputs[0]
    assert changed.shape != first[0].inputs[0].shape or (changed != first[0].inputs[0]).any()


def test_the_command_line(task: Video, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task.save(tmp_path / "model")
    write_clip(motions(1)[0][0], tmp_path / "left.npz")
    model, left = str(tmp_path / "model"), str(tmp_path / "left.npz")
    main(["predict", model, left, "--n", "2"])
    out = capsys.readouterr().out
    assert out.splitlines()[0].split("\t")[0] == "label"
    assert out.splitlines()[1].startswith("left\t")
    main(["predict", model, left, str(tmp_path / "no.mp4")])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["label", "probability", "name", "error"]
    assert first.startswith("left\t")
    assert "no such file" in second


def test_answers_while_a_clip_runs(
    task: Video, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task.save(tmp_path / "model")
    clip = motions(1, frames=7)[0][0]
    write_clip(clip, tmp_path / "left.mp4", rate=5)
    words = ["predict", str(tmp_path / "model"), str(tmp_path / "left.mp4"), "--every"]
    main([*words, "0.4s"])
    header, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert header == ["time", "label", "probability", "name"]
    assert [float(row[0]) for row in rows] == [0.4, 0.8, 1.2, 1.4]
    whole = task.predictions(str(tmp_path / "left.mp4"))[0]
    assert rows[-1][1] == whole.value
    assert float(rows[-1][2]) == pytest.approx(whole.details["probability"], abs=1e-3)
    main([*words, "10"])
    assert len(capsys.readouterr().out.splitlines()) == 2
    for wrong, reason in (("0", "above 0"), ("a", "not a duration"), ("1s --n 2", "not with --n")):
        with pytest.raises(SystemExit):
            main([*words, *wrong.split()])
        assert reason in capsys.readouterr().err
    np.save(tmp_path / "left.npy", clip)
    main([*words[:2], str(tmp_path / "left.npy"), "--every", "1"])
    assert "has no times of its frames" in capsys.readouterr().err


def test_the_report_shows_confusions(tmp_path: Path) -> None:
    task = Video(**{**SMALL, "epochs": 2}).fit(motions(64), folder=tmp_path / "run", progress=False)
    assert task.report_page is not None
    page = task.report_page.read_text()
    for word in ("Confusions", "counter-clockwise", "could not be made"):
        assert (word in page) == (word != "could not be made")
