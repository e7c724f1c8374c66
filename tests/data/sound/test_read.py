import json

import numpy as np
import pytest

from elman.data import (
    AcousticFeatures,
    Audio,
    Utterance,
    Utterances,
    dataset_names,
    get,
    read_utterances,
    resolve,
)
from elman.errors import DataError, SettingsError

SAID = [("a/one.wav", "one"), ("two.flac", "two two")]


@pytest.fixture
def folder(write_sound, tmp_path):
    """Two recordings with their transcripts beside them."""
    for name, text in SAID:
        write_sound(name).with_suffix(".txt").write_text(f"  {text}\n")
    return tmp_path


def said(utterances):
    return [(u.path.name, u.text) for u in utterances]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_manifests(folder, suffix):
    manifest = folder / f"list.{suffix}"
    if suffix == "jsonl":
        rows = (json.dumps({"path": path, "text": text}) for path, text in SAID)
        manifest.write_text("\n".join(rows))
    elif suffix == "parquet":
        import polars

        polars.DataFrame(SAID, schema=["path", "text"], orient="row").write_parquet(manifest)
    else:
        comma = "," if suffix == "csv" else "\t"
        rows = [("path", "text"), *SAID]
        manifest.write_text("".join(f"{comma.join(row)}\n" for row in rows))
    utterances = read_utterances(manifest)
    assert said(utterances) == [("one.wav", "one"), ("two.flac", "two two")]
    assert [u.samples(8000).shape for u in utterances] == [(2400,), (2400,)]
    assert utterances.features_size is None
    assert [u.text for u in read_utterances(str(manifest), text=None)] == [None, None]


def test_columns_of_other_names_and_parts_of_files(folder, tone):
    manifest = folder / "list.csv"
    manifest.write_text(
        "file,words,start,end,speaker\na/one.wav,on,0.0,0.1,anna\na/one.wav,ne,0.1,,\n"
    )
    first, second = read_utterances(manifest, path="file", text="words")
    assert (first.seconds, first.text, first.speaker) == (0.1, "on", "anna")
    assert (second.seconds, second.text, second.speaker) == (pytest.approx(0.2), "ne", "")
    np.testing.assert_allclose(second.samples(8000), tone()[800:], atol=1e-4)
    with pytest.raises(DataError, match=r"no column 'path': it has 'file', 'words'.*--path"):
        read_utterances(manifest)
    with pytest.raises(DataError, match=r"no column 'text'"):
        read_utterances(manifest, path="file")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",one,,", r"list\.csv:2: the path is missing"),
        ("a.wav,one,soon,", r"list\.csv:2: start is 'soon', not a number of seconds"),
        ("a.wav,one,-1,", r"list\.csv:2: start is '-1'"),
        ("a.wav,one,2,1", r"list\.csv:2: the part ends at 1\.0 s, before it begins"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    (tmp_path / "list.csv").write_text(f"path,text,start,end\n{row}\n")
    with pytest.raises(DataError, match=message):
        read_utterances(tmp_path / "list.csv")


def test_a_folder(folder):
    assert said(read_utterances(folder)) == [("one.wav", "one"), ("two.flac", "two two")]
    assert [u.name for u in read_utterances(folder)] == ["a/one.wav", "two.flac"]
    (folder / "two.txt").unlink()
    assert read_utterances(folder)[1].text is None
    with pytest.raises(DataError, match=r"two\.flac has no transcript"):
        _ = read_utterances(folder).texts
    assert read_utterances(folder / "a" / "one.wav").texts == ["one"]
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no sound"):
        read_utterances(folder / "empty")


def test_kaldis_files(folder):
    (folder / "wav.scp").write_text("r1 a/one.wav\nr2 two.flac\n")
    (folder / "text").write_text("r1 one\nr2 two  two\n")
    (folder / "utt2spk").write_text("r1 anna\nr2 ben\n")
    utterances = read_utterances(folder)
    assert said(utterances) == [("one.wav", "one"), ("two.flac", "two two")]
    assert [u.speaker for u in utterances] == ["anna", "ben"]
    (folder / "segments").write_text("u1 r1 0.1 0.2\nu2 r1 0.2 -1\n")
    (folder / "text").write_text("u1 on\nu2 e\n")
    first, second = read_utterances(folder)
    assert (first.name, first.text, first.seconds) == ("u1", "on", pytest.approx(0.1))
    assert second.seconds == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("wav.scp", "r1 sph2pipe -f wav a.sph |\n", "r1 is a command, which is never run"),
        ("wav.scp", "r1 a.wav\nr1 b.wav\n", r"wav\.scp:2: r1 occurs twice"),
        ("text", "r2 two\n", "r1 is not in "),
        ("segments", "u1 r7 0 1\n", "u1 is a part of r7, which is not in wav.scp"),
        ("segments", "u1 r1 0\n", "UTTERANCE RECORDING START END is needed"),
        ("segments", "u1 r1 1 0.5\n", r"u1 ends at 0\.5 s, before it begins"),
    ],
)
def test_kaldis_files_that_cannot_be(tmp_path, file, content, message):
    (tmp_path / "wav.scp").write_text("r1 a.wav\n")
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message):
        read_utterances(tmp_path)


