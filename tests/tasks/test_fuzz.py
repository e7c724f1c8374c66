"""Model folders that somebody changed and signed anew: refused in one line, or they predict."""

import json
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.data import Audio
from elman.errors import ModelError
from elman.files import sha256
from elman.folders import checksum
from elman.tasks import Classify, Forecast, Language, Speech
from elman.tensor_files import read_tensors, write_tensors

SMALL: dict[str, Any] = {"hidden_size": 4, "epochs": 1, "batch_size": 4}
VALUES: list[Any] = [
    *(None, True, False, -1, 0, 1, 10**9, 10**30, 1e308, float("nan"), float("inf"), 0.5),
    *("", "x", "\ud800", "y" * 10**5, "../x", "\0", [], {}, [[]], [None], {"a": 1}, [0] * 1000),
]


def say(text: str) -> Audio:
    time = np.arange(400) / 8000
    hertz = [{"a": 400, "b": 1500}.get(letter, 0) for letter in f" {text} "]
    tones = [np.sin(2 * np.pi * each * time) for each in hertz]
    return Audio(np.concatenate(tones).astype(np.float32) / 2, 8000)


WORDS = ["a", "b", "ab a", "ba"]
SALES = {
    "unique_id": ["north"] * 60 + ["south"] * 60,
    "ds": list(np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")) * 2,
    "y": np.arange(120) % 7 + 10.0,
    "kind": ["big"] * 60 + ["small"] * 60,
}
VECTORS = [np.random.default_rng(i).normal(size=(5, 2)).astype(np.float32) for i in range(8)]
MADE: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "classify": (
        lambda: Classify(**SMALL, embedding_size=4).fit(
            (["good film", "bad film"] * 6, ["+", "-"] * 6), progress=False
        ),
        lambda task: task.rows(["a film"]),
    ),
    "vectors": (
        lambda: Classify(**SMALL).fit((VECTORS, ["x", "y"] * 4), progress=False),
        lambda task: task.rows(VECTORS),
    ),
    "language": (
        lambda: Language(**SMALL, embedding_size=4).fit(["the cat sat. " * 20], progress=False),
        lambda task: task.generate("the", length=3, seed=0),
    ),
    "bpe": (
        lambda: Language(**SMALL, embedding_size=4, tokens="bpe", vocabulary_size=265).fit(
            ["the cat sat. " * 20], progress=False
        ),
        lambda task: task.generate("the", length=3, seed=0),
    ),
    "speech": (
        lambda: Speech(**SMALL, num_layers=1, speed=0, ngram=2).fit(
            [(say(text), text) for text in WORDS * 2], progress=False
        ),
        lambda task: task.rows([say("ab")]),
    ),
    "forecast": (
        lambda: Forecast(**SMALL, horizon=3, static="kind").fit(SALES, progress=False),
        lambda task: task.rows(None),
    ),
    "student_t": (
        lambda: Forecast(**SMALL, horizon=3, head="student_t", paths=20).fit(
            {name: SALES[name] for name in ("unique_id", "ds", "y")}, progress=False
        ),
        lambda task: task.rows(None),
    ),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        for name, (make, _) in MADE.items():
            make().save(root / name)
    return root


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place within a tree: what holds it, and its key there."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in pairs:
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def change(draw: random.Random, tree: Any) -> None:
    holder, key = draw.choice(list(places(tree)))
    how = draw.random()
    if how < 0.15:
        del holder[key]
    elif how < 0.25:
        other, there = draw.choice(list(places(tree)))
        holder[key] = json.loads(json.dumps(other[there]))
    elif how < 0.35 and isinstance(holder[key], list):
        holder[key] = holder[key] * 2 if draw.random() < 0.5 else holder[key][:-1]
    elif how < 0.45 and isinstance(holder[key], int | float):
        holder[key] = draw.choice([-holder[key], holder[key] + 1, 2 * holder[key], 1e9])
    else:
        holder[key] = draw.choice(VALUES)


def change_tensors(draw: random.Random, path: Path) -> None:
    tensors, metadata = read_tensors(path)
    name = draw.choice(sorted(tensors))
    tensor = tensors[name]
    how = draw.randrange(5)
    if how == 0:
        del tensors[name]
    elif how == 1:
        tensors[name] = tensor.to(draw.choice([torch.float64, torch.int64, torch.float16]))
    elif how == 2:
        tensors[name] = draw.choice([torch.zeros(0), torch.ones(()), torch.ones(2, 3)])
    elif how == 3:
        tensors[name + "x"] = tensor.clone()
    else:
        tensors[name] = torch.full_like(tensor, draw.choice([0, -1, 127]))
    write_tensors(path, tensors, metadata)


def change_bytes(draw: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 4)):
        content[draw.randrange(min(len(content), 600))] = draw.randrange(256)
    path.write_bytes(content[: draw.choice([len(content), len(content) // 2, 0, len(content)])])


def spoil(draw: random.Random, folder: Path) -> None:
    """Change one thing of a model and sign it as its writer would."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config.pop("checksum")
    name = draw.choice(["config.json"] * 5 + sorted(config["files"]))
    if name == "config.json":
        change(draw, config)
    elif name.endswith(".safetensors") and draw.random() < 0.8:
        change_tensors(draw, folder / name)
    elif name.endswith(".json") and draw.random() < 0.7:
        content = json.loads((folder / name).read_bytes())
        change(draw, content)
        (folder / name).write_text(json.dumps(content))
    else:
        change_bytes(draw, folder / name)
    if isinstance(config.get("files"), dict):
        for each in config["files"]:
            if isinstance(each, str) and "/" not in each and (folder / each[:50]).is_file():
                config["files"][each] = sha256(folder / each)
    try:
        config["checksum"] = checksum(config)
    except UnicodeEncodeError:  # half a character
        config["checksum"] = ""
    (folder / "config.json").write_text(json.dumps(config))


def loaded(folder: Path) -> tuple[Any, str]:
    """The task, or why it is refused."""
    try:
        return elman.load(folder), ""
    except ModelError as error:
        return None, str(error)


COUNT = 40


@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_changed_model_is_refused_or_predicts(name: str, models: Path, tmp_path: Path) -> None:
    use, draw, refused = MADE[name][1], random.Random(11), 0
    folder = tmp_path / "model"
    use(elman.load(models / name))
    for _ in range(COUNT):
        shutil.copytree(models / name, folder)
        spoil(draw, folder)
        task, message = loaded(folder)
        if task is not None:
            use(task)
        else:
            refused += 1
            assert str(folder) in message
            assert "\n" not in message
            assert len(message) < 600
        shutil.rmtree(folder)
    assert refused > COUNT / 3
