"""Checkpoints that somebody changed: refused in one line, whatever was changed, and never run."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from elman.errors import ElmanError
from elman.tensor_files import read_tensors, write_tensors
from elman.train import CHECKPOINT, Step, TrainSettings, fit
from elman.train.checkpoint import digest

VALUES: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        10**30,
        1e308,
        float("nan"),
        "",
        "x",
        "\ud800",
        [],
        {},
        [[]],
        {"dict": []},
    ),
    *({"tensor": "nowhere"}, {"tuple": [1]}, {"tensor": None}, {"os": "system"}, [0] * 1000),
]


class Ones:
    def __len__(self) -> int:
        return 3

    def epoch(self, e: int, start: int = 0) -> Iterator[torch.Tensor]:
        for _ in range(start, 3):
            yield torch.ones(2, 1, 2)


def loss(model: nn.GRU, x: torch.Tensor, state: Any) -> Step:
    y, state = model(x, state)
    return Step(y.square().mean() + 1, 1, state)


SETTINGS = {
    "adamw": TrainSettings(epochs=2, ema=0.5, monitor="gradients", optimizer="adamw"),
    "nadam": TrainSettings(epochs=2, optimizer="nadam"),
    "sgd": TrainSettings(epochs=2, optimizer="sgd", momentum=0.5, schedule="constant"),
}


def run(folder: Path, name: str, *, resume: bool, stop: int | None = None) -> None:
    calls = 0

    def counted(model: Any, x: torch.Tensor, state: Any) -> Step:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyError("stop")
        return loss(model, x, state)

    torch.manual_seed(0)
    fit(
        nn.GRU(2, 3),
        Ones(),
        counted,
        settings=SETTINGS[name].model_copy(update={"checkpoint_every": 1}),
        evaluate=lambda model: {"loss": 1.0},
        folder=folder,
        progress=False,
        resume=resume,
    )


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place within a tree: what holds it, and its key there."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in pairs:
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def change(draw: random.Random, tree: Any, tensors: dict[str, torch.Tensor]) -> None:
    """Change one thing, as somebody would who then signs the checkpoint anew."""
    if draw.random() < 0.2:
        name = draw.choice(sorted(tensors))
        others: list[Any] = [torch.ones(1), torch.ones(3, 3), torch.zeros(0), torch.arange(4)]
        tensors[name] = draw.choice(others).to(draw.choice([torch.float32, torch.int64]))
        return
    holder, key = draw.choice(list(places(tree)))
    how = draw.random()
    if how < 0.2:
        del holder[key]
    elif how < 0.3 and isinstance(holder, list):
        holder.append(holder[key])
    elif how < 0.4:
        other, there = draw.choice(list(places(tree)))
        holder[key] = json.loads(json.dumps(other[there]))
    else:
        holder[key] = draw.choice(VALUES)


def refusal(folder: Path, name: str) -> str | None:
    """What is said if the run cannot be resumed."""
    try:
        run(folder, name, resume=True)
    except ElmanError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", SETTINGS)
def test_a_changed_checkpoint_is_refused_or_trains_to_its_end(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyError):
        run(tmp_path, name, resume=False, stop=5)
    path = tmp_path / CHECKPOINT
    whole, metadata = read_tensors(path)
    draw, refused = random.Random(4), 0
    for _ in range(60):
        tree, tensors = json.loads(metadata["tree"]), dict(whole)
        change(draw, tree, tensors)
        text = json.dumps(tree)
        signed = {**metadata, "tree": text, "sha256": digest(text, tensors)}
        write_tensors(path, {n: t.clone() for n, t in tensors.items()}, signed)
        message = refusal(tmp_path, name)
        if message is not None:
            refused += 1
            assert str(path) in message
            assert "\n" not in message
            assert len(message) < 1000
    assert refused > 20


def test_what_is_not_signed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        run(tmp_path, "sgd", resume=False, stop=5)
    path = tmp_path / CHECKPOINT
    tensors, metadata = read_tensors(path)
    for tree in ("", "[" * 10**5, "1" * 5000, "[]", "null", '{"dict": 3}', '{"a": 1, "b": 2}'):
        write_tensors(path, tensors, {**metadata, "tree": tree, "sha256": digest(tree, tensors)})
        with pytest.raises(ElmanError, match="the checkpoint is damaged"):
            run(tmp_path, "sgd", resume=True)
    with pytest.raises(ElmanError, match="the checkpoint is damaged"):
        run(tmp_path, "sgd", resume=False)
    tree = metadata["tree"].replace("0", "1")
    write_tensors(path, tensors, {**metadata, "tree": tree})
    with pytest.raises(ElmanError, match="its checksum does not fit"):
        run(tmp_path, "sgd", resume=True)
