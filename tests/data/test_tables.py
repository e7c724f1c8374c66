import builtins
import json

import pandas
import polars
import pyarrow
import pytest

from elman.data import read_table
from elman.errors import DataError


def write(path, content):
    path.write_text(content, "utf-8", newline="")
    return path


def test_csv_quotes_and_lines(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\r\n"one, ""two""\r\nthree",1\r\n\r\nfour,0\r\n')
    table = read_table(path)
    assert table.columns == {"text": ['one, "two"\r\nthree', "four"], "label": ["1", "0"]}
    assert table.rows == [f"{path}:2", f"{path}:5"]


def test_tsv_takes_quotes_as_they_are_unless_they_wrap_a_field(tmp_path):
    path = write(tmp_path / "a.tsv", 'say "hi\t1\n"he said ""ho"""\t0\n"\t2\n')
    table = read_table(path, header=False)
    assert table.columns == {"0": ['say "hi', 'he said "ho"', '"'], "1": ["1", "0", "2"]}


def test_a_very_long_field_is_read(tmp_path):
    path = write(tmp_path / "a.csv", "text\n" + "x" * 300_000 + "\n")
    assert len(read_table(path).columns["text"][0]) == 300_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\ngood,1\nbad\n", r"a\.csv:3: 1 fields where line 1 has 2"),
        ("a.tsv", "text\tlabel\ngood\t1\nbad\t0\tx\n", r"a\.tsv:3: 3 fields where line 1 has 2"),
        ("a.csv", 'text,label\ngood,1\n"open,0\nx,1\n', r"a\.csv:3: bad CSV in the row that sta"),
        ("a.csv", "text,text\na,b\n", r"a\.csv:1: two columns have the same name"),
        ("a.csv", "", r"a\.csv is empty"),
        ("a.csv", "text,label\n", "has a header and no rows"),
        ("a.jsonl", '{"text": "a"}\n\n{"text": "b"\n', r"a\.jsonl:3: bad JSON"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1: bad JSON"),
        ("a.jsonl", "[1, 2]\n", r"a\.jsonl:1: a JSON object is needed, not \[1, 2\]"),
        ("a.jsonl", "\n", r"a\.jsonl is empty"),
        ("a.doc", "text", r"'\.doc' is not one of \.csv, \.tsv"),
        ("a.xlsx", "text", r"a\.xlsx is a spreadsheet: save it as CSV"),
        ("a.parquet", "text", "cannot be read as Parquet"),
    ],
)
def test_bad_files_name_the_line(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path / name, content))


def test_json_lines_keep_types_and_fill_gaps(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"x": [[1, 2]], "label": 1}\n{"label": 2}\n')
    assert read_table(path).columns == {"x": [[[1, 2]], None], "label": [1, 2]}
    with pytest.raises(DataError, match="have names"):
        read_table(path, header=False)


COLUMNS = {"text": ["a", "b"], "label": [1, 2]}


@pytest.mark.parametrize(
    "frame",
    [
        COLUMNS,
        pandas.DataFrame(COLUMNS, index=[7, 7]),
        polars.DataFrame(COLUMNS),
        polars.LazyFrame(COLUMNS),
        pyarrow.table(COLUMNS),
    ],
    ids=lambda frame: type(frame).__module__,
)
def test_any_dataframe(frame):
    assert read_table(frame).columns == COLUMNS
    assert read_table(frame, header=False).columns == {"0": ["a", "b"], "1": [1, 2]}
    assert read_table(frame).rows[1].endswith("row 2")


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    polars.DataFrame(COLUMNS).write_parquet(path)
    assert read_table(path).columns == COLUMNS
    assert read_table(path).rows[0] == f"{path}, row 1"


def test_parquet_without_a_reader_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    polars.DataFrame(COLUMNS).write_parquet(path)
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name in ("polars", "pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DataError, match=r"pip install 'elman\[tables\]'"):
        read_table(path)


def test_a_missing_column_lists_the_others_and_the_flag():
    with pytest.raises(DataError, match=r"no column 'stars': it has 'text', 'label'.*--label"):
        read_table(COLUMNS).column("stars", "label")


def test_other_objects_and_uneven_columns_are_refused():
    with pytest.raises(DataError, match="data cannot be read from a int"):
        read_table(3)
    with pytest.raises(DataError, match=r"unequal lengths: \{'a': 1, 'b': 2\}"):
        read_table({"a": [1], "b": [1, 2]})
    with pytest.raises(DataError, match="no rows"):
        read_table(json.loads("{}"))
