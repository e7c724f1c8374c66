"""Saved and loaded, a model is what it was, bit for bit."""

import json
import math
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

import elman
from elman.cells import BUILTIN
from elman.errors import ModelError
from elman.files import sha256
from elman.math import tanh
from elman.tasks import Classify, Language
from elman.tasks.classify.ngram_model import NGRAMS

TEXTS = ["good film", "fine film tonight", "bad film", "poor film last night"] * 3
LABELS = ["+", "+", "-", "-"] * 3
TEXT = "the cat sat on the mat. " * 20
SMALL: dict[str, Any] = {"hidden_size": 4, "embedding_size": 4, "epochs": 1, "batch_size": 4}

COMMON: list[dict[str, Any]] = [
    *({"cell": name} for name in BUILTIN),
    {"layer_norm": True, "num_layers": 2, "residual": True},
    {"learn_initial_state": True, "forget_bias": 1.0, "init": "orthogonal"},
    {"init": "identity", "cell": "rnn_relu"},
    {"zoneout": 0.1, "recurrent_dropout": 0.1, "weight_dropout": 0.1, "dropout": 0.1},
    {"ema": 0.9, "optimizer": "sgd", "momentum": 0.9, "backend": "reference"},
]
CLASSIFY: list[dict[str, Any]] = [
    *({"tokens": name} for name in ("words", "characters", "bpe")),
    *({"pooling": name} for name in ("attention", "mean", "max", "mean_max", "last")),
    {"bidirectional": False, "lowercase": False, "token_dropout": 0.1},
    {"class_weights": "balanced", "label_smoothing": 0.1, "vocabulary_size": 5, "min_count": 2},
]
LANGUAGE: list[dict[str, Any]] = [
    {"tokens": "bpe", "vocabulary_size": 270},
    {"tie_weights": True},
    {"tie_weights": True, "embedding_size": 6, "num_layers": 2},
    {"embedding_dropout": 0.1, "activation_penalty": 1.0, "change_penalty": 1.0},
]


class Leaky(elman.Cell):
    gates = ("h",)
    params = {"a": (0.2, 0.9)}

    def step(self, x, r, s, p):
        return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}


def classifier(**settings: Any) -> Classify:
    return Classify(**{**SMALL, **settings}).fit((TEXTS, LABELS), progress=False)


def language(**settings: Any) -> Language:
    return Language(**{**SMALL, **settings}).fit([TEXT], progress=False)


