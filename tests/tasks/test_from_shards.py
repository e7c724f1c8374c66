"""Training from shards: the whole of them in bounded memory, the same for any number of workers."""

import json
import os
import shutil
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
from small_tasks import SMALL, say

from elman.data import Utterance
from elman.data.shards import Shards, write_shards
from elman.data.shards.manifest import NAME
from elman.errors import DataError, SettingsError
from elman.tasks import Classify, Language, Speech, Translate
from elman.train import TrainingInterrupted
from elman.train.workers import OneProcess

KINDS = [("good film", "+"), ("fine film tonight", "+"), ("bad film", "-"), ("poor film", "-")]
DATA = [KINDS[i % 4] for i in range(400)]
WORDS = {"one": "un", "two": "deux", "three": "trois", "four": "quatre", "five": "cinq"}
NUMBERS = [
    (f"{a} {b} {c}", f"{WORDS[a]} {WORDS[b]} {WORDS[c]}")
    for a in WORDS
    for b in WORDS
    for c in WORDS
]
SETTINGS: dict[str, Any] = {**SMALL, "embedding_size": 4, "lr": 0.03, "baselines": False}


def written(kind: str, folder: Path) -> Path:
    """Shards of what a task learns from, sorted by it."""
    if kind == "classify":
        texts, labels = zip(*sorted(DATA, key=lambda pair: pair[1]), strict=True)
        write_shards((list(texts), list(labels)), folder / "shards", kind="labelled", size=500)
    elif kind == "speech":
        said = [(say(text), text) for text in sorted(["a", "b", "ab a", "ba"] * 6)]
        write_shards(said, folder / "shards", kind="speech", size=30_000)
    else:
        write_shards(NUMBERS, folder / "shards", kind="pairs", size=1000)
    return folder / "shards"


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows stand for all, and few batches are in memory."""
    for task, sample in (("classify", 40), ("speech", 8), ("translate", 60)):
        monkeypatch.setattr(f"elman.tasks.{task}.sharded.SAMPLE", sample)
        monkeypatch.setattr(f"elman.tasks.{task}.batches._POOL", 3)


@pytest.fixture
def shards(tmp_path: Path, small_samples: None) -> Path:
    """Four hundred texts, sorted by label, in many shards; a sample of forty stands for them."""
    return written("classify", tmp_path)


def training_data(task: Any, shards: Path) -> Any:
    """Shards as a task reads them before it has learnt anything."""
    return type(task)(**task.settings.model_dump(exclude_unset=True)).read(shards, labelled=True)


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
    data = training_data(task, shards)
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


TASKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "classify": (Classify, {}),
    "speech": (Speech, {"num_layers": 1, "batch_size": 2, "epochs": 3}),
    "translate": (Translate, {"batch_size": 12, "tokens": "words"}),
}


@pytest.mark.parametrize("kind", TASKS)
def test_a_run_goes_on_to_the_same_weights_and_refuses_other_shards(
    kind: str, small_samples: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards, (task, own) = written(kind, tmp_path), TASKS[kind]
    options = {name: SETTINGS[name] for name in SETTINGS if name in task.settings_type.model_fields}
    options = {**options, **own, "dropout": 0.2}
    whole = task(**options).fit(shards, progress=False)
    steps = whole.record["training"]["steps"]
    left = iter(range(steps // 2 + 2))
    learn = task.loss

    def interrupted(*given: Any) -> Any:
        """Ctrl-C comes in the middle of a pool of batches."""
        if next(left, None) is None:
            signal.raise_signal(signal.SIGINT)
        return learn(*given)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(task, "loss", interrupted)
        with pytest.raises(TrainingInterrupted):
            task(**options).fit(shards, folder=tmp_path / "run", progress=False)
    signal.signal(signal.SIGINT, before)
    other = shutil.copytree(shards, tmp_path / "other")
    listed = json.loads((other / NAME).read_text())
    (other / NAME).write_text(json.dumps({**listed, "files": listed["files"][::-1]}))
    with pytest.raises(SettingsError, match="cannot resume with other settings: data was"):
        task(**options).fit(other, folder=tmp_path / "run", resume=True, progress=False)
    resumed = task(**options).fit(shards, folder=tmp_path / "run", resume=True, progress=False)
    assert resumed.record["training"]["steps"] == steps
    assert worker_tasks.digest(resumed.model) == worker_tasks.digest(whole.model)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classify", "speech", "translate"])
def test_two_workers_end_with_the_weights_of_one_and_each_tells_of_a_changed_shard(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = written(kind, tmp_path)
    monkeypatch.setenv("ELMAN_TEST_SHARDS", f"{kind}={shards}")
    words = [str(Path(worker_tasks.__file__)), str(tmp_path / "two"), "2", "12", "sharded"]
    ended = gangs.finish(gangs.start(words, 2), 500)
    assert [code for code, *_ in ended] == [0, 0], ended
    alone = worker_tasks.train_all(OneProcess(), tmp_path / "one", 2, 12, ["sharded"])
    assert ended[0][1].split() == ["sharded", alone["sharded"]]
    (shards / "00001.parquet").write_bytes(b"changed")
    ended = gangs.finish(gangs.start([words[0], str(tmp_path / "new"), *words[2:]], 2), 500)
    assert all("00001.parquet is not as shards.json says" in errors for *_, errors in ended)
    assert all(code != 0 for code, *_ in ended)


def test_a_recogniser_learns_from_shards_and_no_speaker_is_in_both_parts(
    small_samples: None, tmp_path: Path
) -> None:
    texts = ["a", "b", "ab a", "ba"] * 10
    said = [
        Utterance(f"{i}", text, audio=say(text), speaker=f"s{i // 4}")
        for i, text in enumerate(texts)
    ]
    write_shards(said, tmp_path / "shards", kind="speech", size=40_000)
    options = {"num_layers": 1, "hidden_size": 16, "lr": 0.03, "epochs": 12, "batch_size": 4}
    options |= {"bidirectional": False, "beam": 1, "baselines": False, "restarts": 0}
    task = Speech(**options).fit(tmp_path / "shards", progress=False)
    facts = task.record["data"]
    assert (facts["training_utterances"], facts["validation_utterances"]) == (36, 4)
    assert facts["alphabet"] == " ab"
    assert facts["training_sha256"] == Shards(tmp_path / "shards").manifest.sha256
    assert "a sample of" in facts["chosen"]
    assert task.predict([say("ab a"), say("b")]) == ["ab a", "b"]
    with pytest.raises(DataError, match="are shards, to train on: give the recordings"):
        task.evaluate(tmp_path / "shards")
    train, held_out = task.split(training_data(task, tmp_path / "shards"))
    speakers = {entry.speaker for entry in train.shards.entries}
    assert speakers.isdisjoint(each.speaker for each in held_out.utterances)
    assert not any(each.audio for each in (*train.utterances, *held_out.utterances))
    streamed = task.batches(task.preprocessing, train, training=True)
    for epoch in range(2):
        found = list(streamed.epoch(epoch))
        assert len(found) == len(streamed) == 9
        assert sum(len(batch.lengths) for batch in found) == 36
        for batch, again in zip(found[5:], streamed.epoch(epoch, 5), strict=True):
            assert torch.equal(batch.inputs, again.inputs)
            assert torch.equal(batch.texts, again.texts)


def test_utterances_that_cannot_be_learnt_from_are_left_out(tmp_path: Path) -> None:
    said = [(say("ab"), "ab")] * 9 + [(say("a"), "a" * 7)]
    write_shards(said, tmp_path / "shards", kind="speech")
    options = {**SMALL, "num_layers": 1, "baselines": False}
    with pytest.warns(UserWarning, match="1 of 10 utterances are left out: 1 transcript too long"):
        task = Speech(**options).fit(tmp_path / "shards", progress=False)
    assert task.record["data"]["training_utterances"] == 8


def test_a_translator_learns_from_shards(small_samples: None, tmp_path: Path) -> None:
    shards = written("translate", tmp_path)
    options = {"hidden_size": 32, "embedding_size": 16, "epochs": 20, "lr": 0.01}
    options |= {"batch_size": 60, "tokens": "words", "baselines": False}
    task = Translate(**options).fit(shards, progress=False)
    facts = task.record["data"]
    assert facts["training_examples"] + facts["validation_examples"] == len(NUMBERS)
    assert 0 < facts["validation_examples"] < 40
    assert task.predict(["one five two"]) == ["un cinq deux"]
    train, held_out = task.split(training_data(task, shards))
    assert set(held_out.sources).isdisjoint(row.source for row in train.shards.epoch(0))
    assert set(held_out.sources).isdisjoint(train.sources)
    streamed = task.batches(task.preprocessing, train, training=True)
    for epoch in range(2):
        found = list(streamed.epoch(epoch))
        assert len(found) == len(streamed)
        assert sum(len(batch.lengths) for batch in found) == facts["training_examples"]
        assert all(batch.source.numel() < 1.5 * 60 for batch in found)
        for batch, again in zip(found[4:], streamed.epoch(epoch, 4), strict=True):
            assert torch.equal(batch.source, again.source)
            assert torch.equal(batch.outputs, again.outputs)


def test_measuring_by_a_sample_is_said(shards: Path) -> None:
    task = Classify(**SETTINGS).fit(DATA[:40], progress=False)
    with pytest.warns(UserWarning, match="45 of the 400 examples in shards are measured"):
        task.evaluate(shards)


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
    with pytest.raises(DataError, match="are shards of the kind labelled, not speech"):
        Speech(**SMALL).fit(shards, progress=False)
    with pytest.raises(DataError, match="are shards of the kind labelled, not pairs"):
        Translate(**SMALL).fit(shards, progress=False)


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


LIMIT = {"Classify": 32 << 20, "Language": 48 << 20}  # bytes beside what small data take
# A thread that is started after the limit was set takes 8 MiB for its stack.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
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
        env={**os.environ, **ONE_THREAD, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    most = {"Classify": 2 * LIMIT[kind] // LONG, "Language": 2 * LIMIT[kind]}[kind]
    assert 0.95 * most <= int(done.stdout) <= most
