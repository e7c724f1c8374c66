from pathlib import Path

import numpy as np
import pytest

from elman.data import Pairs, read_pairs
from elman.data.pairs.pairs import text_key
from elman.errors import DataError, SettingsError


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("a.tsv"), "source\ttarget", "one\teins", "two\tzwei")
    write(Path("b.tsv"), "source\ttarget", "three\tdrei")
    return tmp_path


@pytest.mark.parametrize(
    "data",
    ["a.tsv,b.tsv=0.25", "a.tsv=1, b.tsv=.25", {"a.tsv": 1, Path("b.tsv"): np.float32(0.25)}],
)
def test_several_files_with_weights(files, data):
    pairs = read_pairs(data)
    assert pairs.sources == ["one", "two", "three"]
    assert pairs.weights == [1.0, 1.0, 0.25]
    assert pairs.names == ["a.tsv:2", "a.tsv:3", "b.tsv:2"]
    without = read_pairs(data, labelled=False)
    assert (without.sources, without.weights) == (pairs.sources, None)


def test_several_files_without_weights(files):
    for data in (["a.tsv", "b.tsv"], [Path("a.tsv"), Path("b.tsv")], "a.tsv,b.tsv=1.0"):
        pairs = read_pairs(data)
        assert (len(pairs), pairs.weights) == (3, None)


def test_sources_of_different_kinds(files):
    write(Path("c.source"), "four")
    write(Path("c.target"), "vier")
    pairs = read_pairs("c,a.tsv=3", source="source", target="target")
    assert pairs.sources == ["four", "one", "two"]
    assert pairs.weights == [1.0, 3.0, 3.0]


def test_a_path_that_exists_goes_first(files):
    write(Path("a.tsv,b.tsv"), "source\ttarget", "x\ty")
    write(Path("a=2"), "source\ttarget", "x\ty")
    assert read_pairs(Path("a.tsv,b.tsv"), delimiter="tab").sources == ["x"]
    assert read_pairs("a.tsv,b.tsv", delimiter="tab").sources == ["x"]
    assert read_pairs("a=2", delimiter="tab").weights is None


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_bad_weights(files, weight):
    with pytest.raises(SettingsError, match=r"the weight of b\.tsv is .*: a number above 0"):
        read_pairs(f"a.tsv,b.tsv={weight}")
    with pytest.raises(SettingsError, match=r"the weight of b\.tsv is .*: a number above 0"):
        read_pairs({"b.tsv": float(weight)})


def test_bad_lists_of_files(files):
    with pytest.raises(SettingsError, match="between two of its commas"):
        read_pairs("a.tsv,,b.tsv")
    with pytest.raises(DataError, match=r"no such file: c\.tsv"):
        read_pairs("a.tsv,c.tsv=2")
    with pytest.raises(DataError, match=r"no such file: b\.tsv=x"):
        read_pairs("a.tsv,b.tsv=x")
    with pytest.raises(DataError, match="no such file: 'Good morning'; a list of texts has no tar"):
        read_pairs(["Good morning", "Hi"])
    with pytest.raises(DataError, match="is not the path of a file"):
        read_pairs({3: 1.0})


def test_collections():
    for data in (
        [("one", "eins"), ["two", b"zwei"]],
        (("one", "eins"), ("two", "zwei")),
        np.array([["one", "eins"], ["two", "zwei"]]),
        (each for each in [("one", "eins"), ("two", "zwei")]),
        (np.array(["one", "two"]), ["eins", "zwei"]),
        {"source": ["one", "two"], "target": np.array(["eins", "zwei"])},
    ):
        pairs = read_pairs(data)
        assert (pairs.sources, pairs.targets) == (["one", "two"], ["eins", "zwei"])
    assert read_pairs([("one", "eins")]).names == ["pair 0"]
    assert read_pairs([("one", None)]).targets == [""]


