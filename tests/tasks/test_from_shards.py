"""Training from shards: the whole of them in bounded memory, the same for any number of workers."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import gangs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import worker_tasks
from small_tasks import SMALL

from elman.data.shards import Shards, write_shards
from elman.errors import DataError, SettingsError
from elman.tasks import Classify, Language
from elman.tasks.classify import batches, sharded
from elman.train import TrainingInterrupted
from elman.train.workers import OneProcess

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


@pytest.mark.slow
def test_two_workers_end_with_the_weights_of_one_and_each_tells_of_a_changed_shard(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_TEST_SHARDS", str(shards))
    words = [str(Path(worker_tasks.__file__)), str(tmp_path / "two"), "2", "12", "sharded"]
    ended = gangs.finish(gangs.start(words, 2), 500)
    assert [code for code, *_ in ended] == [0, 0], ended
    monkeypatch.undo()  # the workers know nothing of smaller samples
    monkeypatch.setenv("ELMAN_TEST_SHARDS", str(shards))
    alone = worker_tasks.train_all(OneProcess(), tmp_path / "one", 2, 12, ["sharded"])
    assert ended[0][1].split() == ["sharded", alone["sharded"]]
    (shards / "00005.parquet").write_bytes(b"changed")
    ended = gangs.finish(gangs.start([words[0], str(tmp_path / "new"), *words[2:]], 2), 500)
    assert all("00005.parquet is not as shards.json says" in errors for *_, errors in ended)
    assert all(code != 0 for code, *_ in ended)


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


LIMITED = """
import json, resource, sys
from pathlib import Path
import elman.tasks
from elman.tasks.classify import batches, sharded

kind, data, limit, settings = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
sharded.SAMPLE = 100
task = getattr(elman.tasks, kind)
task(**settings).fit(f"{data}/small", progress=False)  # imports and compiles what is needed
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
now = int(status["VmData"].split()[0]) << 10
resource.setrlimit(resource.RLIMIT_DATA, (now + limit, now + limit))
found = task(**settings).fit(f"{data}/large", progress=False)
print(found.record["data"].get("training_examples") or found.record["data"]["training_tokens"])
"""


LIMIT = {"Classify": 12 << 20, "Language": 32 << 20}  # bytes beside what small data take
TEXT = "the cat sat on the mat. "
LONG = 7000  # characters of a word


def labelled(name: str, folder: Path) -> None:
    """Texts with a long word each, which occurs nowhere else."""
    draw = np.random.default_rng(0)
    count = {"small": 120, "large": 2 * LIMIT["Classify"] // LONG}[name]
    texts = [f"{draw.bytes(LONG // 2).hex()} {DATA[i % 4][0]}" for i in range(count)]
    table = pa.table({"text": texts, "label": [DATA[i % 4][1] for i in range(count)]})
    pq.write_table(table, folder / f"{name}.parquet", row_group_size=200)
    write_shards(folder / f"{name}.parquet", folder / name, kind="labelled", size=1 << 19)


def plain(name: str, folder: Path) -> None:
    size = {"small": 1 << 14, "large": 2 * LIMIT["Language"]}[name]
    (folder / f"{name}.txt").write_text((TEXT * (1 + size // len(TEXT)))[:size])
    write_shards(folder / f"{name}.txt", folder / name, kind="text", size=1 << 19)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("kind", ["Classify", "Language"])
def test_training_on_twice_what_memory_is_allowed(kind: str, tmp_path: Path) -> None:
    write = labelled if kind == "Classify" else plain
    write("small", tmp_path)
    write("large", tmp_path)
    options = {
        "Classify": {"tokens": "words", "min_count": 3, "epochs": 1},
        "Language": {"tokens": "characters", "max_steps": 10, "max_held_out": 1000},
    }[kind]
    settings = json.dumps({**SETTINGS, **options, "ngram_model": False})
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, kind, tmp_path, str(LIMIT[kind]), settings],
        env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    most = {"Classify": 2 * LIMIT[kind] // LONG, "Language": 2 * LIMIT[kind]}[kind]
    assert 0.95 * most <= int(done.stdout) <= most
