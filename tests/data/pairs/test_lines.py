import gzip

import pytest

from elman.data import read_pairs
from elman.errors import DataError


def moses(folder, english, german, prefix="train"):
    (folder / f"{prefix}.en").write_bytes(english.encode())
    (folder / f"{prefix}.de").write_bytes(german.encode())
    return str(folder / prefix)


def test_the_prefix_may_be_a_folder_too_and_one_side_compressed(tmp_path):
    prefix = moses(tmp_path, "one\ntwo\n", "eins\nzwei")
    (tmp_path / "train").mkdir()
    (tmp_path / "train.de").unlink()
    (tmp_path / "train.de.gz").write_bytes(gzip.compress(b"eins\nzwei"))
    pairs = read_pairs(prefix, source="en", target="de")
    assert list(zip(pairs.sources, pairs.targets, strict=True)) == [
        ("one", "eins"),
        ("two", "zwei"),
    ]
    assert pairs.names == [f"{prefix}.en:1", f"{prefix}.en:2"]


def test_lines_are_those_that_other_tools_count(tmp_path):
    prefix = moses(tmp_path, "one\rmore\u2028still\r\n\ntwo\x0b\n", "eins\n\nzwei\n")
    pairs = read_pairs(prefix, source="en", target="de")
    assert pairs.sources == ["one\rmore\u2028still", "", "two\x0b"]
    assert pairs.targets == ["eins", "", "zwei"]
    prefix = moses(tmp_path, "one\rtwo\r", "eins\rzwei")
    assert read_pairs(prefix, source="en", target="de").sources == ["one", "two"]


def test_the_numbers_of_lines_differ(tmp_path):
    prefix = moses(tmp_path, "one\ntwo\nthree\n", "eins\n")
    with pytest.raises(DataError, match=r"train\.en has 3 lines and .*train\.de has 1 line: each"):
        read_pairs(prefix, source="en", target="de")
    with pytest.raises(DataError, match=r"train\.de has 1 line and .*train\.en has 3 lines"):
        read_pairs((prefix + ".de", prefix + ".en"))


def test_empty_lines_at_the_end_of_both_are_left_out_with_a_warning(tmp_path):
    prefix = moses(tmp_path, "one\n\n\n \n", "eins\n\n\n\n")
    with pytest.warns(UserWarning, match="left out: 3 empty lines at the end of both"):
        assert len(read_pairs(prefix, source="en", target="de")) == 1
    prefix = moses(tmp_path, "one\n\n", "eins\nzwei\n")
    assert read_pairs(prefix, source="en", target="de").sources == ["one", ""]


def test_a_side_is_missing(tmp_path):
    prefix = moses(tmp_path, "one\n", "eins\n")
    with pytest.raises(
        DataError, match=r"no such file: .*train\.fr \(or \.gz\), .* of .*train\.en"
    ):
        read_pairs(prefix, source="en", target="fr")
    with pytest.raises(
        DataError, match=r"no such file: .*train\.fr \(or \.gz\), .* of .*train\.de"
    ):
        read_pairs(prefix, source="fr", target="de")
    with pytest.raises(DataError, match=r"of .*train\.de, .*train\.en choose .* as source='de'"):
        read_pairs(prefix)
    with pytest.raises(DataError, match=r"no such file: .*tra, nor .*tra\.en and .*tra\.de"):
        read_pairs(prefix.removesuffix("in"), source="en", target="de")
    with pytest.raises(DataError, match=r"no such file: .*nowhere\.de"):
        read_pairs((prefix + ".en", "nowhere.de"))


def test_a_file_to_translate_keeps_its_lines(tmp_path):
    path = tmp_path / "input.txt"
    path.write_text("one\n\n  \ntwo, or\tmore\n\n", "utf-8")
    pairs = read_pairs(path, labelled=False)
    assert pairs.sources == ["one", "", "  ", "two, or\tmore", ""]
    assert pairs.names[3] == f"{path}:4"
    assert pairs.targets is None
    assert read_pairs(str(path), source="en", target="de", labelled=False).sources == pairs.sources
    prefix = moses(tmp_path, "one\n\n", "eins\n")
    for data in (prefix, prefix + ".en", (prefix + ".en", prefix + ".de")):
        assert read_pairs(data, source="en", labelled=False).sources == ["one", ""]


def test_an_empty_file(tmp_path):
    (tmp_path / "none.txt").write_text("")
    for labelled in (True, False):
        with pytest.raises(DataError, match=r"no pairs in .*none\.txt|is empty"):
            read_pairs(tmp_path / "none.txt", labelled=labelled)
    prefix = moses(tmp_path, "", "")
    with pytest.raises(DataError, match="no pairs in"):
        read_pairs(prefix, source="en", target="de")
