import json

import numpy as np
import pandas
import pytest

from elman.data import Ink, Inks, holds_ink, read_inks, write_ink
from elman.errors import DataError, SettingsError

LINE = Ink.of_strokes([[(0, 0), (0, 9)]])
DOT = Ink.of_strokes([[(5, 5)]])


@pytest.fixture
def folder(tmp_path):
    """Ink in folders by class, one with a text of its own, one with a text beside it."""
    for name, text in (("a/1.inkml", None), ("b/2.inkml", None), ("b/3.inkml", "own")):
        write_ink(LINE, tmp_path / name, text)
    write_ink(LINE, tmp_path / "b/4.inkml")
    (tmp_path / "b/4.txt").write_text("beside\n")
    (tmp_path / "notes.txt").write_text("no ink, but a text\n")
    return tmp_path


def test_pythons_own_collections():
    assert read_inks([(LINE, "l"), (DOT, ".")]).texts == ["l", "."]
    assert read_inks(([LINE, DOT], np.array(["l", "."]))).texts == ["l", "."]
    assert read_inks(([LINE, DOT], pandas.Series([1, 0]))).texts == ["1", "0"]
    assert read_inks((LINE, "l")).texts == ["l"]
    assert read_inks([LINE, DOT], labelled=False).texts is None
    assert len(read_inks(LINE, labelled=False)) == 1
    inks = read_inks([(LINE, "l"), (DOT, ".")])
    again = read_inks(inks)
    assert (again.texts, again.names) == (inks.texts, inks.names)
    assert read_inks(inks, labelled=False).texts is None


def test_wrong_collections_are_named():
    with pytest.raises(DataError, match="ink 1: an Ink is needed, not 7"):
        read_inks([(LINE, "l"), 7])
    with pytest.raises(DataError, match="2 inks but 1 texts"):
        read_inks(([LINE, DOT], ["l"]))
    with pytest.raises(DataError, match=r"ink 0: the text is 1\.5, not a string"):
        read_inks([(LINE, 1.5)])
    with pytest.raises(DataError, match="the list has no texts of its 2 samples: labelled=False"):
        read_inks([LINE, DOT])
    with pytest.raises(DataError, match="the list holds no ink"):
        read_inks([])
    with pytest.raises(DataError, match="inks must be a list"):
        read_inks(5)
    with pytest.raises(SettingsError, match="labelled='yes'"):
        read_inks([LINE], labelled="yes")
    with pytest.raises(SettingsError, match="label_from='name'"):
        read_inks([LINE], label_from="name")


def test_one_without_a_text_is_left_out_and_told():
    with pytest.warns(UserWarning, match=r"left out: 1 of 3 samples; ink 1 has no text"):
        inks = read_inks(([LINE, DOT, LINE], ["a", None, "b"]))
    assert inks.texts == ["a", "b"]
    assert inks.left_out == {1: "ink 1 has no text"}
    assert read_inks(([LINE, DOT], ["a", None]), labelled=None).texts is None


def test_folders_by_class(folder):
    assert read_inks(folder).texts == ["a", "b", "own", "beside"]
    assert read_inks(folder, label_from="folder").texts == ["a", "b", "b", "b"]
    with pytest.warns(UserWarning, match="left out: 2 of 4"):
        assert read_inks(folder, label_from="file").texts == ["own", "beside"]
    assert read_inks(folder).names[0].endswith("1.inkml")


def test_a_broken_file_is_left_out(folder):
    (folder / "a/0.inkml").write_text("<ink><trace>1 2</ink>")
    with pytest.warns(UserWarning, match=r"left out: 1 of 5 samples; .*0.inkml:1: bad XML"):
        inks = read_inks(folder)
    assert list(inks.left_out) == [0]
    assert len(inks) == 4


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_a_table_of_paths(folder, suffix):
    table = folder / f"list.{suffix}"
    rows = [("a/1.inkml", "one", "ann"), ("b/2.inkml", "two", "bob")]
    if suffix == "jsonl":
        names = ("path", "text", "writer")
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    else:
        mark = "," if suffix == "csv" else "\t"
        lines = [mark.join(row) for row in (("path", "text", "writer"), *rows)]
    table.write_text("\n".join(lines) + "\n")
    for source in (table, folder):
        inks = read_inks(source)
        assert inks.texts == ["one", "two"]
        assert inks.writers == ["ann", "bob"]
    (folder / f"other.{suffix}").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="several tables of paths"):
        read_inks(folder)


def test_a_table_with_other_names_and_missing_files(folder):
    table = folder / "list.csv"
    table.write_text("file,label,who\na/1.inkml,one,\nb/2.inkml,,bob\nnone.inkml,x,y\n,x,y\n")
    with pytest.warns(UserWarning, match="left out: 3 of 4 samples"):
        inks = read_inks(table, path="file", text="label", writer="who")
    assert inks.texts == ["one"]
    assert inks.writers is None
    reasons = list(inks.left_out.values())
    assert "list.csv:3 has no text" in reasons[0]
    assert "no such file" in reasons[1]
    assert "list.csv:5: the path is empty" in reasons[2]


