"""Arrow batches through the tasks: what `predict` gives, beside the columns that came."""

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from small_tasks import MADE, SMALL, say

from elman.errors import DataError, SettingsError
from elman.tasks import Classify, Language, Task, Translate, arrow

TEXTS = ["good film", "a bad film", "", "fine play tonight", None, "bad", "good"]
PLAYS = ["good film", "fine play", "bad film", "poor play"] * 6


def trained(kind: str) -> Task:
    made, settings, data, _ = MADE[kind]
    return made(**SMALL, **settings).fit(data, progress=False)


@pytest.fixture(scope="module")
def classifier() -> Classify:
    labels = ["+", "+", "-", "-"] * 6
    settings = {**SMALL, "epochs": 10, "lr": 0.03}
    return Classify(**settings, embedding_size=4).fit((PLAYS, labels), progress=False)


def table(task: Task, columns: dict[str, Any], sizes: int = 3, **options: Any) -> pa.Table:
    """The answers to a table that comes in batches of so many rows."""
    batches = pa.Table.from_pydict(columns).to_batches(max_chunksize=sizes)
    found = list(task.arrow(iter(batches), **options))
    assert [each.num_rows for each in found] == [each.num_rows for each in batches]
    return pa.Table.from_batches(found)


def test_each_row_has_what_predict_gives_and_a_bad_one_the_reason(classifier: Classify) -> None:
    found = table(classifier, {"id": range(7), "text": TEXTS, "": [[i] for i in range(7)]})
    assert found.column_names == ["id", "text", "", "label", "probability", "error"]
    assert found["id"].to_pylist() == list(range(7))
    assert found[""].to_pylist() == [[i] for i in range(7)]
    assert found["text"].to_pylist() == TEXTS
    good = [i for i, text in enumerate(TEXTS) if text]
    expected = classifier.rows([TEXTS[i] for i in good])
    assert [found["label"][i].as_py() for i in good] == [row["label"] for row in expected]
    got = [found["probability"][i].as_py() for i in good]
    assert got == pytest.approx([row["probability"] for row in expected], abs=2e-4)
    reasons = {2: "the text is empty", 4: "the text is empty"}
    assert found["error"].to_pylist() == [reasons.get(i) for i in range(7)]
    assert [found["label"][i].as_py() for i in reasons] == [None, None]


def test_large_batches_come_in_pieces_and_one_at_a_time(
    classifier: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow, "ROWS", 4)
    taken = []

    def batches() -> Iterator[pa.RecordBatch]:
        for i in range(3):
            taken.append(i)
            yield pa.RecordBatch.from_pydict({"text": PLAYS[: [10, 0, 3][i]]}, schema=SCHEMA)

    found = classifier.arrow(batches())
    assert taken == []
    assert [next(found).num_rows, len(taken)] == [4, 1]
    assert [each.num_rows for each in found] == [4, 2, 0, 3]
    assert list(classifier.arrow([])) == []


SCHEMA = pa.schema({"text": pa.string()})


def test_the_schema_is_known_before_the_first_batch(classifier: Classify) -> None:
    given = pa.schema({"id": pa.int8(), "text": pa.large_string()}, metadata={"of": "the user"})
    schema = classifier.arrow_schema(given, column_prefix="p_")
    assert schema.names == ["id", "text", "p_label", "p_probability", "p_error"]
    assert schema.types[2:] == [pa.string(), pa.float64(), pa.string()]
    assert schema.metadata == {b"of": b"the user"}
    batch = pa.RecordBatch.from_pydict({"id": [1], "text": ["good"]}, schema=given)
    (found,) = classifier.arrow([batch], column_prefix="p_")
    assert found.schema.equals(schema, check_metadata=True)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_texts_of_every_type(classifier: Classify, kind: pa.DataType) -> None:
    texts = pa.array(["good film", "bad film"], pa.string()).cast(kind)
    dictionary = pa.array(["good film", "bad film"]).dictionary_encode()
    expected = classifier.predict(["good film", "bad film"])
    for column in (texts, dictionary):
        (found,) = classifier.arrow([pa.RecordBatch.from_arrays([column], names=["text"])])
        assert found["label"].to_pylist() == expected


def test_several_labels_are_a_list() -> None:
    labels = [("a", "b"), ("a",), ("b",), ()] * 6
    task = Classify(**SMALL, embedding_size=4).fit((PLAYS, labels), progress=False)
    found = table(task, {"text": PLAYS[:4]})
    assert found.schema.field("label").type == pa.list_(pa.string())
    assert [tuple(each) for each in found["label"].to_pylist()] == task.predict(PLAYS[:4])


