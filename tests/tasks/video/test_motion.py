"""A linear model of how much moves where, beside a network that tells clips apart."""

import json

import numpy as np
import pytest

import elman
from elman.baselines.summary_linear import summary
from elman.errors import SettingsError
from elman.tasks import Video
from elman.tasks.summary_model import SUMMARY
from elman.tasks.video.motion import RunningMotion, motion_energy

SMALL = {"hidden_size": 4, "features": 8, "channels": 4, "baselines": False, "epochs": 1}
RNG = np.random.default_rng(0)
LABELS = ["calm", "wild"] * 20
CLIPS = [
    RNG.integers(0, 60 if label == "calm" else 90, (int(RNG.integers(5, 9)), 9, 10)).astype(
        np.uint8
    )
    for label in LABELS
]


@pytest.fixture(scope="module")
def task():
    return Video(**SMALL).fit((CLIPS, LABELS), progress=False)


def test_motion_tells_what_a_network_of_one_epoch_does_not(task):
    assert task.settings.summary_model
    assert float(task.model.head.linear_weight) > 0
    assert task.evaluate((CLIPS, LABELS))["accuracy"] == 1


def test_motion_of_frames_one_by_one_is_that_of_the_clip():
    frames = RNG.integers(0, 256, (9, 8, 10, 1)).astype(np.uint8)
    running = RunningMotion()
    assert np.array_equal(running.energy, np.zeros((1, 9)))
    for i, part in enumerate((frames[:1], frames[1:4], frames[4:5], frames[5:])):
        running.take(part)
        so_far = frames[: (1, 4, 5, 9)[i]]
        np.testing.assert_allclose(running.energy, motion_energy(so_far), rtol=1e-12)


def test_a_corner_that_moves():
    frames = np.zeros((3, 9, 9, 1), np.uint8)
    frames[1, 6:, :3] = 51
    expected = np.zeros((2, 9))
    expected[:, 6] = 0.2
    np.testing.assert_allclose(motion_energy(frames), expected)


def test_saved_and_in_a_session(task, tmp_path):
    task.save(tmp_path / "m")
    assert (tmp_path / "m" / SUMMARY).exists()
    again = elman.load(tmp_path / "m")
    expected = task.predictions(CLIPS[:4])
    assert again.predictions(CLIPS[:4]) == expected
    for clip, answer in zip(CLIPS, expected, strict=False):
        session = again.session()
        session.accept(clip[:2])
        session = again.session(state=session.state)
        for frame in clip[2:]:
            session.accept(frame)
        finished = session.finish()
        assert finished.value == answer.value
        sure = answer.details["probability"]
        assert finished.details["probability"] == pytest.approx(sure, abs=2e-4)


def test_several_labels():
    labels = [("calm",) if label == "calm" else ("wild", "far") for label in LABELS]
    task = Video(**SMALL).fit((CLIPS, labels), progress=False)
    assert task.preprocessing.several
    assert float(task.model.head.linear_weight) > 0
    assert task.evaluate((CLIPS, labels))["accuracy"] == 1


def test_networks_that_answer_as_frames_come_have_none():
    task = Video(**SMALL, bidirectional=False).fit((CLIPS, LABELS), progress=False)
    assert task.preprocessing.motion is None
    with pytest.raises(SettingsError, match="summary_model: it tells clips apart"):
        Video(**SMALL, kind="predict", summary_model=True, inputs=2, horizon=2).fit(
            CLIPS, progress=False
        )


def test_exported_with_the_statistics_as_an_input(task, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    elman.export(task, tmp_path / "x", to="onnx", data=(CLIPS, LABELS))
    session = ort.InferenceSession(str(tmp_path / "x" / "sequence.onnx"))
    told = json.loads((tmp_path / "x" / "preprocess.json").read_text())["statistics"]
    frames = task.preprocessing.frames(task.read(CLIPS[:1], labelled=False))[0]
    values = (summary(motion_energy(frames)) - np.array(told["mean"])) * np.array(told["scale"])
    inputs = {
        "frames": frames[:, None].astype(np.float32),
        "lengths": np.array([len(frames)]),
        "statistics": values.clip(-10, 10).astype(np.float32)[None],
    }
    (probabilities,) = session.run(["probabilities"], inputs)
    expected = task.predictions(CLIPS[:1])[0].details["probability"]
    assert probabilities.max() == pytest.approx(expected, abs=1e-4)
