"""A task that is interrupted and resumed ends with the very weights of an unbroken one."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.errors import SettingsError
from elman.tasks import Classify, Language, Task
from elman.train import TrainingInterrupted

TEXTS = ["good film", "fine film tonight", "bad film", "poor film last night"] * 6
DATA: dict[type[Task], Any] = {
    Classify: (TEXTS, ["+", "+", "-", "-"] * 6),
    Language: ["the cat sat on the mat. " * 40],
}
SMALL: dict[str, Any] = {
    "hidden_size": 6,
    "embedding_size": 6,
    "epochs": 3,
    "batch_size": 3,
    "dropout": 0.2,
    "weight_dropout": 0.2,
    "zoneout": 0.1,
    "ema": 0.5,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def _heed_interrupts() -> Iterator[None]:
    """As in a terminal; a shell's background jobs ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_at(kind: type[Task], step: int) -> type[Task]:
    """The task, but Ctrl-C comes while the loss of that step is computed."""

    class Interrupted(kind):  # type: ignore[misc, valid-type]
        count = 0

        def loss(self, *given: Any) -> Any:
            self.count += 1
            if self.count == step:
                signal.raise_signal(signal.SIGINT)
            return super().loss(*given)

    return Interrupted


@pytest.mark.parametrize("kind", [Classify, Language])
@pytest.mark.parametrize("step", [1, 5])
def test_resumes_exactly(kind: type[Task], step: int, tmp_path: Path) -> None:
    unbroken = kind(**SMALL).fit(DATA[kind], folder=tmp_path / "unbroken", progress=False)
    folder = tmp_path / "broken"
    with pytest.raises(TrainingInterrupted) as stop:
        interrupted_at(kind, step)(**SMALL).fit(DATA[kind], folder=folder, progress=False)
    assert stop.value.result.step == step
    assert not (folder / "config.json").exists()
    with pytest.raises(SettingsError, match="checkpoint"):
        kind(**SMALL).fit(DATA[kind], folder=folder, progress=False)
    resumed = kind(**SMALL).fit(DATA[kind], folder=folder, resume=True, progress=False)
    loaded = elman.load(folder)
    for name, value in unbroken.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
        assert torch.equal(value, loaded.model.state_dict()[name]), name
    assert resumed.record["metrics"] == unbroken.record["metrics"]
    assert resumed.record["training"]["steps"] == unbroken.record["training"]["steps"]


@pytest.mark.parametrize("kind", [Classify, Language])
def test_a_finished_run_resumed_is_the_same_model(kind: type[Task], tmp_path: Path) -> None:
    kind(**SMALL).fit(DATA[kind], folder=tmp_path, progress=False)
    weights = (tmp_path / "model.safetensors").read_bytes()
    kind(**SMALL).fit(DATA[kind], folder=tmp_path, resume=True, progress=False)
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_other_settings_are_refused(tmp_path: Path) -> None:
    Classify(**SMALL).fit(DATA[Classify], folder=tmp_path, progress=False)
    other = Classify(**{**SMALL, "hidden_size": 7})
    with pytest.raises(SettingsError, match="hidden_size was 6 and is 7"):
        other.fit(DATA[Classify], folder=tmp_path, resume=True, progress=False)


def test_other_data_are_refused(tmp_path: Path) -> None:
    Classify(**SMALL).fit(DATA[Classify], folder=tmp_path, progress=False)
    texts = [f"{text} {i}" for i, text in enumerate(TEXTS)]
    with pytest.raises(elman.ElmanError):
        Classify(**SMALL).fit(
            (texts, DATA[Classify][1]), folder=tmp_path, resume=True, progress=False
        )


def test_the_log_is_json_lines(tmp_path: Path) -> None:
    Classify(**SMALL).fit(DATA[Classify], folder=tmp_path, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert any("accuracy" in line for line in lines)