def test_feature_vectors() -> None:
    task, (inputs, _) = trained("vectors"), MADE["vectors"][2]
    found = table(task, {"features": [each.tolist() for each in inputs]})
    assert found["label"].to_pylist() == task.predict(list(inputs))
    wrong = table(task, {"features": [[[1.0, 2.0]], [[1.0]], [[0.5, float("nan")]]]})
    assert [each is None for each in wrong["error"].to_pylist()] == [True, False, False]


def test_metrics_of_texts() -> None:
    task = trained("language")
    texts = ["the cat sat.", "a", "tac eht no"]
    found = table(task, {"text": texts})
    one, short, other = found.to_pylist()
    for row, metrics in zip((one, other), task.predict([texts[0], texts[2]]), strict=True):
        assert {name: row[name] for name in metrics} == pytest.approx(metrics, rel=1e-6)
    assert short["loss"] is None
    assert short["error"] == "'a' is too short: two tokens are needed"
    assert isinstance(task, Language)


def test_translations_and_their_options() -> None:
    pairs = [(f"{n}", f"<{n}>") for n in range(10, 30)]
    settings = {"tokens": "characters", "hidden_size": 8, "epochs": 2, "baselines": False}
    task = Translate(**settings, source="en").fit(pairs, pairs, progress=False)
    found = table(task, {"en": ["12", "", "25"], "other": ["x", "y", "z"]}, beam=2)
    expected = task.predictions(["12", "", "25"], beam=2)
    assert found["translation"].to_pylist() == [each.value for each in expected]
    assert found["score"].to_pylist() == pytest.approx(
        [each.details["score"] for each in expected], abs=1e-3
    )
    with pytest.raises(SettingsError, match=r"n_best is not an option for tables; .* beam, prefix"):
        task.arrow([], n_best=2)


def test_paths_of_sound(tmp_path: Path) -> None:
    task = trained("speech")
    paths = [tmp_path / name for name in ("a.wav", "b.wav")]
    for path, text in zip(paths, "ab", strict=True):
        sound = say(text)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, sound.rate, 0, "NONE", ""))
            file.writeframes((sound.samples * 32767).astype(np.int16).tobytes())
    found = table(task, {"path": [str(paths[0]), str(tmp_path / "none.wav"), str(paths[1])]})
    one, none, other = found.to_pylist()
    assert [one["text"], other["text"]] == task.predict([str(path) for path in paths])
    assert one["seconds"] == pytest.approx(say("a").seconds)
    assert "no such file" in none["error"]
    assert none["text"] is None


@pytest.mark.parametrize("kind", ["forecast", "signature", "lines", "synthesis", "video"])
def test_tasks_that_do_not_answer_row_by_row_say_so(kind: str) -> None:
    made, settings, *_ = MADE[kind]
    task = made(**SMALL, **settings)
    task._model = object()  # as if trained
    with pytest.raises(SettingsError, match=f"the task {task.name} does not answer a table row"):
        task.arrow([])


def test_columns_that_are_missing_or_there_already(classifier: Classify) -> None:
    with pytest.raises(
        DataError, match=r"no column 'text', which the model reads: it has 'a', 'b'"
    ):
        classifier.arrow_schema(pa.schema({"a": pa.string(), "b": pa.string()}))
    labelled = pa.schema({"text": pa.string(), "label": pa.string()})
    with pytest.raises(DataError, match=r"has a column 'label': .* column_prefix='predicted_'"):
        classifier.arrow_schema(labelled)
    twice = pa.schema([("text", pa.string()), ("text", pa.string())])
    with pytest.raises(DataError, match="two columns have the same name"):
        classifier.arrow_schema(twice)


def test_batches_that_are_none_or_differ(classifier: Classify) -> None:
    with pytest.raises(DataError, match=r"a pyarrow.RecordBatch is needed, not a dict"):
        list(classifier.arrow([{"text": ["good"]}]))
    one = pa.RecordBatch.from_pydict({"text": ["good"]})
    other = pa.RecordBatch.from_pydict({"text": ["good"], "id": [1]})
    with pytest.raises(DataError, match="different columns"):
        list(classifier.arrow([one, other]))
    with pytest.raises(SettingsError, match="not trained"):
        Classify().arrow([])


def test_a_column_by_its_position() -> None:
    task = Classify(**SMALL, embedding_size=4, text="1", label="0")
    task = task.fit({"0": ["+", "-"] * 12, "1": PLAYS}, progress=False)
    found = table(task, {"id": [1, 2], "said": ["good film", "bad film"]})
    assert found["label"].to_pylist() == task.predict(["good film", "bad film"])
