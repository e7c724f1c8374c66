"""Searches: the same first trials for a seed, pruning, resuming, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from elman.errors import (
    DataError,
    FileError,
    ModelError,
    SettingsError,
    TrainingDivergedError,
)
from elman.tasks.registry import BUILTIN, TASKS, commands_of
from elman.tasks.search_space import Choice, space_of
from elman.tune import Search

FILMS = (["good film", "bad film", "a fine play", "a poor play"] * 6, ["+", "-"] * 12)
SMALL = {"epochs": 2, "hidden_size": 6, "embedding_size": 4, "num_layers": 1, "batch_size": 8}


def search(folder: Path, *, resume: bool = False, seed: int = 3, **settings: Any) -> Search:
    fixed = {**SMALL, **settings}
    return Search("classify", folder, settings=fixed, seed=seed, resume=resume)


def params(found: Search) -> list[dict[str, Any]]:
    return [trial.params for trial in found.study.get_trials()]


def test_a_seed_gives_the_same_first_trials_whole_or_resumed(tmp_path: Path, capsys) -> None:
    whole = search(tmp_path / "whole")
    whole.run(FILMS, trials=4)
    search(tmp_path / "parts").run(FILMS, trials=1, progress=False)
    parts = search(tmp_path / "parts", resume=True)
    parts.run(FILMS, trials=3, progress=False)
    assert params(parts) == params(whole)
    assert [t.value for t in parts.study.get_trials()] == [t.value for t in whole.study.trials]
    assert len({json.dumps(each) for each in params(whole)}) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert re.match(r"trial 0: loss [\d.]+; lr ", lines[0])


def test_what_is_given_is_not_tuned(tmp_path: Path) -> None:
    found = search(tmp_path / "run", lr=0.02)
    assert not {"lr", "hidden_size"} & found.space.keys()
    assert "cell" in found.space
    with pytest.raises(SettingsError, match="nothing is left to tune"):
        search(
            tmp_path / "all",
            **{name: getattr(TASKS["classify"]().settings, name) for name in found.space},
            lr=0.01,
        )


def test_the_best_settings_train_the_best_trial_again(tmp_path: Path) -> None:
    found = search(tmp_path / "run")
    found.run(FILMS, trials=5, progress=False)
    page = found.write()
    settings = yaml.safe_load((tmp_path / "run" / "best.yaml").read_text())
    task = TASKS["classify"](**settings, baselines=False).fit(FILMS, progress=False)
    assert task.record["metrics"]["loss"] == found.best.value
    assert found.best.value == min(t.value for t in found.study.trials if t.value is not None)
    text = page.read_text()
    assert "Which settings matter" in text
    assert "<svg" in text.split("Which settings matter")[1]


def test_bad_trials_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(tmp_path / "run", epochs=6)
    kind = found.kind
    values: list[float] = []

    def fit(self: Any, *args: Any, after_evaluation: Any, **options: Any) -> Any:
        bad = len(values) >= 6
        values.append(9.0 if bad else 1.0)
        for _ in range(6):
            after_evaluation({"loss": values[-1]})
        self.record = {"metrics": {"loss": values[-1]}, "data": {"training_sha256": "a"}}

    monkeypatch.setattr(kind, "fit", fit)
    found.run(FILMS, trials=8, progress=False)
    states = [trial.state.name for trial in found.study.trials]
    assert states == ["COMPLETE"] * 6 + ["PRUNED"] * 2
    assert found.finished() == 8


def test_a_trial_of_a_killed_process_is_run_again(tmp_path: Path) -> None:
    killed = search(tmp_path / "run")
    trial = killed.study.ask()
    lr = trial.suggest_float("lr", 3e-4, 3e-2, log=True)
    again = search(tmp_path / "run", resume=True)
    again.take_up()
    assert again.finished() == 0
    again.run(FILMS, trials=1, progress=False)
    assert again.finished() == 1
    assert params(again)[-1]["lr"] == lr


def test_trials_that_diverge_are_counted_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = search(tmp_path / "run")

    def fit(self: Any, *args: Any, **options: Any) -> Any:
        raise TrainingDivergedError("the loss is nan")

    monkeypatch.setattr(found.kind, "fit", fit)
    found.run(FILMS, trials=4, progress=False)
    assert [trial.state.name for trial in found.study.trials] == ["FAIL"] * 4
    assert found.study.trials[0].user_attrs["error"] == "the loss is nan"
    with pytest.raises(SettingsError, match="no trial has finished"):
        found.write()
    with pytest.raises(TrainingDivergedError):  # the fifth, and none has succeeded
        found.run(FILMS, trials=1, progress=False)


def test_what_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    search(run).run(FILMS, trials=1, progress=False)
    with pytest.raises(SettingsError, match=r"holds trials: resume=True"):
        search(run)
    with pytest.raises(SettingsError, match="seed was 3 and is 4"):
        search(run, resume=True, seed=4)
    with pytest.raises(SettingsError, match="epochs was 2 and is 3"):
        search(run, resume=True, epochs=3)
    with pytest.raises(ModelError, match="no such trials"):
        search(tmp_path / "none", resume=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(FileError, match=r"notes\.txt"):
        search(other)
    with pytest.raises(SettingsError, match="hidden_size"):
        search(tmp_path / "bad", hidden_size=0)
    with pytest.raises(SettingsError, match="one network"):
        search(tmp_path / "bad", seeds=3)
    with pytest.raises(DataError, match="trained on other data"):
        search(run, resume=True).run((FILMS[0][:-2], FILMS[1][:-2]), trials=1, progress=False)


@pytest.mark.parametrize("name", BUILTIN)
def test_spaces_name_settings_and_hold_values_that_they_take(name: str) -> None:
    kind = commands_of(name).settings
    declared = kind.search_space
    assert space_of(kind).keys() == declared.keys()
    for setting, among in declared.items():
        ends = among.values if isinstance(among, Choice) else (among.low, among.high)
        for value in ends:
            assert getattr(kind(**{setting: value}), setting) == value
