"""Networks of several seeds that are trained, saved and used as one model."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import MADE

import elman
from elman.errors import FileError, SettingsError
from elman.tasks import Classify, Task
from elman.tasks.ensemble import Ensemble, networks
from elman.train import TrainingInterrupted
from elman.train.inference import infer

TEXTS = ["good film", "fine film tonight", "bad film", "poor film last night"] * 6
DATA = (TEXTS, ["+", "+", "-", "-"] * 6)
SEVERAL = (TEXTS, [("+",), ("+", "night"), ("-",), ("-", "night")] * 6)
NEW = ["a good night", "bad", "film"]
SMALL: dict[str, Any] = {
    **{"hidden_size": 6, "embedding_size": 6, "epochs": 3, "batch_size": 6, "device": "cpu"},
    **{"evaluate_every": None, "baselines": False},
}


@pytest.fixture(autouse=True)
def _heed_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def each_alone(task: Classify, texts: list[str]) -> list[np.ndarray]:
    """The probabilities of each network."""
    data = task.read(texts, labelled=False)
    batches = task.batches(task.preprocessing, data, training=False)
    return [
        task.preprocessing.probabilities(infer(network, batches, task.outputs))
        for network in networks(task.model)
    ]


@pytest.mark.parametrize("data", [DATA, SEVERAL], ids=["one label", "several"])
def test_probabilities_are_the_mean_of_the_networks(data: Any, tmp_path: Path) -> None:
    task = Classify(**SMALL, seeds=3).fit(data, data, folder=tmp_path / "run", progress=False)
    alone = each_alone(task, NEW)
    assert len({tuple(each.ravel().tolist()) for each in alone}) == 3
    assert task.predict_proba(NEW) == pytest.approx(np.mean(alone, 0), abs=1e-6)
    again = elman.load(tmp_path / "run")
    assert isinstance(again.model, Ensemble)
    assert again.predict_proba(NEW) == pytest.approx(task.predict_proba(NEW), abs=1e-6)
    assert again.evaluate(data)["loss"] == pytest.approx(task.record["metrics"]["loss"], abs=1e-5)
    card = (tmp_path / "run" / "README.md").read_text()
    gain = task.record["metrics"]["loss"] - np.mean(task.record["ensemble"]["loss"])
    assert f"3 networks together: loss {task.record['metrics']['loss']:.4f}" in card
    assert f"{gain:+.4f}" in card
    assert "3 networks" in card.splitlines()[0]
    assert "3 networks together: loss" in (tmp_path / "run" / "report.html").read_text()


def test_the_first_network_is_what_it_is_alone() -> None:
    alone = Classify(**SMALL).fit(DATA, DATA, progress=False)
    together = Classify(**SMALL, seeds=2).fit(DATA, DATA, progress=False)
    first, second = networks(together.model)
    for name, weight in alone.model.state_dict().items():
        assert torch.equal(weight, first.state_dict()[name]), name
    assert not torch.equal(first.state_dict()["head.linear.weight"], second.head.linear.weight)
    assert together.record["ensemble"]["loss"][0] == alone.record["metrics"]["loss"]
    assert together.settings.seed == 0


@pytest.mark.parametrize("step", [5, 17])
def test_resumes_exactly_in_any_network(step: int, tmp_path: Path) -> None:
    class Interrupted(Classify):
        count = 0

        def loss(self, *given: Any) -> Any:
            type(self).count += 1
            if type(self).count == step:
                signal.raise_signal(signal.SIGINT)
            return super().loss(*given)

    whole = Classify(**SMALL, seeds=2, held_out=0.2).fit(DATA, progress=False)
    task = Interrupted(**SMALL, seeds=2, held_out=0.2)
    with pytest.raises(TrainingInterrupted, match=f"resume from {tmp_path}$"):
        task.fit(DATA, folder=tmp_path, progress=False)
    resumed = Classify(**SMALL, seeds=2, held_out=0.2)
    resumed.fit(DATA, folder=tmp_path, resume=True, progress=False)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    assert resumed.record["ensemble"] == whole.record["ensemble"]
    assert resumed.history == whole.history


def test_training_goes_on_from_each_network() -> None:
    task = Classify(**SMALL, seeds=2).fit(DATA, progress=False)
    slow = Classify(lr=1e-9, epochs=1, ema=0, baselines=False)
    slow.fit(DATA, start_from=task, progress=False)
    for one, two in zip(networks(task.model), networks(slow.model), strict=True):
        assert torch.allclose(one.head.linear.weight, two.head.linear.weight, atol=1e-5)
    with pytest.raises(SettingsError, match="seeds was 2 and is 3"):
        Classify(seeds=3).fit(DATA, start_from=task, progress=False)


def test_a_session_answers_as_predict_does() -> None:
    task = Classify(**SMALL, seeds=2, bidirectional=False).fit(DATA, progress=False)
    session = task.session()
    assert session.accept("a good ").value is None
    session.accept("night")
    assert session.finish().details == task.predictions(["a good night"])[0].details


def test_a_diagnosis_is_of_the_first_network() -> None:
    task = Classify(**SMALL, seeds=2).fit(DATA, progress=False)
    assert elman.diagnose(task, DATA).layers
    assert task.examine(DATA)[0] is networks(task.model)[0]


@pytest.mark.parametrize("name", ["language", "speech", "forecast"])
def test_tasks_without_an_average_refuse(name: str, tmp_path: Path) -> None:
    kind, settings, data, _ = MADE[name]
    with pytest.raises(SettingsError, match=f"seeds=2: the task {name} does not average"):
        kind(**settings, seeds=2).fit(data, folder=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_users_folder_within_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "run" / "seed-1").mkdir(parents=True)
    (tmp_path / "run" / "seed-1" / "metrics.jsonl").write_text("mine")
    (tmp_path / "run" / ".gitkeep").touch()
    Classify(**SMALL).fit(DATA, progress=False).save(tmp_path / "model")
    with pytest.raises(FileError, match="holds other files"):
        Classify(**SMALL, seeds=2).fit(DATA, folder=tmp_path / "run", progress=False)
    (tmp_path / "model" / "seed-1").mkdir()
    (tmp_path / "model" / "seed-1" / "metrics.jsonl").write_text("mine")
    with pytest.raises(FileError, match="seed-1 holds other files"):
        Classify(**SMALL, seeds=2).fit(DATA, folder=tmp_path / "model", progress=False)


def test_a_saved_ensemble_of_other_weights_is_refused(tmp_path: Path) -> None:
    Classify(**SMALL).fit(DATA, progress=False).save(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["settings"]["seeds"] = 2
    config["checksum"] = elman.folders.checksum({k: config[k] for k in config if k != "checksum"})
    path.write_text(json.dumps(config))
    with pytest.raises(elman.errors.ModelError, match="members"):
        elman.load(tmp_path)


def test_the_base_averages_nothing_by_itself() -> None:
    with pytest.raises(NotImplementedError):
        Task.average(Classify(), [])
