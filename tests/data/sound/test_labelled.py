import json

import numpy as np
import pytest

from elman.data import AcousticFeatures, Audio, Utterance, Utterances, find_sounds, read_utterances
from elman.errors import DataError


def paths(sounds):
    return [u.path.name for u in sounds.utterances]


def test_folders_of_words(write_sound, tmp_path):
    for name in ("yes/a.wav", "yes/b.wav", "deep/no/a.flac"):
        write_sound(name)
    sounds = find_sounds(tmp_path)
    assert list(zip(paths(sounds), sounds.labels, strict=True)) == [
        ("a.flac", "no"),
        ("a.wav", "yes"),
        ("b.wav", "yes"),
    ]
    assert find_sounds(tmp_path, label=None).labels is None
    write_sound("stray.wav")
    with pytest.raises(DataError, match=r"stray\.wav has no label: .*yes/stray\.wav"):
        find_sounds(tmp_path)
    (tmp_path / "wav.scp").write_text("u1 stray.wav\n")
    (tmp_path / "text").write_text("u1 hm\n")
    assert find_sounds(tmp_path).labels == ["hm"]


def test_tables(write_sound, tmp_path):
    write_sound("yes/a.wav")
    table = tmp_path / "words.csv"
    table.write_text("path,label\nyes/a.wav,yes\n")
    sounds = find_sounds(table)
    assert (paths(sounds), sounds.labels) == (["a.wav"], ["yes"])
    assert len(sounds.utterances[0].samples(8000)) == 2400
    table = tmp_path / "words.jsonl"
    table.write_text(json.dumps({"file": "yes/a.wav", "word": 1}))
    assert find_sounds(table, path="file", label="word").labels == [1]
    assert find_sounds(table, path="file", label=None).labels is None
    with pytest.raises(DataError, match=r"no column 'label'.*--label"):
        find_sounds(table, path="file")
    columns = {"path": ["a.wav"], "label": ["x"]}
    assert find_sounds(columns).labels == ["x"]


def test_python(write_sound, tone):
    path = write_sound("a.wav")
    audio = Audio(tone(), 8000)
    assert find_sounds(path).labels is None
    assert find_sounds(str(path)).labels is None
    assert len(find_sounds(audio).utterances) == 1
    assert find_sounds([path, str(path), audio]).labels is None
    assert find_sounds([(path, "x"), (audio, "y")]).labels == ["x", "y"]
    assert find_sounds(([path, audio], ["x", ("y", "z")])).labels == ["x", ("y", "z")]
    said = Utterances([Utterance("u", "x", audio=audio)])
    assert find_sounds(said).labels == ["x"]
    assert find_sounds(said, label=None).labels is None


@pytest.mark.parametrize(
    "source",
    [
        ["a text", "another"],
        [("a text", "label")],
        (["a text"], ["label"]),
        [np.zeros((3, 2))],
        {"text": ["a.wav"], "label": ["x"]},
        {"path": ["a text"], "label": ["x"]},
        [],
        "nowhere.wav",
        "text_sst2:train",
    ],
)
def test_what_is_no_sound(source):
    assert find_sounds(source) is None


def test_a_table_of_texts_is_no_sound_and_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("text,label\nnice.wav,1\n")
    (tmp_path / "b.csv").write_text("text,path,label\nnice.wav,there,1\n")
    assert find_sounds(tmp_path / "b.csv") is None
    monkeypatch.setattr("elman.data.tables.read_table", lambda _: pytest.fail("was read"))
    assert find_sounds(tmp_path / "a.csv") is None


def test_examples_leave_out_what_cannot_be_read(bad_sounds, write_sound, tone):
    good = write_sound("good.wav")
    late = Audio(tone(rate=16000), 16000)
    sounds = find_sounds([(p, "bad") for p in bad_sounds.values()] + [(good, "x"), (late, "y")])
    assert sounds.rate == 8000
    features = AcousticFeatures(rate=8000)
    examples = sounds.examples(features)
    assert examples.labels == ["x", "y"]
    assert [x.shape for x in examples.inputs] == [(30, 40), (30, 40)]
    assert list(examples.left_out) == [0, 1, 2, 3, 4]
    for reason, message in zip(examples.left_out.values(), bad_sounds, strict=True):
        assert message in reason
    with pytest.raises(DataError, match=r"nan\.wav: 2 of 2400 samples"):
        find_sounds(list(bad_sounds.values())).examples(features)
    with pytest.raises(DataError, match=r"good\.wav is sound, where feature vectors are needed"):
        find_sounds([good]).examples(None)


def test_several_labels(tone):
    audio = Audio(tone(), 8000)
    sounds = find_sounds([(audio, "a|b"), (audio, "b")])
    examples = sounds.examples(AcousticFeatures(rate=8000), separator="|")
    assert examples.labels == [("a", "b"), ("b",)]


def test_ready_features():
    frames = np.ones((4, 3), np.float32)
    examples = find_sounds(read_utterances([(frames, "x")])).examples(None)
    assert examples.labels == ["x"]
    np.testing.assert_array_equal(examples.inputs[0], frames)


def test_the_rate_of_wide_recordings(tone):
    assert find_sounds([Audio(tone(rate=96000), 96000)]).rate == 16000
    assert find_sounds([Audio(np.array([np.nan], np.float32), 8000)]).rate == 16000
