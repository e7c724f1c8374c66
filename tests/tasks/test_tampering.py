"""What was damaged or tampered with is refused in one clear line, and nothing of it runs."""

import hashlib
import json
import pickle
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import elman
from elman.data import build_vocabulary
from elman.errors import ModelError
from elman.files import sha256
from elman.tasks import Classify, Language

SMALL: dict[str, Any] = {"hidden_size": 4, "embedding_size": 4, "epochs": 1, "batch_size": 4}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        data = (["good film", "bad film"] * 6, ["+", "-"] * 6)
        Classify(**SMALL).fit(data, progress=False).save(root / "classify")
        text = ["the cat sat on the mat. " * 20]
        Language(**SMALL).fit(text, progress=False).save(root / "language")
    return root


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models / "classify", tmp_path / "model"))


@pytest.fixture
def language_folder(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models / "language", tmp_path / "language"))


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        elman.load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert str(folder) in message
    for word in words:
        assert word in message


def edit(folder: Path, change: Callable[[dict[str, Any]], Any], *, rehash: bool = True) -> None:
    """Change config.json; with `rehash` as somebody would who knows how its checksum is made."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config)
    if rehash:
        config.pop("checksum", None)
        for name in config["files"]:
            if (folder / name).is_file():
                config["files"][name] = sha256(folder / name)
        plain = json.dumps(config, sort_keys=True, ensure_ascii=False)
        config["checksum"] = hashlib.sha256(plain.encode()).hexdigest()
    path.write_text(json.dumps(config), encoding="utf-8")


def keep(_: dict[str, Any]) -> None:
    pass


def test_the_copies_load_before_they_are_tampered_with(folder: Path) -> None:
    edit(folder, keep)
    assert elman.load(folder).predict(["good film"])


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocabulary.json"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, "model.safetensors is damaged or was changed")
    edit(folder, keep)
    refused(folder, "model.safetensors is damaged")


def test_a_flipped_bit_in_the_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    refused(folder, "model.safetensors is damaged or was changed", "SHA-256")


def test_a_replaced_vocabulary(folder: Path, language_folder: Path) -> None:
    shutil.copy(language_folder / "vocabulary.json", folder)
    refused(folder, "vocabulary.json is damaged or was changed")
    edit(folder, keep)
    refused(folder, "its n-grams are of words, and its vocabulary of characters")
    build_vocabulary("words", ["one word more than there was"]).save(folder / "vocabulary.json")
    edit(folder, keep)
    refused(folder, "encoder.embedding.weight")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", "[" * 100_000, '{"version": 1, "kind": "os.system"}']
)
def test_a_vocabulary_that_is_none(folder: Path, content: str) -> None:
    (folder / "vocabulary.json").write_text(content)
    edit(folder, keep)
    refused(folder, "vocabulary.json is not a vocabulary")


@pytest.mark.parametrize(
    "content",
    ["", "not json", "[]", "null", "{}", '{"files": 3}', '{"a":' * 100_000, "[" * 100_000],
    ids=lambda content: content[:10],
)
def test_a_configuration_that_is_none(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    refused(folder, "config.json")


def test_a_configuration_that_is_not_text(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00\x01")
    refused(folder, "config.json is damaged")


def test_an_edited_configuration(folder: Path) -> None:
    edit(folder, lambda c: c["settings"].update(hidden_size=5), rehash=False)
    refused(folder, "config.json was changed since it was saved")


def test_a_checksum_that_is_missing(folder: Path) -> None:
    edit(folder, lambda c: c.pop("checksum"), rehash=False)
    refused(folder, "config.json was changed since it was saved")


@pytest.mark.parametrize("size", [5, 10**9, 10**12, 10**18, 10**30])
@pytest.mark.parametrize("name", ["hidden_size", "embedding_size"])
def test_absurd_sizes_cost_no_memory(folder: Path, name: str, size: int) -> None:
    edit(folder, lambda c: c["settings"].update({name: size}))
    refused(folder, "does not hold what its task needs")


@pytest.mark.parametrize("settings", [{"num_layers": 10**9}, {"num_layers": 3}])
def test_absurdly_many_layers_cost_no_time(folder: Path, settings: dict[str, Any]) -> None:
    edit(folder, lambda c: c["settings"].update(settings))
    refused(folder, "does not hold what its task needs")


def test_absurd_sizes_of_features(folder: Path) -> None:
    edit(folder, lambda c: c.update(features=10**12))
    refused(folder, "does not hold what its task needs")


def test_the_header_of_the_weights_cannot_claim_what_is_not_there(folder: Path) -> None:
    header = b'{"w": {"dtype": "F32", "shape": [1000000000], "data_offsets": [0, 4000000000]}}'
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    edit(folder, keep)
    tracemalloc.start()
    refused(folder, "model.safetensors is damaged")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "labels",
    [
        "+-",
        None,
        3,
        {"+": 0, "-": 1},
        ["+", 1],
        ["+", ["-"]],
        ["+", "+"],
        [],
        ["+"],
        ["+", "-", "?"],
    ],
    ids=str,
)
def test_labels_of_a_wrong_kind(folder: Path, labels: Any) -> None:
    edit(folder, lambda c: c.update(labels=labels))
    refused(folder, "does not hold what its task needs")


@pytest.mark.parametrize(
    "change",
    [
        {"several": "yes"},
        {"several": None},
        {"features": "2"},
        {"features": True},
        {"features": -1},
        {"features": 2},
    ],
    ids=str,
)
def test_values_of_a_wrong_kind(folder: Path, change: dict[str, Any]) -> None:
    edit(folder, lambda c: c.update(change))
    refused(folder, "does not hold what its task needs")


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": "many"},
        {"hidden_size": 4.5},
        {"hidden_size": -1},
        {"hidden_size": None},
        {"pooling": "__import__"},
        {"dropout": float("nan")},
        {"unheard_of": 1},
    ],
    ids=str,
)
def test_settings_of_a_wrong_kind(folder: Path, settings: dict[str, Any]) -> None:
    edit(folder, lambda c: c["settings"].update(settings))
    refused(folder, "does not hold what its task needs", *settings)


@pytest.mark.parametrize("name", ["settings", "record", "labels", "several", "features"])
@pytest.mark.parametrize("value", ["missing", "none", []])
def test_parts_that_are_missing(folder: Path, name: str, value: Any) -> None:
    edit(folder, lambda c: c.pop(name) if value == "missing" else c.update({name: value}))
    refused(folder, "does not hold what its task needs")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "..", "..\\secret"])
def test_a_path_out_of_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_text("secret")
    edit(folder, lambda c: c["files"].update({name: sha256(folder.parent / "secret")}))
    refused(folder)


def test_weights_that_the_configuration_does_not_vouch_for(folder: Path) -> None:
    edit(folder, lambda c: c["files"].pop("model.safetensors"))
    refused(folder, "names no model.safetensors")


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was run",)


def test_a_pickle_in_the_place_of_weights_is_not_run(folder: Path) -> None:
    path = folder / "model.safetensors"
    for content in (pickle.dumps(Trap()), pickle.dumps({"w": [1.0]})):
        path.write_bytes(content)
        edit(folder, keep)
        refused(folder, "model.safetensors is damaged")
    torch.save({"w": torch.ones(2)}, path)
    edit(folder, keep)
    refused(folder, "model.safetensors is damaged")


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.pop("head.linear.bias"),
        lambda w: w.update(extra=torch.ones(1)),
        lambda w: w.update({"head.linear.bias": torch.ones(3)}),
        lambda w: w.update({"head.linear.bias": torch.ones(2, dtype=torch.float64)}),
        lambda w: w.update({"head.linear.bias": torch.ones(2, dtype=torch.int32)}),
    ],
)
def test_weights_of_another_model(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    edit(folder, keep)
    refused(folder, "where the settings ask for")


@pytest.mark.parametrize("version", [2, "1", None, True])
def test_a_format_of_the_future(folder: Path, version: Any) -> None:
    edit(folder, lambda c: c.update(format=version))
    refused(folder, "this elman reads format 1")


@pytest.mark.parametrize("task", ["paint", None, 3, ["classify"], {}])
def test_an_unknown_task(folder: Path, task: Any) -> None:
    edit(folder, lambda c: c.update(task=task))
    refused(folder, "is of the task", "classify, forecast, handwriting")


def test_another_task_than_the_folders(folder: Path, language_folder: Path) -> None:
    edit(folder, lambda c: c.update(task="language"))
    refused(folder, "does not hold what its task needs")
    edit(language_folder, lambda c: c.update(task="classify"))
    refused(language_folder, "does not hold what its task needs")


def test_an_unknown_cell(folder: Path) -> None:
    edit(folder, lambda c: c["settings"].update(cell="Mine"))
    refused(folder, 'uses the cell "Mine", which is not built in', "cells=[Mine]")


@pytest.mark.parametrize("cell", [None, 3, ["lstm"], {}])
def test_a_cell_of_a_wrong_kind(folder: Path, cell: Any) -> None:
    edit(folder, lambda c: c["settings"].update(cell=cell))
    refused(folder, "not built in")


def test_another_cell_than_the_weights(folder: Path) -> None:
    edit(folder, lambda c: c["settings"].update(cell="gru"))
    refused(folder, "recurrent.weight_ih_l0")


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    refused(tmp_path, "is not a saved model: there is no config.json")
    file = tmp_path / "file"
    file.write_text("{}")
    refused(file, "is not a saved model")
    (tmp_path / "config.json").mkdir()
    refused(tmp_path, "is not a saved model")


def test_the_device_of_the_training_machine_is_not_asked_for(folder: Path) -> None:
    edit(folder, lambda c: c["settings"].update(device="cuda:7"))
    assert elman.load(folder).settings.device == "auto"
