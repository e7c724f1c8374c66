"""Training from shards: every row once an epoch, and from any place to the same weights."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import worker_tasks
from small_tasks import SMALL

from elman.data.shards import Shards, write_shards
from elman.errors import DataError, SettingsError
from elman.tasks import Classify, Language
from elman.tasks.classify import batches, sharded
from elman.train import TrainingInterrupted

KINDS = [("good film", "+"), ("fine film tonight", "+"), ("bad film", "-"), ("poor film", "-")]
DATA = [KINDS[i % 4] for i in range(400)]
SETTINGS: dict[str, Any] = {**SMALL, "embedding_size": 4, "lr": 0.03, "baselines": False}


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four hundred texts, sorted by label, in many shards; a sample of forty stands for them."""
    monkeypatch.setattr(sharded, "SAMPLE", 40)
    monkeypatch.setattr(batches, "_POOL", 3)
    texts, labels = zip(*sorted(DATA, key=lambda pair: pair[1]), strict=True)
    write_shards((list(texts), list(labels)), tmp_path / "shards", kind="labelled", size=500)
    return tmp_path / "shards"


def test_a_classifier_learns_from_shards(shards: Path) -> None:
    assert len(Shards(shards).manifest.files) == 9
    task = Classify(**SETTINGS).fit(str(shards), progress=False)
    assert task.predict(["good film", "bad film", "fine film tonight"]) == ["+", "-", "+"]
    facts = task.record["data"]
    assert facts["training_examples"] + facts["validation_examples"] == 400
    assert 0 < facts["validation_examples"] <= 40
    assert facts["chosen"].startswith("settings, vocabulary and baselines by a sample of")
    assert facts["training_sha256"] == Shards(shards).manifest.sha256
    assert task.record["metrics"]["accuracy"] == 1.0


def test_batches_hold_every_row_once_and_go_on_from_any(shards: Path) -> None:
    settings = {**SETTINGS, "tokens": "characters"}
    task = Classify(**settings).fit(str(shards), DATA[:8], progress=False)
    data = task.read(str(shards), labelled=True)
    streamed = task.batches(task.preprocessing, data, training=True)
    assert len(streamed) == 100
    for epoch in range(2):
        found = list(streamed.epoch(epoch))
        assert sum(len(each.lengths) for each in found) == 400
        assert sum(int(each.targets.sum()) for each in found) == 200
        for start in (1, 50, 99):
            left = list(streamed.epoch(epoch, start))
            assert len(left) == 100 - start
            assert all(
                torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
                for a, b in zip(left, found[start:], strict=True)
            )


class Interrupted(Classify):
    """Ctrl-C comes in the middle of a pool of batches."""

    count = 0

    def loss(self, *given: Any) -> Any:
        self.count += 1
        if self.count == 71:
            signal.raise_signal(signal.SIGINT)
        return super().loss(*given)


def test_a_run_goes_on_to_the_same_weights_and_refuses_other_shards(
    shards: Path, tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    options = {**SETTINGS, "dropout": 0.2}
    whole = Classify(**options).fit(shards, progress=False)
    with pytest.raises(TrainingInterrupted):
        Interrupted(**options).fit(shards, folder=tmp_path / "run", progress=False)
    signal.signal(signal.SIGINT, before)
    other = tmp_path / "other"
    write_shards(DATA[:-1], other, kind="labelled", size=500)
    with pytest.raises(SettingsError, match="cannot resume with other settings: data was"):
        Classify(**options).fit(other, folder=tmp_path / "run", resume=True, progress=False)
    task = Classify(**options).fit(shards, folder=tmp_path / "run", resume=True, progress=False)
    assert worker_tasks.digest(task.model) == worker_tasks.digest(whole.model)


def test_language_models_learn_from_shards_what_they_learn_from_the_text(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("the cat sat on the mat. " * 60)
    write_shards(tmp_path / "book.txt", tmp_path / "shards", kind="text")
    options = {**SMALL, "embedding_size": 4, "chunk_length": 8, "baselines": False}
    one = Language(**options).fit(tmp_path / "book.txt", progress=False)
    other = Language(**options).fit(tmp_path / "shards", progress=False)
    assert worker_tasks.digest(one.model) == worker_tasks.digest(other.model)


def test_kinds_that_do_not_suit(shards: Path) -> None:
    with pytest.raises(DataError, match="are shards of the kind labelled, not text"):
        Language(**SMALL).fit(shards, progress=False)