def test_lists(folder, tone):
    path = folder / "a" / "one.wav"
    utterances = read_utterances([(str(path), "one"), (path, "one"), (Audio(tone(), 8000), "one")])
    samples = [u.samples(8000) for u in utterances]
    np.testing.assert_array_equal(samples[0], samples[1])
    np.testing.assert_allclose(samples[0], samples[2], atol=1e-4)
    assert utterances.texts == ["one"] * 3
    assert read_utterances(utterances) is utterances
    assert read_utterances([path, utterances[2]])[1] is utterances[2]
    assert read_utterances({"path": [str(path)], "text": ["one"]}).texts == ["one"]
    for wrong in (7, np.zeros(9, np.float32), (path, 1)):
        with pytest.raises(DataError, match="utterance 0: "):
            read_utterances([wrong])
    with pytest.raises(DataError, match="there are no utterances"):
        read_utterances([])
    with pytest.raises(DataError, match=r"of 13 features and sound"):
        read_utterances([path, np.zeros((4, 13), np.float32)])


def packed(path, lengths=(3, 2), lines="a/x/u1\tONE\na/y/u2\tTWO\n", **arrays):
    total = sum(lengths)
    given = {
        "mfcc": np.arange(total * 2, dtype=np.float32).reshape(total, 2),
        "offsets": np.cumsum([0, *lengths]),
        **arrays,
    }
    np.savez(path, **{name: value for name, value in given.items() if value is not None})
    path.with_suffix(".tsv").write_text(lines)
    return path


