"""What the base makes of a task's parts, shown on a tiny task: which of two sums is larger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import elman
from elman.errors import ModelError, SettingsError
from elman.nn import Recurrent
from elman.tasks.batches import Padded, PaddedBatches
from elman.tasks.model import SequenceModel
from elman.tasks.prediction import Prediction, rows
from elman.tasks.settings import RecurrentSettings
from elman.tasks.storage import read_model
from elman.tasks.task import Task
from elman.train import Step, TrainSettings
from elman.train.objective import Objective


class Settings(RecurrentSettings, TrainSettings):
    goal: str = "eer"


@dataclass(frozen=True)
class Sums:
    inputs: list[torch.Tensor]
    left_out: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inputs)

    def shown(self, number: int) -> str:
        return f"{len(self.inputs[number])} steps"

    @property
    def targets(self) -> torch.Tensor:
        return torch.tensor([float(each.sum() > 0) for each in self.inputs])


@dataclass(frozen=True)
class Scale:
    largest: float

    def to_config(self) -> dict[str, Any]:
        return {"largest": self.largest}

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        return {"note.json": lambda path: path.write_text("{}") and None}

    @classmethod
    def from_saved(cls, saved: Any, settings: Any) -> "Scale":
        assert settings.goal == "eer"
        assert saved.asset("note.json").read_text() == "{}"
        return cls(saved.config["largest"])


class Last(torch.nn.Linear):
    def forward(self, output: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        last = output[lengths - 1, torch.arange(len(lengths))]
        return super().forward(last).squeeze(-1)


class Sign(Task):
    name = "sign"
    unit = "sums"
    value_name = "is_positive"
    settings_type = Settings
    preprocessing_type = Scale
    asset_names = ("note.json",)
    threshold = 0.0

    def read(self, data: Any, *, labelled: bool) -> Sums:
        kept = [torch.tensor(each).view(-1, 1) for each in data if each]
        return Sums(kept, {i: "it is empty" for i, each in enumerate(data) if not each})

    def split(self, data: Sums) -> tuple[Sums, Sums]:
        return Sums(data.inputs[4:], data.left_out), Sums(data.inputs[:4])

    def fit_preprocessing(self, train: Sums, start: Scale | None = None) -> Scale:
        return start or Scale(float(torch.cat(train.inputs).abs().max()))

    def build(self, preprocessing: Scale) -> SequenceModel:
        size = self.settings.hidden_size
        recurrent = Recurrent(self.settings.cell, 1, size)
        return SequenceModel(torch.nn.Identity(), recurrent, Last(size, 1))

    def batches(self, preprocessing: Scale, data: Sums, *, training: bool) -> PaddedBatches:
        scaled = [each / preprocessing.largest for each in data.inputs]
        return PaddedBatches(scaled, data.targets, 4, shuffle=training)

    def loss(self, model: Any, batch: Padded, state: Any) -> Step:
        scores = self.outputs(model, batch)
        return Step(F.binary_cross_entropy_with_logits(scores, batch.targets), len(scores), state)

    def outputs(self, model: Any, batch: Padded) -> torch.Tensor:
        return model(batch.inputs, lengths=batch.lengths)[0]

    def decode(self, output: Any, preprocessing: Scale, options: Any) -> list[Prediction]:
        return [Prediction(bool(each > options.get("above", 0)), details={}) for each in output]

    def metrics(self, output: Any, preprocessing: Scale, data: Sums) -> dict[str, float]:
        right = (torch.stack(output) > self.threshold) == (data.targets > 0)
        return {"eer": 1 - float(right.float().mean()), "loss": 0.0, "n": float(len(data))}

    @property
    def objective(self) -> Objective:
        return Objective(self.settings.goal, maximize=False)

    def calibrate(self, model: Any, validation: Sums) -> None:
        assert not model.training
        self.threshold = 1000.0

    def facts(self, train: Sums, validation: Sums) -> dict[str, Any]:
        held_out = [each.flatten().tolist() for each in validation.inputs]
        return {"training_sha256": "none", "train": len(train), "held_out": str(held_out)}

    def _example(self) -> Callable[[], object]:
        return lambda: self.predict([[1.0]])


DATA = [[1.0], [2.0, -3.0], [], [-1.0], [4.0, -1.0, 1.0], [-2.0], [3.0], [-4.0, 1.0]] * 3
SMALL: dict[str, Any] = {"hidden_size": 4, "epochs": 20, "lr": 0.1, "device": "cpu"}


@pytest.fixture(scope="module")
def task() -> Sign:
    return Sign(**SMALL).fit(DATA, progress=False)


def test_it_learns_and_answers_in_place(task: Sign) -> None:
    inputs = [[], [3.0], [-1.0, -2.0], [], [2.0, 1.0]]
    assert task.predict(inputs) == [None, True, False, None, True]
    assert task.rows(inputs)[:2] == [
        {"is_positive": None, "input": "", "error": "it is empty"},
        {"is_positive": True, "input": "1 steps", "error": ""},
    ]
    assert task.rows([[3.0]]) == [{"is_positive": True, "input": "1 steps"}]
    assert [each.value for each in task.predictions([[3.0]], above=1e6)] == [False]


def test_the_record_is_of_the_calibrated_task(task: Sign) -> None:
    held_out = [each for each in DATA if each][:4]
    assert task.record["data"]["held_out"] == str(held_out)
    assert task.record["data"]["train"] == len([each for each in DATA if each]) - 4
    positive = sum(sum(each) > 0 for each in held_out)
    assert task.record["metrics"] == {"eer": positive / 4, "loss": 0.0, "n": 4.0}
    assert task.evaluate(held_out) == task.report(held_out).metrics == task.record["metrics"]
    assert min(entry["eer"] for entry in task.history) < 0.5  # the threshold was 0 while training


def test_given_validation_data_is_not_split_off() -> None:
    task = Sign(**SMALL).fit(DATA, [[7.0]], progress=False)
    assert task.record["data"]["held_out"] == "[[7.0]]"
    assert task.record["data"]["train"] == len([each for each in DATA if each])
    assert task.preprocessing == Scale(4.0)


def test_preprocessing_is_saved_and_started_from(task: Sign, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = Sign._load(read_model(tmp_path), {})
    assert loaded.preprocessing == task.preprocessing == Scale(4.0)
    inputs = [[1.0], [-1.0, 0.5]]
    assert loaded.predictions(inputs) == task.predictions(inputs)
    other = Sign(epochs=1).fit([[9.0], [-9.0]] * 4, start_from=task, progress=False)
    assert other.preprocessing == Scale(4.0)


def test_nothing_before_fit_and_no_sessions(task: Sign) -> None:
    for use in ("predict", "predictions", "rows", "evaluate", "report"):
        with pytest.raises(SettingsError, match="this Sign is not trained: call fit first"):
            getattr(Sign(), use)([[1.0]])
    with pytest.raises(SettingsError, match="is not trained"):
        _ = Sign().preprocessing
    with pytest.raises(SettingsError, match="the task sign has no sessions"):
        task.session()


def test_an_objective_that_is_not_among_the_metrics() -> None:
    with pytest.raises(SettingsError, match="metric='f1' is not what evaluate gave"):
        Sign(**SMALL, goal="f1").fit(DATA, progress=False)


def test_a_batch_to_diagnose(task: Sign) -> None:
    model, batch, loss, chunk = task.examine(DATA)
    assert isinstance(batch, Padded)
    assert chunk is None
    assert loss(model, batch).count == 4


def test_a_task_chooses_what_is_diagnosed(task: Sign) -> None:
    class Chosen(Sign):
        chunk_length = 7

        def batch_to_diagnose(self, preprocessing: Scale, data: Sums) -> Padded:
            assert preprocessing is task.preprocessing
            return Padded(data.inputs[0].view(-1, 1, 1), torch.tensor([1]), data.targets[:1])

    chosen = Chosen(**SMALL)
    vars(chosen).update(vars(task))
    _, batch, _, chunk = chosen.examine([[5.0], [1.0]])
    assert (batch.inputs.flatten().tolist(), chunk) == ([5.0], 7)
    assert elman.diagnose(chosen, [[5.0] * 3, [1.0]]).model == "SequenceModel"


def test_a_task_without_layers_of_its_settings_has_a_card_and_is_loaded(tmp_path: Path) -> None:
    class Few(TrainSettings):
        cell: str = "gru"
        hidden_size: int = 3
        goal: str = "eer"

    class Own(Sign):
        settings_type = Few

    class Named(Own):
        def description(self) -> str:
            return "one small layer"

    for kind, title in ((Own, "# sign: gru"), (Named, "# sign: one small layer")):
        path = tmp_path / kind.__name__
        own = kind(epochs=1).fit(DATA, folder=path, progress=False)
        assert (path / "README.md").read_text().startswith(f"{title}\n")
        again = elman.load(path, tasks=[kind])
        assert again.predictions(DATA) == own.predictions(DATA)


def test_a_value_of_several_numbers_has_a_column_for_each() -> None:
    found = [
        Prediction({"a": 1, "b": 2}, input="x"),
        Prediction(None, "it is empty"),
    ]
    assert rows(found[:1], "metrics") == [{"a": 1, "b": 2, "input": "x"}]
    assert rows(found, "metrics") == [
        {"a": 1, "b": 2, "input": "x", "error": ""},
        {"a": None, "b": None, "input": "", "error": "it is empty"},
    ]
    assert rows(found[1:], "metrics") == [{"metrics": None, "input": "", "error": "it is empty"}]


def test_it_is_loaded_by_its_class(task: Sign, tmp_path: Path) -> None:
    task.save(tmp_path / "sign")
    again = elman.load(tmp_path / "sign", tasks=[Sign])
    assert again.predict([[3.0], [-1.0]]) == task.predict([[3.0], [-1.0]])
    with pytest.raises(ModelError, match="is of the task 'sign'"):
        elman.load(tmp_path / "sign")
    for wrong in (Sign, [3], "sign", [Settings]):
        with pytest.raises(SettingsError, match="tasks must be a list of classes"):
            elman.load(tmp_path / "sign", tasks=wrong)
