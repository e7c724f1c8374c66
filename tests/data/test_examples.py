import gzip
import json
from collections import Counter

import numpy as np
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Examples, read_examples
from elman.errors import DataError, SettingsError


def write(path, content):
    path.write_text(content, "utf-8", newline="")
    return path


def test_names_and_positions_choose_columns(tmp_path):
    path = write(tmp_path / "a.csv", "review,stars\ngood,5\nbad,1\n")
    examples = read_examples(path, text="review", label="stars")
    assert examples.inputs == ["good", "bad"]
    assert examples.labels == ["5", "1"]
    assert examples.names == [f"{path}:2", f"{path}:3"]
    bare = write(tmp_path / "b.tsv", "5\tgood\n1\tbad\n")
    for text, label in ((1, 0), ("1", "0")):
        assert read_examples(str(bare), text=text, label=label).labels == ["5", "1"]
    with pytest.raises(SettingsError, match="both as names or both as positions"):
        read_examples(bare, text=0, label="stars")
    with pytest.raises(DataError, match=r"b\.tsv has no column '2': it has '0', '1'.*--label"):
        read_examples(bare, text=1, label=2)


@pytest.mark.parametrize(
    "source",
    [
        (["good", "bad"], [1, 0]),
        [("good", 1), ("bad", 0)],
        {"text": ["good", "bad"], "label": [1, 0]},
        pandas.DataFrame({"text": ["good", "bad"], "label": [1, 0]}),
        polars.DataFrame({"text": ["good", "bad"], "label": [1, 0]}),
        read_examples([("good", "1"), ("bad", "0")]),
    ],
)
def test_collections_and_frames(source):
    examples = read_examples(source)
    assert (examples.inputs, examples.labels) == (["good", "bad"], ["1", "0"])
    assert examples.classes == ["0", "1"]
    assert examples.is_text
    assert not examples.is_multi_label
    assert read_examples(source, label=None).labels is None


def test_inputs_alone_are_for_prediction(tmp_path):
    assert read_examples(["good", "bad"], label=None).inputs == ["good", "bad"]
    path = write(tmp_path / "a.txt", "good\nbad\n")
    assert read_examples(path, label=None).names == [f"{path}:1", f"{path}:2"]
    for source in (["good", "bad"], path):
        with pytest.raises(DataError, match=r"has no labels; label=None"):
            read_examples(source)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\ngood,1\n,0\n", r"a\.csv:3: the text is empty"),
        ("text,label\ngood,1\n \t\u3000,0\n", r"a\.csv:3: the text is empty"),
        ("text,label\ngood,1\nbad, \n", r"a\.csv:3: the label is missing"),
        ("txt,label\ngood,1\n", r"no column 'text': it has 'txt', 'label'.*\(--text\)"),
        ("text,stars\ngood,1\n", r"no column 'label': it has 'text', 'stars'.*\(--label\)"),
    ],
)
def test_bad_rows_name_file_and_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_examples(write(tmp_path / "a.csv", content))


def test_missing_values_of_dataframes_name_the_row():
    with pytest.raises(DataError, match="row 2: the label is missing"):
        read_examples(pandas.DataFrame({"text": ["a", "b"], "label": ["x", None]}))
    with pytest.raises(DataError, match="row 1: the text is empty"):
        read_examples(polars.DataFrame({"text": [None, "b"], "label": ["x", "y"]}))
    with pytest.raises(DataError, match="example 1: the text is a int, not a string"):
        read_examples((["a", 3], ["x", "y"]))


def test_sources_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"no such file: .*reviews\.csv$"):
        read_examples(tmp_path / "reviews.csv")
    with pytest.raises(DataError, match=r"no such file: text_sst:train \(the dataset text_sst2"):
        read_examples("text_sst:train")
    with pytest.raises(DataError, match="is a folder"):
        read_examples(tmp_path)
    with pytest.raises(DataError, match="is a corpus of plain text"):
        read_examples("lm_tinyshakespeare")
    with pytest.raises(DataError, match=r"'\.docx' is not one of .*\.ts, \.txt"):
        read_examples(write(tmp_path / "a.docx", "x"))
    with pytest.raises(DataError, match="no examples in the list"):
        read_examples([])
    with pytest.raises(DataError, match="2 inputs but 1 labels"):
        read_examples((["a", "b"], ["x"]))
    with pytest.raises(DataError, match=r"a tuple \(inputs, labels\) is needed"):
        read_examples((["a"], ["x"], ["y"]))
    with pytest.raises(DataError, match="data cannot be read from a int"):
        read_examples(3)


