"""A model by its name, as engines send it to other processes."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from small_tasks import MADE, SMALL

from elman.errors import ModelError, SettingsError
from elman.scale import ArrowModel
from elman.tasks import Classify


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classify:
    """A trained classifier, saved as `model` in the working directory."""
    monkeypatch.chdir(tmp_path)
    made, settings, data, _ = MADE["classify"]
    task = made(**SMALL, **settings).fit(data, progress=False)
    task.save("model")
    return task


def test_it_is_sent_by_name_and_works_in_other_folders(
    task: Classify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = pickle.dumps(ArrowModel("model", column_prefix="p_"))
    assert len(sent) < 1000
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    model = pickle.loads(sent)
    table = pa.table({"text": ["good film", None, "bad film"], "id": [1, 2, 3]})
    found = model.table(table)
    assert found.schema.equals(model.schema(table.schema))
    assert found.column_names == ["text", "id", "p_label", "p_probability", "p_error"]
    one, other = task.predict(["good film", "bad film"])
    assert found["p_label"].to_pylist() == [one, None, other]
    assert model.table(table.slice(0, 0)).num_rows == 0


def test_it_is_loaded_once_until_its_folder_changes(task: Classify) -> None:
    model = ArrowModel("model")
    first = model.task
    assert ArrowModel("model").task is first
    task.save("model")
    assert model.task is not first


def test_what_is_no_model() -> None:
    with pytest.raises(ModelError, match="nowhere"):
        ArrowModel("/nowhere").schema(pa.schema([]))
    with pytest.raises(SettingsError, match="model=''"):
        ArrowModel("")