def test_ready_features(tmp_path):
    utterances = read_utterances(packed(tmp_path / "f.npz"))
    assert utterances.features_size == 2
    assert utterances.texts == ["ONE", "TWO"]
    assert [u.speaker for u in utterances] == ["x", "y"]
    assert [u.seconds for u in utterances] == [0.03, 0.02]
    assert utterances[1].frames(AcousticFeatures()).tolist() == [[6, 7], [8, 9]]
    with pytest.raises(DataError, match="a/y/u2 holds features, without the sound"):
        utterances[1].samples(8000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lines": "u1\tONE\n"}, "has 1 lines where .* has 2 utterances"),
        ({"lines": "u1\tONE\nu2 TWO\n"}, r"f\.tsv:2: NAME<TAB>TRANSCRIPT is needed"),
        ({"lengths": (3, 0)}, r"f\.tsv:2: a/y/u2 has no frames"),
        ({"offsets": None}, "must hold offsets and one other array"),
        ({"more": np.zeros(3)}, "must hold offsets and one other array"),
        ({"offsets": np.array([0, 3, 9])}, "offsets must rise from 0 to 5"),
        ({"offsets": np.array([0.0, 3, 5])}, "offsets must be integers"),
        ({"mfcc": np.zeros(5, np.float32)}, r"shape \(5,\), where floats"),
        ({"mfcc": np.full((5, 2), np.nan)}, r"f\.tsv:1: a/x/u1 has features that are NaN"),
        ({"mfcc": np.array([[{}] * 2] * 5)}, r"f\.npz cannot be read as \.npz"),
    ],
)
def test_features_that_do_not_fit(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read_utterances(packed(tmp_path / "f.npz", **change))


def test_nothing_of_the_kind(tmp_path):
    (tmp_path / "f.npz").write_text("no archive")
    (tmp_path / "f.tsv").write_text("u\tx\n")
    with pytest.raises(DataError, match=r"f\.npz cannot be read as \.npz"):
        read_utterances(tmp_path / "f.npz")
    (tmp_path / "a.docx").write_text("")
    with pytest.raises(DataError, match=r"'\.docx' is not one of \.csv"):
        read_utterances(tmp_path / "a.docx")
    with pytest.raises(DataError, match=r"no such file: sp_fsd \(the dataset sp_fsdd\?\)"):
        read_utterances("sp_fsd")
    with pytest.raises(DataError, match="text_sst2:train holds no utterances"):
        read_utterances("text_sst2:train")
    with pytest.raises(SettingsError, match="one of path, audio and features"):
        Utterance("u")


def test_bad_sound_shows_when_it_is_read_and_hurts_no_other(bad_sounds, write_sound):
    paths = [write_sound("good.wav"), *bad_sounds.values()]
    utterances = read_utterances([(path, "x") for path in paths])
    assert len(utterances[0].samples(8000)) == 2400
    for utterance, message in zip(utterances[1:], bad_sounds, strict=True):
        with pytest.raises(DataError, match=message):
            utterance.samples(8000)
    broken = Utterance("u", audio=Audio(np.array([0, np.nan], np.float32), 8000))
    with pytest.raises(DataError, match="u: 1 of 2 samples are NaN"):
        broken.samples(8000)
    whole = Utterance("u", audio=Audio(np.zeros(9, np.int16), 8000))
    assert whole.samples(8000).tolist() == [0] * 9
    short = Utterance("u", audio=Audio(np.zeros(9, np.float32), 8000))
    with pytest.raises(DataError, match="u is too short"):
        short.frames(AcousticFeatures(rate=8000))


def test_split_and_hash(tone):
    utterances = Utterances(
        Utterance(str(i), f"t{i}", audio=Audio(tone() * i / 10, 8000)) for i in range(10)
    )
    first, second = utterances.split(0.3, seed=1)
    assert (len(first), len(second)) == (7, 3)
    assert sorted([*first.texts, *second.texts]) == utterances.texts
    assert utterances.split(0.3, seed=1)[1].texts == second.texts
    assert utterances[2:4].texts == ["t2", "t3"]
    assert utterances.sha256 == utterances.select(range(10)).sha256
    assert utterances.sha256 != utterances.select([1, 0, *range(2, 10)]).sha256
    with pytest.raises(DataError, match="1 utterances are too few"):
        utterances[:1].split(0.5)
    with pytest.raises(SettingsError, match="fraction=1"):
        utterances.split(1)


COUNTS = {
    "sp_fsdd:train": (2700, 6),
    "sp_fsdd:test": (300, 6),
    "sp_fsdd/strings:train": (1500, 6),
    "sp_fsdd/strings:test": (300, 6),
    "sp_an4_mfcc:train": (948, 74),
    "sp_an4_mfcc:test": (130, 10),
}


def test_the_counts_cover_every_reference():
    references = {
        reference
        for name in dataset_names()
        for reference in get(name).references
        if resolve(reference)[1].utterances is not None
    }
    assert references == COUNTS.keys()


@pytest.mark.data
@pytest.mark.parametrize("reference", COUNTS)
def test_datasets(dataset_root, reference):
    utterances = read_utterances(reference)
    assert (len(utterances), len({u.speaker for u in utterances})) == COUNTS[reference]
    assert all(utterances.texts)
    assert utterances.features_size == (13 if "an4" in reference else None)


@pytest.mark.data
def test_nothing_of_the_spoken_digits_test_is_in_training(dataset_root):
    for subset in ("", "/strings"):
        train, test = (resolve(f"sp_fsdd{subset}:{split}")[1].files for split in ("train", "test"))
        assert (len(train), len(test)) == (2700, 300)
        assert not set(train) & set(test)
        assert {file[:-4].rpartition("_")[2] for file in test} == set("01234")
    train, test = (read_utterances(f"sp_an4_mfcc:{split}") for split in ("train", "test"))
    assert not {u.speaker for u in train} & {u.speaker for u in test}
    assert test[0].text == "RUBOUT G M E F THREE NINE"
    assert sum(len(u.features) for u in train) == 253682
