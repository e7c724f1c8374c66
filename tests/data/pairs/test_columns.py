import gzip
import json

import pytest

from elman.data import read_pairs
from elman.errors import DataError, SettingsError


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def sides(pairs):
    return list(zip(pairs.sources, pairs.targets, strict=True))


def test_columns_of_the_usual_names_need_not_be_chosen(tmp_path):
    path = write(tmp_path / "a.tsv", "id\ttarget\tnote\tsource\n1\teins\tx\tone\n")
    pairs = read_pairs(path)
    assert sides(pairs) == [("one", "eins")]
    assert pairs.names == [f"{path}:2"]
    assert sides(read_pairs(path, target="note")) == [("one", "x")]


def test_two_columns_are_guessed_with_a_warning(tmp_path):
    path = write(tmp_path / "a.csv", "English,de-DE\none,eins\n")
    with pytest.warns(UserWarning, match="source='English' and target='de-DE' are guessed"):
        assert sides(read_pairs(path)) == [("one", "eins")]
    with pytest.warns(UserWarning, match="source='de-DE' and target='English' are guessed"):
        assert sides(read_pairs(path, target="English")) == [("eins", "one")]
    with pytest.warns(UserWarning, match="source='English' are guessed"):
        assert read_pairs(path, labelled=False).sources == ["one"]
    with pytest.warns(UserWarning, match="source='a' and target='b'"):
        read_pairs([{"a": "one", "id": 7, "b": "eins"}])
    path = write(tmp_path / "b.csv", "id,de,en\n1,eins,one\n2,zwei,two\n")
    with pytest.warns(UserWarning, match="source='de' and target='en'"):
        read_pairs(path, delimiter=",", source="de")


@pytest.mark.parametrize("first", ["Hi.\tHallo.", "abc\tcba", "3 May\t2020-05-03", "abc\tabc"])
def test_a_first_line_that_may_be_a_pair_is_not_taken_for_names(tmp_path, first):
    path = write(tmp_path / "a.tsv", f"{first}\nWait!\tHalt!\n")
    with pytest.raises(DataError, match=r"source=0 and target=1|by position, from 0"):
        read_pairs(path)
    assert sides(read_pairs(path, source="0", target="1"))[0] == tuple(first.split("\t"))
    assert sides(read_pairs(path, source=1, target=0))[1] == ("Halt!", "Wait!")
    with pytest.warns(UserWarning, match="target='1' are guessed"):
        assert sides(read_pairs(path, source=0))[1] == ("Wait!", "Halt!")


def test_too_many_columns_to_guess(tmp_path):
    path = write(tmp_path / "a.csv", "en,de,fr\none,eins,un\n")
    with pytest.raises(DataError, match="columns 'en', 'de', 'fr': choose two of them"):
        read_pairs(path)
    with pytest.raises(DataError, match="choose two of them"):
        read_pairs(path, source="en")
    with pytest.raises(DataError, match=r"no column 'es': it has 'en', 'de', 'fr'.*\(--target\)"):
        read_pairs(path, source="en", target="es")
    with pytest.raises(DataError, match="no column '5'"):
        read_pairs(path, source=0, target=5)
    with pytest.raises(DataError, match="choose two of them"):
        read_pairs({"en": ["one"]})


def test_bad_columns(tmp_path):
    path = write(tmp_path / "a.csv", "en,de\none,eins\n")
    for bad in (1.5, True, -1, ["en"]):
        with pytest.raises(SettingsError, match=r"source=.*name or position"):
            read_pairs(path, source=bad)
    with pytest.raises(SettingsError, match="both as names or both as positions"):
        read_pairs(path, source="en", target=1)
    with pytest.raises(SettingsError, match="the same column, 'en'"):
        read_pairs(path, source="en", target="en")
    path = write(tmp_path / "a.jsonl", '{"a": "x", "b": "y"}\n')
    with pytest.raises(DataError, match="fields of JSON lines have names"):
        read_pairs(path, source=0, target=1)


def test_lines_parted_by_tabs_are_a_table_whatever_the_suffix(tmp_path):
    path = write(tmp_path / "pairs.txt", 'He said "a\tb\nHi\tHallo\nno tab\nx\ty\n')
    with pytest.raises(DataError, match=r"pairs\.txt:3: 1 fields where line 1 has 2"):
        read_pairs(path, source=0, target=1)
    path = write(tmp_path / "pairs.en-de", 'He said "a\tb"\nHi\tHallo\n')
    assert sides(read_pairs(path, source=0, target=1))[0] == ('He said "a', 'b"')
    path = write(tmp_path / "pairs.txt", "source|target\none, two|eins, zwei\n")
    assert sides(read_pairs(path)) == [("one, two", "eins, zwei")]
    path = write(tmp_path / "pairs.txt", "one\ntwo\n")
    with pytest.raises(DataError, match=r"a text without targets, .* have no tabs"):
        read_pairs(path)
    path = write(tmp_path / "pairs.txt", "one^eins\n")
    assert sides(read_pairs(path, source=0, target=1, delimiter="^")) == [("one", "eins")]


def test_missing_texts_are_empty_and_other_types_are_errors(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"source": "a", "target": null}\n{"source": "b"}\n{"source": "", "target": ""}'
    )
    assert read_pairs(path).targets == ["", "", ""]
    for value in (7, 1.5, True, ["a"], {"a": 1}):
        path.write_text(f'{{"source": "a", "target": "b"}}\n{json.dumps({"source": value})}\n')
        with pytest.raises(DataError, match=r"a\.jsonl:2: the source is .*, not a string"):
            read_pairs(path)
    with pytest.raises(DataError, match="row 1: the target is not UTF-8"):
        read_pairs({"source": ["a"], "target": [b"\xff"]})


def test_encodings_and_compression(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("ru;en\nхорошо;yes\n".encode("cp1251")))
    pairs = read_pairs(path, source="ru", target="en", encoding="cp1251")
    assert sides(pairs) == [("хорошо", "yes")]
    with pytest.raises(DataError, match=r"a\.csv\.gz is not text"):
        read_pairs(path, source="ru", target="en")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"cannot read .*a\.csv\.gz: .*end-of-stream"):
        read_pairs(path, source="ru", target="en", encoding="cp1251")
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(b"PAR1"))
    with pytest.raises(DataError, match="compressed inside"):
        read_pairs(tmp_path / "a.parquet.gz")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="spreadsheet"):
        read_pairs(tmp_path / "a.xlsx")


def test_positions_and_names_in_memory():
    records = [{"0": "a", "x": "b"}]
    assert sides(read_pairs(records, source=0, target="x")) == [("a", "b")]
    assert sides(read_pairs({"p": ["a"], "q": ["b"]}, source=1, target=0)) == [("b", "a")]
