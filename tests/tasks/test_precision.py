"""A saved model predicts the same whatever torch.set_default_dtype says where it is loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.tasks import Classify, Forecast, Language, Speech

SMALL: dict[str, Any] = {"hidden_size": 4, "epochs": 1, "batch_size": 4, "device": "cpu"}
VECTORS = [np.random.default_rng(i).normal(size=(6, 2)).astype(np.float32) for i in range(12)]
DAYS = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
SALES = {"ds": DAYS, "y": 10.0 + np.arange(60) % 7}
SPOKEN = [(each, text) for each, text in zip(VECTORS, ["a", "b"] * 6, strict=True)]


def numbers(table: Any) -> Any:
    return np.stack([np.asarray(v, float) for name, v in table.items() if name != "ds"])


MADE: dict[str, Any] = {
    "classify": (
        lambda: Classify(**SMALL, embedding_size=4).fit(
            (["good film", "bad film"] * 6, ["+", "-"] * 6), progress=False
        ),
        lambda task: task.predict_proba(["a good film"]),
    ),
    "several": (
        lambda: Classify(**SMALL).fit((VECTORS, [("x",), ("x", "y"), ()] * 4), progress=False),
        lambda task: task.predict_proba(VECTORS),
    ),
    "language": (
        lambda: Language(**SMALL, embedding_size=4).fit(["the cat sat. " * 20], progress=False),
        lambda task: np.array([*task.evaluate(["the cat sat"]).values()]),
    ),
    "speech": (
        lambda: Speech(**SMALL, num_layers=1, stack=2).fit(SPOKEN, progress=False),
        lambda task: task.log_probs(VECTORS[:1])[0],
    ),
    "forecast": (
        lambda: Forecast(**SMALL, horizon=3).fit(SALES, progress=False),
        lambda task: numbers(task.predict()),
    ),
    "student_t": (
        lambda: Forecast(**SMALL, horizon=3, head="student_t", paths=20).fit(SALES, progress=False),
        lambda task: numbers(task.predict()),
    ),
}


@pytest.fixture(autouse=True)
def _usual_afterwards() -> Iterator[None]:
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("trained", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_predicts_the_same(name: str, trained: torch.dtype, tmp_path: Path) -> None:
    make, use = MADE[name]
    torch.set_default_dtype(trained)
    task = make()
    task.save(tmp_path / "model")
    expected = use(task)
    for here in (torch.float32, torch.float64):
        torch.set_default_dtype(here)
        loaded = elman.load(tmp_path / "model")
        found = use(loaded)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), here
        loaded.save(tmp_path / "again")
        assert np.array_equal(use(elman.load(tmp_path / "again")), expected)