def test_sources_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"no such file: .*nothing.inkml"):
        read_inks(tmp_path / "nothing.inkml")
    with pytest.raises(DataError, match="holds no ink of a format that is known"):
        read_inks(tmp_path)
    with pytest.raises(
        DataError, match="sp_fsdd:test is a set of recordings, not online handwriting"
    ):
        read_inks("sp_fsdd:test")
    binary = tmp_path / "a.bin"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="is of no format of ink"):
        read_inks(binary)


def test_the_suffix_does_not_matter_where_the_content_tells(tmp_path):
    write_ink(LINE, tmp_path / "a.inkml", "x")
    (tmp_path / "a.inkml").rename(tmp_path / "a.ink")
    assert read_inks(tmp_path / "a.ink").texts == ["x"]
    (tmp_path / "b.xml").write_text('<svg><path d="M1 1"/></svg>')
    assert len(read_inks(tmp_path / "b.xml", labelled=False)) == 1


def test_what_holds_ink(folder, write_sound):
    assert holds_ink(str(folder))
    assert holds_ink(str(folder / "a/1.inkml"))
    assert holds_ink("hw_digilets:test")
    assert not holds_ink("sp_fsdd:test")
    assert not holds_ink(str(folder / "notes.txt"))
    assert not holds_ink(str(folder / "nowhere"))
    (folder / "list.csv").write_text("path,text\na/1.inkml,one\n")
    assert holds_ink(str(folder / "list.csv"))
    sounds = write_sound("sounds/a.wav").parent
    (sounds / "a.txt").write_text("1 2")  # what was said, not points
    assert not holds_ink(str(sounds))
    (sounds / "list.csv").write_text("path,text\na.wav,one\n")
    assert not holds_ink(str(sounds / "list.csv"))
    (sounds / "list.jsonl").write_text('{"audio_filepath": "a.wav", "text": "one"}\n')
    assert not holds_ink(str(sounds / "list.jsonl"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("reference", "count", "strokes", "classes", "writers"),
    [
        ("hw_pendigits_orig:train", 7494, 9433, 10, 30),
        ("hw_pendigits_orig:test", 3498, 4257, 10, 14),
        ("hw_digilets:train", 18910, 27558, 62, 61),
        ("hw_digilets:test", 4960, 7212, 62, 16),
        ("sig_svc2004_w01_25", 1000, 6134, 2, 25),
    ],
)
def test_datasets_with_texts(dataset_root, reference, count, strokes, classes, writers):
    inks = read_inks(reference)
    assert (len(inks), len(inks.classes), len(set(inks.writers))) == (count, classes, writers)
    assert sum(len(ink.starts) for ink in inks) == strokes
    assert not inks.left_out


@pytest.mark.data
def test_sketches_have_no_texts(dataset_root):
    for split, count in (("train", 10000), ("validation", 600), ("test", 500)):
        assert len(read_inks(f"hw_kanjivg_sketch:{split}", labelled=False)) == count
    with pytest.raises(DataError, match="no texts of its 500 samples"):
        read_inks("hw_kanjivg_sketch:test")


@pytest.mark.data
def test_no_writer_is_in_both_splits(dataset_root):
    for name in ("hw_pendigits_orig", "hw_digilets"):
        train, test = (set(read_inks(f"{name}:{split}").writers) for split in ("train", "test"))
        assert not train & test


@pytest.mark.data
def test_digits_and_letters_stand_upright(dataset_root):
    """A 7 has its bar above, an L has it below, and a g reaches below where a T stands."""
    digits = read_inks("hw_pendigits_orig:test")
    letters = read_inks("hw_digilets:test")
    for inks, text in ((digits, "7"), (letters, "7"), (letters, "L"), (letters, "T")):
        heights = [
            np.mean(ink.points[:, 1]) - np.mean(ink.box[1::2])
            for ink, label in zip(inks, inks.texts, strict=True)
            if label == text
        ]
        assert np.sign(np.median(heights)) == (1 if text == "L" else -1), text
    bottoms = {
        text: np.median(
            [i.box[3] for i, t in zip(letters, letters.texts, strict=True) if t == text]
        )
        for text in "gT"
    }
    assert bottoms["g"] > bottoms["T"]


def test_inks_given_keep_their_reasons():
    inks = Inks([LINE], ["l"], None, ["a"], {3: "broken"})
    again = read_inks(inks)
    assert again.sha256 == inks.sha256
    assert again.left_out == {3: "broken"}


def test_a_text_of_numbers_beside_ink_is_no_ink(tmp_path):
    write_ink(LINE, tmp_path / "a.inkml")
    (tmp_path / "a.txt").write_text("3 7\n")
    (tmp_path / "b.txt").write_text("3 7\n4 8\n")
    inks = read_inks(tmp_path, labelled=None)
    assert [len(ink) for ink in inks] == [2, 2]
    assert read_inks(tmp_path / "a.inkml", labelled=False).texts is None
    (tmp_path / "b.txt").unlink()
    assert read_inks(tmp_path).texts == ["3 7"]