def test_texts_to_translate():
    for data in (["one", "", None], np.array(["one", "", ""]), ("one", "", "")):
        pairs = read_pairs(data, labelled=False)
        assert (pairs.sources, pairs.targets) == (["one", "", ""], None)
    assert pairs.names == ["text 0", "text 1", "text 2"]
    assert read_pairs(("one", "two"), labelled=False).sources == ["one", "two"]
    assert read_pairs("one\ntwo", labelled=False).sources == ["one\ntwo"]
    given = Pairs(["one"], ["eins"], ["x"], [2.0])
    assert read_pairs(given) is given
    assert read_pairs(given, labelled=False).targets is None
    with pytest.raises(DataError, match="no such file: one two; texts are given in a list"):
        read_pairs("one two", labelled=False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no pairs in the list"),
        (None, "pairs cannot be read from a NoneType: a table"),
        (7, "pairs cannot be read from a int"),
        ([("a", "b"), "c"], r"pair 1: a tuple \(source, target\) is needed, not 'c'"),
        ([("a", "b", "c")], r"pair 0: a tuple"),
        ([("a", 3)], "pair 0: the target is 3, not a string"),
        ((["a"], ["b", "c"]), "1 sources but 2 targets"),
        ("one\ntwo", "texts alone have no targets"),
        (Pairs(["a"], None, ["x"]), "the pairs have no targets"),
        ({"source": [], "target": []}, "no rows"),
        ("text_sst2:train", "text_sst2:train is labelled examples, without pairs"),
        ("mt_tatoeba_eng_cmn:trian", "did you mean mt_tatoeba_eng_cmn:train"),
        ("mt_tatoeba_eng_cnm", r"the dataset mt_tatoeba_eng_cmn\?"),
    ],
)
def test_what_is_no_pairs(data, message):
    with pytest.raises(DataError, match=message):
        read_pairs(data)


def test_bad_arguments(files):
    with pytest.raises(SettingsError, match="encoding="):
        read_pairs("a.tsv", encoding="klingon")
    with pytest.raises(SettingsError, match="delimiter="):
        read_pairs("a.tsv", delimiter="::")
    with pytest.raises(DataError, match="is a folder"):
        read_pairs(files)


@pytest.fixture(scope="module")
def tatoeba(dataset_root):
    if not (dataset_root / "mt_tatoeba_eng_cmn").is_dir():
        pytest.skip("$ELMAN_DATA has no mt_tatoeba_eng_cmn")
    return {part: read_pairs(f"mt_tatoeba_eng_cmn{part}") for part in ("", ":train", ":test")}


@pytest.mark.data
def test_the_parts_of_the_dataset(tatoeba):
    whole, train, test = tatoeba.values()
    assert (len(whole), len(train), len(test)) == (21116, 20045, 1071)
    assert whole.sources[:2] == ["Hi.", "Hi."]
    assert whole.targets[:2] == ["嗨。", "你好。"]
    assert whole.names[4] == "mt_tatoeba_eng_cmn/cmn.txt:5"
    sides = [{text_key(text) for text in part.sources} for part in (train, test)]
    assert not sides[0] & sides[1]
    assert sorted([*train.names, *test.names]) == sorted(whole.names)
    sources, references = whole.references()
    assert (len(sources), sum(len(each) > 1 for each in references)) == (20476, 598)


@pytest.mark.data
def test_the_columns_of_the_dataset(tatoeba):
    test = tatoeba[":test"]
    for source, target in (("chinese", "english"), ("chinese", None), (1, 0), (None, "english")):
        turned = read_pairs("mt_tatoeba_eng_cmn:test", source=source, target=target)
        assert (turned.sources, turned.targets) == (test.targets, test.sources)
    assert read_pairs("mt_tatoeba_eng_cmn:test", labelled=False).sources == test.sources
    with pytest.raises(DataError, match="no column 'german': it has 'english', 'chinese'"):
        read_pairs("mt_tatoeba_eng_cmn:test", source="german")
    both = read_pairs("mt_tatoeba_eng_cmn:test,mt_tatoeba_eng_cmn:train=0.5", target="chinese")
    assert both.weights == [1.0] * 1071 + [0.5] * 20045
