"""A fit that fails or is interrupted leaves the task as it was: untrained, or as it was trained."""

import copy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small_tasks import MADE, SMALL

from elman.errors import ElmanError, FileError, SettingsError, TrainingDivergedError
from elman.tasks import Classify, Task
from elman.train import TrainingInterrupted

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class StoppedError(Exception):
    """Raised in the midst of a fit."""


@pytest.fixture(scope="module")
def trained() -> Callable[[str], Task]:
    """A trained task of a name; each is trained once."""
    found: dict[str, Task] = {}

    def one(name: str) -> Task:
        if name not in found:
            kind, settings, data, _ = MADE[name]
            found[name] = kind(**SMALL, **settings).fit(data, progress=False)
        return copy.copy(found[name])

    return one


def raise_stop(*_: Any, **__: Any) -> Any:
    raise StoppedError


def interrupt(*_: Any, **__: Any) -> Any:
    signal.raise_signal(signal.SIGTERM)
    raise StoppedError  # before the step is whole


def not_a_number(own: Callable[..., Any]) -> Callable[..., Any]:
    def loss(*given: Any) -> Any:
        step = own(*given)
        return type(step)(step.loss * torch.nan, step.count, step.state)

    return loss


def seen(task: Task) -> dict[str, Any]:
    """All that a task remembers; the weights as they are now."""
    values = copy.copy(vars(task))
    if task._model is not None:
        values["weights"] = {n: w.clone() for n, w in task._model.state_dict().items()}
    return values


def assert_same(now: dict[str, Any], before: dict[str, Any]) -> None:
    assert now.keys() == before.keys()
    for name, value in before.items():
        if name == "weights":
            assert all(torch.equal(now[name][n], w) for n, w in value.items())
        else:
            assert now[name] is value, name


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("stage", ["loss", "interrupt", "nan", "evaluate", "latency", "save"])
@pytest.mark.parametrize("is_trained", [False, True])
def test_nothing_changes(
    name: str,
    stage: str,
    is_trained: bool,
    trained: Callable[[str], Task],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind, settings, _, other = MADE[name]
    task = trained(name) if is_trained else kind(**SMALL, **settings)
    before = seen(task)
    with monkeypatch.context() as patch:
        if stage in ("loss", "interrupt"):
            patch.setattr(kind, "loss", raise_stop if stage == "loss" else interrupt)
        elif stage == "nan":
            patch.setattr(kind, "loss", not_a_number(kind.loss))
        elif stage == "latency":
            patch.setattr(kind, "_latency", raise_stop)
        elif stage == "save":
            patch.setattr(kind, "save", raise_stop)
        else:
            patch.setattr("elman.train.objective.Goal.compare", raise_stop)
        failures = (StoppedError, TrainingInterrupted, TrainingDivergedError)
        with pytest.raises(failures):
            task.fit(other, folder=tmp_path / "run", progress=False)
    assert_same(seen(task), before)
    if not is_trained:
        with pytest.raises(SettingsError, match="is not trained: call fit first"):
            task.predict(other)
        with pytest.raises(SettingsError, match="is not trained: call fit first"):
            task.save(tmp_path / "model")


@pytest.mark.parametrize("name", MADE)
def test_data_that_cannot_be_read_changes_nothing(
    name: str, trained: Callable[[str], Task], tmp_path: Path
) -> None:
    task, data = trained(name), MADE[name][2]
    before = seen(task)
    for bad, validation in [(tmp_path / "no.csv", None), ([], None), (data, tmp_path / "no.csv")]:
        with pytest.raises(ElmanError):
            task.fit(bad, validation, progress=False)
    assert_same(seen(task), before)


def test_settings_of_a_start_that_does_not_train_are_not_taken(
    trained: Callable[[str], Task],
) -> None:
    start, other = trained("classify"), MADE["classify"][3]
    task = Classify(lr=0.5)
    before = seen(task)
    with pytest.raises(ElmanError):
        task.fit((["new"] * 4, ["?", "!"] * 2), start_from=start, progress=False)
    assert_same(seen(task), before)
    assert task.settings.hidden_size == 64
    task.fit(other, start_from=start, progress=False)
    assert (task.settings.hidden_size, task.settings.lr) == (6, 0.5)


def test_a_folder_of_another_keeps_a_trained_task(
    trained: Callable[[str], Task], tmp_path: Path
) -> None:
    task, other = trained("classify"), MADE["classify"][3]
    before = seen(task)
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(FileError):
        task.fit(other, folder=tmp_path, progress=False)
    assert_same(seen(task), before)


@pytest.mark.parametrize("name", MADE)
def test_a_task_goes_on_from_itself(name: str, trained: Callable[[str], Task]) -> None:
    task, (kind, _, _, other) = trained(name), MADE[name]
    again = kind().fit(other, start_from=copy.copy(task), progress=False)
    task.fit(other, start_from=task, progress=False)
    for key, weight in again.model.state_dict().items():
        assert torch.equal(task.model.state_dict()[key], weight), key
