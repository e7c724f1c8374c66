import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.data import AcousticFeatures, Audio, read_audio, read_utterances
from elman.errors import DataError, ModelError
from elman.tasks import Classify

SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "epochs": 12,
    "lr": 0.03,
    "batch_size": 8,
    "warmup": 0,
    "ema": 0,
    "output_dropout": 0,
    "label_smoothing": 0,
    "bins": 12,
}


def chirps(count: int = 24) -> list[tuple[Audio, str]]:
    """Tones that rise or fall, of unequal lengths, pitches and loudness."""
    random = np.random.default_rng(0)
    sounds = []
    for i in range(count):
        label = ("falls", "rises")[i % 2]
        time = np.arange(random.integers(2000, 4000)) / 8000
        slope = (-900, 900)[i % 2] * random.uniform(0.7, 1.3)
        hertz = 1500 + slope * (time - time[-1] / 2)
        wave = np.sin(2 * np.pi * np.cumsum(hertz) / 8000) * random.uniform(0.1, 0.9)
        sounds.append((Audio(wave.astype(np.float32), 8000), label))
    return sounds


@pytest.fixture(scope="module")
def task() -> Classify:
    return Classify(**SMALL).fit(chirps(), chirps(), progress=False)


@pytest.fixture
def files(write_sound: Any) -> list[Path]:
    sounds = chirps(6)
    return [
        write_sound(f"{label}/{i}.wav", audio.samples, 8000)
        for i, (audio, label) in enumerate(sounds)
    ]


def test_learns_sound_and_remembers_how_it_is_heard(task: Classify, tmp_path: Path) -> None:
    assert task.evaluate(chirps())["accuracy"] == 1.0
    assert task.sound == AcousticFeatures(bins=12, rate=8000)
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    assert isinstance(loaded, Classify)
    assert loaded.sound == task.sound
    sounds = [audio for audio, _ in chirps()]
    np.testing.assert_array_equal(loaded.predict_proba(sounds), task.predict_proba(sounds))
    assert task.record["latency_ms"] > 0


def test_a_file_a_list_a_folder(task: Classify, files: list[Path], tmp_path: Path) -> None:
    expected = ["falls", "rises"] * 3
    assert task.predict(files) == expected
    assert task.predict([str(file) for file in files]) == expected
    assert task.predict(str(files[1])) == ["rises"]
    assert sorted(task.predict(tmp_path)) == sorted(expected)
    assert task.evaluate(tmp_path)["accuracy"] == 1.0
    rows = task.rows(files[:2])
    assert [row["input"] for row in rows] == [str(file) for file in files[:2]]
    assert [sorted(row) for row in rows] == [["input", "label", "probability"]] * 2


def test_other_rates_and_channels_are_heard_alike(task: Classify, write_sound: Any) -> None:
    for audio, label in chirps(4):
        wide = audio.resampled(96000).samples
        path = write_sound("wide.wav", np.stack([wide, wide], 1), 96000, "PCM_24")
        assert task.predict([path]) == [label]


def test_loud_and_quiet_are_heard_alike(task: Classify) -> None:
    random = np.random.default_rng(0)
    for audio, _ in chirps(4):
        hiss = audio.samples + random.normal(0, 0.01, len(audio.samples)).astype(np.float32)
        loud, quiet = (Audio(size * hiss, 8000) for size in (1, 0.1))
        found = task.predict_proba([loud, quiet])
        np.testing.assert_allclose(found[0], found[1], atol=0.02)


def test_a_prediction_of_a_broken_file_is_none(
    task: Classify, files: list[Path], bad_sounds: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "notes.docx").write_text("no sound by its name, either")
    bad = [*bad_sounds.values(), tmp_path / "notes.docx"]
    inputs = [str(path) for path in (bad[0], files[0], *bad[1:], files[1])]
    assert task.predict(inputs) == [None, "falls", *[None] * 5, "rises"]
    probabilities = task.predict_proba(inputs)
    assert np.isnan(probabilities).all(1).tolist() == [True, False, *[True] * 5, False]
    np.testing.assert_allclose(probabilities[1], task.predict_proba(files[:1])[0], rtol=1e-5)
    rows = task.rows(inputs)
    assert [row["label"] for row in rows] == task.predict(inputs)
    assert [bool(row["error"]) for row in rows] == [label is None for label in task.predict(inputs)]
    assert "2 of 2400 samples are NaN" in rows[0]["error"]
    assert "NaN" not in json.dumps(rows).replace("are NaN", "")
    with pytest.raises(DataError, match=r"nan\.wav: 2 of 2400"):
        task.predict([inputs[0]])