@pytest.mark.parametrize(
    "source",
    [
        pandas.Series(["good", "bad"], index=[3, 3]),
        polars.Series(["good", "bad"]),
        np.array(["good", "bad"]),
        np.array(["good", "bad"], object),
        ("good", "bad"),
        [b"good", b"bad"],
        [{"text": "good"}, {"text": "bad"}],
        iter(["good", "bad"]),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_is_predicted(source):
    assert read_examples(source, label=None).inputs == ["good", "bad"]


def test_records_have_labels_too():
    examples = read_examples([{"text": "good", "label": 1}, {"label": 0, "text": "bad"}])
    assert (examples.inputs, examples.labels) == (["good", "bad"], ["1", "0"])


def test_a_tuple_of_texts_is_no_pair():
    with pytest.raises(DataError, match="a tuple of texts has no labels"):
        read_examples(("good", "bad"))


def test_columns_called_by_numbers():
    frame = pandas.DataFrame([["5", "good"], ["1", "bad"]])
    assert read_examples(frame, text=1, label=0).inputs == ["good", "bad"]
    years = pandas.DataFrame([["good", "5"]], columns=[2021, 2020])
    assert read_examples(years, text="2021", label="2020").labels == ["5"]
    swapped = pandas.DataFrame([["5", "good"]], columns=[1, 0])
    assert read_examples(swapped, text=0, label=1).inputs == ["good"]
    with pytest.raises(DataError, match="two columns have the same name: text, text"):
        read_examples(pandas.DataFrame([["a", "b"]], columns=["text", "text"]))


def test_a_string_that_cannot_be_a_path_is_a_text():
    for text in ("so long " * 1000, "two\nlines"):
        assert read_examples(text, label=None).inputs == [text]
    with pytest.raises(DataError, match="no such file: a short text; texts are given in a list"):
        read_examples("a short text", label=None)
    with pytest.raises(DataError, match="the path of a file is empty"):
        read_examples("", label=None)


def test_a_text_file_is_a_table_if_its_first_line_names_the_columns(tmp_path):
    path = write(tmp_path / "a.TXT", "text\tlabel\ngood\tx\nbad\ty\n")
    assert read_examples(path).labels == ["x", "y"]
    assert read_examples(path, label=None).inputs == ["good", "bad"]
    path = write(tmp_path / "b.txt", "text, so it goes\nmore\n")
    assert read_examples(path, label=None).inputs == ["text, so it goes", "more"]


def test_empty_lines_at_the_end_of_texts_are_counted(tmp_path):
    path = write(tmp_path / "a.txt", "good\nbad\n\n \n")
    with pytest.warns(UserWarning, match=r"a\.txt: left out: 2 empty lines at the end"):
        assert read_examples(path, label=None).inputs == ["good", "bad"]


def test_encoding_and_delimiter(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text^label\nхорошо^да\nплохо^нет\n".encode("cp1251"))
    examples = read_examples(path, encoding="cp1251", delimiter="^")
    assert (examples.inputs, examples.labels) == (["хорошо", "плохо"], ["да", "нет"])
    path = tmp_path / "a.ts"
    path.write_bytes(TS.replace("left", "за").encode("cp1251"))
    assert read_examples(path, encoding="cp1251").labels == ["за", "right"]


def test_several_labels(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,x|y\nb,\nc,y | y\n")
    examples = read_examples(path, separator="|")
    assert examples.labels == [("x", "y"), (), ("y",)]
    assert examples.is_multi_label
    assert examples.classes == ["x", "y"]
    path = write(
        tmp_path / "a.jsonl", '{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": []}\n'
    )
    assert read_examples(path).labels == [("x", "y"), ()]
    with pytest.raises(DataError, match=r"example 1: one label \('z'\) where other"):
        read_examples([("a", ["x"]), ("b", "z")])


def json_lines(path, *features):
    return write(path, "".join(json.dumps({"features": f, "label": "x"}) + "\n" for f in features))


def test_features_of_json_lines(tmp_path):
    path = json_lines(tmp_path / "a.jsonl", [[1, 2], [3, 4], [5, 6]], [[0.1, 1e-3]])
    examples = read_examples(path)
    assert [sequence.shape for sequence in examples.inputs] == [(3, 2), (1, 2)]
    assert all(sequence.dtype == np.float32 for sequence in examples.inputs)
    np.testing.assert_array_equal(examples.inputs[1], np.float32([[0.1, 1e-3]]))
    assert not examples.is_text
    flat = json_lines(tmp_path / "b.jsonl", [1, 2, 3])
    assert read_examples(flat).inputs[0].shape == (3, 1)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([[1, 2], [3, float("nan")]], r"a\.jsonl:2: feature 1 at step 1 is nan"),
        ([[1, float("-inf")]], r"a\.jsonl:2: feature 1 at step 0 is -inf"),
        ([[1e300, 1]], r"a\.jsonl:2: feature 0 at step 0 is 1e\+300"),
        ([[1, 2], [3]], r"a\.jsonl:2: step 1 has 1 features where step 0 has 2"),
        ([[1, 2, 3]], r"a\.jsonl:2: 3 features a step where .*a\.jsonl:1 has 2"),
        ([[1, None]], r"a\.jsonl:2: "),
        ([["a", "b"]], r"a\.jsonl:2: features are numbers"),
        ([], r"a\.jsonl:2: features of shape \(0, 1\)"),
        ([[[1]]], r"a\.jsonl:2: features of shape \(1, 1, 1\)"),
        ("text", r"a\.jsonl:2: features are needed, not 'text'"),
        (None, r"a\.jsonl:2: features are needed, not None"),
        (7, r"a\.jsonl:2: features are numbers, one list a time step"),
    ],
)
def test_bad_features_name_step_and_feature(tmp_path, features, message):
    path = json_lines(tmp_path / "a.jsonl", [[1, 2]], features)
    with pytest.raises(DataError, match=message):
        read_examples(path)


def test_text_goes_before_features_unless_told():
    source = {"text": ["a"], "features": [[[1.0]]], "label": ["x"]}
    assert read_examples(source).inputs == ["a"]
    assert read_examples(source, text=None).inputs[0].tolist() == [[1.0]]
    with pytest.raises(SettingsError, match="one of the two must name a column"):
        read_examples(source, text=None, features=None)
    with pytest.raises(DataError, match=r"--features"):
        read_examples({"a": ["b"], "label": ["x"]}, text=None)


TS = """#made up
@problemName Made
@timeStamps false
@univariate false
@dimensions 2
@classLabel true left right
@data
1,2,3:4,5,6:left
7,8:9,10:right
"""


def test_series_of_unequal_length(tmp_path):
    path = write(tmp_path / "a.ts", TS)
    examples = read_examples(path)
    np.testing.assert_array_equal(examples.inputs[0], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(examples.inputs[1], [[7, 9], [8, 10]])
    assert examples.labels == ["left", "right"]
    assert examples.names == [f"{path}:8", f"{path}:9"]
    unlabelled = TS.replace("true left right", "false").replace(":left", "").replace(":right", "")
    path = write(tmp_path / "b.ts", unlabelled)
    assert len(read_examples(path, label=None)) == 2
    with pytest.raises(DataError, match="has no labels"):
        read_examples(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("7,8:9,10:right", "7,?:9,10:right", r"a\.ts:9: feature 0 at step 1 is nan"),
        ("7,8:9,10:right", "7,8:9:right", r"a\.ts:9: dimensions of unequal lengths \[2, 1\]"),
        ("7,8:9,10:right", "7,8:right", r"a\.ts:9: 1 dimensions where the file says 2"),
        ("7,8:9,10:right", "7,x:9,10:right", r"a\.ts:9: could not convert"),
        (":right", ":up", r"a\.ts:9: label 'up' is not one of"),
        ("@timeStamps false", "@timeStamps true", r"a\.ts:3: series with time stamps"),
        ("@data", "", "no line '@data'"),
    ],
)
def test_bad_series_name_the_line(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message):
        read_examples(write(tmp_path / "a.ts", TS.replace(old, new)))


@given(
    st.lists(st.sampled_from("aabbbc"), min_size=4, max_size=60),
    st.floats(0.05, 0.95),
    st.integers(0, 9),
)
def test_splits_are_a_partition_with_every_label_in_training(labels, fraction, seed):
    examples = read_examples([(f"text {i}", label) for i, label in enumerate(labels)])
    try:
        first, second = examples.split(fraction, seed)
    except DataError:
        assert all(count * fraction < 1 for count in Counter(labels).values())
        return
    assert sorted(first.inputs + second.inputs) == sorted(examples.inputs)
    assert set(first.labels) == set(labels)
    shares, counts = Counter(second.labels), Counter(labels)
    for label, count in counts.items():
        assert abs(shares[label] - fraction * count) <= 1.5
    again = examples.split(fraction, seed)
    assert (again[0].inputs, again[1].inputs) == (first.inputs, second.inputs)


def test_splits_depend_on_the_seed_and_share_out_rare_sets_of_labels():
    examples = read_examples([(f"text {i}", [f"l{i}", "x"]) for i in range(100)])
    first, second = examples.split(0.2)
    assert (len(first), len(second)) == (80, 20)
    assert examples.split(0.2, seed=1)[1].inputs != second.inputs
    unlabelled = Examples(examples.inputs, None, examples.names)
    assert len(unlabelled.split(0.25)[1]) == 25
    for fraction in (0, 1, 1.5):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            examples.split(fraction)
    with pytest.raises(DataError, match="too few to hold out"):
        examples.select([0, 1]).split(0.01)


def test_the_hash_tells_contents_apart():
    pairs = [("ab", "x"), ("c", "y")]
    same = read_examples(pairs).sha256
    assert same == read_examples({"text": ["ab", "c"], "label": ["x", "y"]}).sha256
    others = [
        [("a", "x"), ("bc", "y")],
        [("ab", "y"), ("c", "x")],
        [("c", "y"), ("ab", "x")],
        [("ab", ["x"]), ("c", ["y", "z"])],
    ]
    hashes = {read_examples(other).sha256 for other in others}
    assert len(hashes | {same}) == 5
    a = read_examples(([[[1.0, 2.0]]], ["x"])).sha256
    assert a != read_examples(([[[1.0], [2.0]]], ["x"])).sha256


def test_a_compressed_table(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\ngood,1\n"))
    assert read_examples(path).labels == ["1"]