def identical(one: torch.nn.Module, other: torch.nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert list(first) == list(second)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert value.dtype == second[name].dtype, name


@pytest.mark.parametrize("settings", COMMON + CLASSIFY, ids=str)
def test_a_classifier_is_what_it_was(settings: dict[str, Any], tmp_path: Path) -> None:
    task = classifier(**settings)
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    assert isinstance(loaded, Classify)
    assert loaded.settings == task.settings
    assert loaded.record == task.record
    identical(task.model, loaded.model)
    texts = ["a fine film", "Bad!", "何?"]
    assert np.array_equal(task.predict_proba(texts), loaded.predict_proba(texts))
    assert task.rows(texts) == loaded.rows(texts)
    assert task.evaluate((TEXTS, LABELS)) == loaded.evaluate((TEXTS, LABELS))


@pytest.mark.parametrize("settings", COMMON + LANGUAGE, ids=str)
def test_a_language_model_is_what_it_was(settings: dict[str, Any], tmp_path: Path) -> None:
    task = language(**settings)
    task.save(tmp_path / "model")
    loaded = elman.load(str(tmp_path / "model"))
    assert isinstance(loaded, Language)
    assert loaded.settings == task.settings
    identical(task.model, loaded.model)
    assert task.evaluate([TEXT]) == loaded.evaluate([TEXT])
    assert task.generate("the", seed=3, length=30) == loaded.generate("the", seed=3, length=30)


@pytest.mark.parametrize("several", [False, True])
def test_a_classifier_of_features_is_what_it_was(several: bool, tmp_path: Path) -> None:
    inputs = [np.random.default_rng(i).normal(size=(5 + i % 3, 2)) for i in range(12)]
    labels: Any = ["x", "y"] * 6
    if several:
        labels = [("x",), ("x", "y"), ()] * 4
    task = Classify(**SMALL, baselines=False)
    task.fit((inputs, labels), (inputs, labels), progress=False)
    task.save(tmp_path)
    loaded = elman.load(tmp_path)
    assert isinstance(loaded, Classify)
    assert (loaded.several, loaded.features) == (several, 2)
    assert np.array_equal(task.predict_proba(inputs), loaded.predict_proba(inputs))
    assert task.predict(inputs) == loaded.predict(inputs)


def test_saved_again_the_files_are_the_same(tmp_path: Path) -> None:
    classifier().save(tmp_path / "one")
    elman.load(tmp_path / "one").save(tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        again = (tmp_path / "two" / file.name).read_bytes()
        if file.name == "config.json":
            assert json.loads(file.read_bytes()) == {**json.loads(again), "settings": ANY_DEVICE}
        else:
            assert file.read_bytes() == again, file.name


class _AnyDevice:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other["device"] == "auto"


ANY_DEVICE = _AnyDevice()


def test_a_model_of_ones_own_cell(tmp_path: Path) -> None:
    task = classifier(cell=Leaky)
    path = tmp_path / "model"
    task.save(path)
    with pytest.raises(ModelError, match=r'uses the cell "Leaky".*cells=\[Leaky\]'):
        elman.load(path)
    for given in (Leaky, Leaky()):
        loaded = elman.load(path, cells=[given])
        assert np.array_equal(task.predict_proba(TEXTS), loaded.predict_proba(TEXTS))


def test_a_model_of_a_built_in_cells_class_needs_no_cells(tmp_path: Path) -> None:
    classifier(cell=elman.cells.MGU).save(tmp_path)
    assert elman.load(tmp_path).settings.cell == "mgu"


def test_the_loaded_model_does_not_train(tmp_path: Path) -> None:
    classifier(dropout=0.5).save(tmp_path)
    assert not elman.load(tmp_path).model.training


def test_the_folder_is_json_safetensors_and_a_card(tmp_path: Path) -> None:
    task = classifier()
    task.save(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["README.md", "config.json", "model.safetensors", NGRAMS, "vocabulary.json"]
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["task"] == "classify"
    assert config["elman"] == elman.__version__
    assert config["settings"]["hidden_size"] == 4
    assert config["labels"] == ["+", "-"]
    assert config["files"] == {
        name: sha256(tmp_path / name) for name in ("model.safetensors", NGRAMS, "vocabulary.json")
    }
    parameters = sum(p.numel() for p in task.model.parameters())
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"{parameters:,} parameters" in card
    assert f"| training sha256 | {config['record']['data']['training_sha256']} |" in card
    assert f"| accuracy | {config['record']['metrics']['accuracy']} |" in card
    assert f"One prediction took {config['record']['latency_ms']} ms" in card


def test_the_record_says_what_training_came_to() -> None:
    record = classifier(max_steps=2).record
    assert record["training"]["steps"] == 2
    assert record["training"]["stopped_because"] == "finished"
    assert record["data"]["labels"] == "+, -"
    assert len(record["data"]["training_sha256"]) == 64
    assert record["latency_ms"] > 0
    assert set(record["metrics"]) == {"accuracy", "macro_f1", "loss", "calibration_error"}
    data = language().record["data"]
    assert data["vocabulary"] == f"{len(set(TEXT)) + 2} characters"
    assert data["training_tokens"] + data["validation_tokens"] == len(TEXT)


def test_a_record_with_nan_is_standard_json_and_comes_back(tmp_path: Path) -> None:
    task, row = classifier(epochs=1), {"name": "guess", "metric": "accuracy", "note": ""}
    row |= {"model": 0.5, "winner": "undecided", "maximize": True, "examples": 3}
    row |= {"baseline": math.nan, "low": math.nan, "high": math.nan}
    task.record = {"metrics": {"loss": math.nan, "accuracy": 0.5}, "baselines": [row]}
    task.save(tmp_path / "one")
    text = (tmp_path / "one" / "config.json").read_text()
    record = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["record"]["metrics"] == {"loss": None, "accuracy": 0.5}
    again = elman.load(tmp_path / "one")
    assert math.isnan(again.record["metrics"]["loss"])
    (row,) = again.record["baselines"]
    assert all(math.isnan(row[name]) for name in ("baseline", "low", "high"))
    again.save(tmp_path / "two")
    assert (tmp_path / "two" / "config.json").read_text() == text


def test_a_model_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = classifier()
    task.save(tmp_path)
    (tmp_path / "optimizer.bin").write_text("of no use")
    downloads = tmp_path.parent / f"{tmp_path.name}-hub"
    downloads.mkdir()

    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        assert name == "somebody/films"
        for file in tmp_path.iterdir():
            if any(fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copy(file, downloads)
        return str(downloads)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    loaded = elman.load("somebody/films")
    names = ["README.md", "config.json", "model.safetensors", NGRAMS, "vocabulary.json"]
    assert sorted(path.name for path in downloads.iterdir()) == names
    assert np.array_equal(task.predict_proba(TEXTS), loaded.predict_proba(TEXTS))


def test_a_hub_repository_that_is_no_model_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(ModelError, match=r"is not a saved model: there is no config\.json"):
        elman.load("somebody/films")
    (tmp_path / "config.json").write_text('{"format": 1, "files": {"*": "0"}}')
    with pytest.raises(ModelError, match="its checksum is another"):
        elman.load("somebody/films")
    assert asked == [("somebody/films", ["config.json"])] * 2


@pytest.mark.parametrize(
    "error",
    [
        LocalEntryNotFoundError("no\nnetwork"),
        HFValidationError("a bad name"),
        ConnectionError("no network"),
    ],
)
def test_a_model_that_the_hub_does_not_give(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(ModelError, match="somebody/films: there is no such folder") as caught:
        elman.load("somebody/films")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "/no/where", "./no/where", "a/b/c", "~/model"])
def test_a_path_is_not_looked_for_on_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", None)
    with pytest.raises(ModelError, match="neither a model folder nor a hub name"):
        elman.load(name)