def test_training_leaves_broken_files_out(
    task: Classify, files: list[Path], bad_sounds: dict[str, Path]
) -> None:
    data = [(path, path.parent.name) for path in files]
    data[2:2] = [(path, "rises") for path in bad_sounds.values()]
    with pytest.warns(UserWarning, match=r"5 of 11 recordings are left out: .* and 2 more"):
        trained = Classify(**{**SMALL, "epochs": 1}).fit(data, chirps(), progress=False)
    assert trained.record["data"]["training_examples"] == 6
    assert trained.record["data"]["left_out"] == 5
    with pytest.warns(UserWarning, match="5 of 11 recordings are left out"):
        assert task.evaluate(data)["accuracy"] == 1.0


def test_too_short_for_a_frame_is_an_error(task: Classify) -> None:
    short = Audio(np.zeros(20, np.float32), 8000)
    with pytest.raises(DataError, match="is too short: not one frame"):
        task.predict([short])
    with pytest.raises(DataError, match="no label"):
        task.evaluate([chirps()[0][0]])


def test_settings_of_sound(files: list[Path], tmp_path: Path) -> None:
    settings = {**SMALL, "epochs": 1, "acoustic": "mfcc", "sample_rate": 16000, "bins": 20}
    task = Classify(**settings).fit(tmp_path, chirps(), progress=False)
    assert task.sound == AcousticFeatures(kind="mfcc", bins=20, rate=16000)
    assert task.features == 13


def test_the_kind_of_data_must_be_the_models(task: Classify, files: list[Path]) -> None:
    frames = AcousticFeatures(bins=12, rate=8000).offline(chirps()[0][0].samples)
    assert (
        task.evaluate(([frames], ["falls"]))["accuracy"] == 1.0
    )  # ready features of the same kind will do
    with pytest.raises(DataError, match="the model reads sound, the data holds texts"):
        task.evaluate((["a text"], ["rises"]))
    waves = [(np.random.default_rng(i).normal(size=(9, 2)), "ab"[i % 2]) for i in range(12)]
    features = Classify(**{**SMALL, "epochs": 1}).fit(waves, waves, progress=False)
    assert features.sound is None
    with pytest.raises(DataError, match=r"0\.wav is sound, where feature vectors are needed"):
        features.predict(files[:1])
    texts = Classify(**{**SMALL, "epochs": 1}, embedding_size=4)
    texts.fit([("a.b", "x"), ("c.d", "y")] * 6, [("a.b", "x")], progress=False)
    assert len(texts.predict(["good.wav"])) == 1


def test_a_table_without_a_header_is_no_sound(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("path,path\n" + "a b,x\nc d,path\n" * 9)  # no names of columns
    task = Classify(**{**SMALL, "epochs": 1}, embedding_size=4, text="0", label="1")
    assert task.fit(file, progress=False).labels == ["path", "x"]


def test_a_model_whose_sound_does_not_fit(task: Classify, tmp_path: Path) -> None:
    from elman.folders import checksum

    task.save(tmp_path)
    path = tmp_path / "config.json"
    for sound, message in (
        ({"bins": 13}, "sound gives 13 features"),
        ({"bins": 12, "command": "rm"}, "there is no setting sound.command"),
        ("loud", "sound: Input should be a valid dictionary"),
    ):
        config = json.loads(path.read_text())
        config["sound"] = sound
        del config["checksum"]
        config["checksum"] = checksum(config)
        path.write_text(json.dumps(config))
        with pytest.raises(ModelError, match=message):
            elman.load(tmp_path)


def test_a_model_of_before_sound_loads(tmp_path: Path) -> None:
    from elman.folders import checksum

    task = Classify(**{**SMALL, "epochs": 1}, embedding_size=4)
    task.fit([("a b", "x"), ("c d", "y")] * 6, [("a b", "x")], progress=False).save(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    for name in ("acoustic", "bins", "sample_rate", "path"):
        del config["settings"][name]
    del config["sound"], config["checksum"]
    config["checksum"] = checksum(config)
    path.write_text(json.dumps(config))
    assert elman.load(tmp_path).predict(["a b"]) == task.predict(["a b"])


@pytest.mark.data
@pytest.mark.slow
def test_spoken_digits_of_three_speakers(dataset_root: Path, write_sound: Any) -> None:
    """A small share of the data is soon learnt; benchmarks/spoken_digits.py has the whole."""
    speakers = ("jackson", "nicolas", "theo")
    train, test = (
        [(u.path, u.text) for u in read_utterances(f"sp_fsdd:{split}") if u.speaker in speakers]
        for split in ("train", "test")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task = Classify(
            cell="gru", hidden_size=48, epochs=6, lr=4e-3, batch_size=32, baselines=False
        )
        task.fit(train, progress=False)
    assert task.evaluate(test)["accuracy"] > 0.95
    narrow = [
        (write_sound(f"{i}.wav", read_audio(path).samples, 8000, "PCM_U8"), label)
        for i, (path, label) in enumerate(test)
    ]
    assert task.evaluate(narrow)["accuracy"] > 0.7  # with the noise of 8 bits
