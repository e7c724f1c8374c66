"""Trained and exported on the command line, then run without elman and torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import elman

_ALONE = """
import json, sys, unicodedata
sys.modules["elman"] = sys.modules["torch"] = None  # as if they were not installed
import numpy as np, onnxruntime
folder, *texts = sys.argv[1:]
about = json.load(open(f"{folder}/preprocess.json", encoding="utf-8"))
ids = {word: i for i, word in enumerate(about["text"]["tokens"], about["text"]["first_id"])}
run = onnxruntime.InferenceSession(f"{folder}/sequence.onnx")
unknown = about["text"]["unknown"]
rows = [[ids.get(word, unknown) for word in text.lower().split()] for text in texts]
lengths = np.array([len(row) for row in rows])
tokens = np.zeros((max(lengths), len(rows)), np.int64)
for column, row in enumerate(rows):
    tokens[: len(row), column] = row
(found,) = run.run(["probabilities"], {"tokens": tokens, "lengths": lengths})
print(json.dumps([about["labels"][i] for i in found.argmax(1)]))
"""


@pytest.fixture(scope="module")
def plain(trained: Path) -> Path:
    """A classifier whose texts need no n-grams."""
    task = elman.tasks.Classify(
        text="review",
        label="stars",
        hidden_size=8,
        embedding_size=8,
        epochs=30,
        lr=0.03,
        ngram_model=False,
        ngram_buckets=0,
        tokens="words",
    )
    task.fit(trained / "reviews.csv", folder=trained / "plain", progress=False)
    return trained / "plain"


def test_exported_files_run_without_elman_and_torch(here: Any, plain: Path, trained: Path) -> None:
    done = here("export", "plain", "--to", "onnx", "--out", "files", "--data", "reviews.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "sequence: " in done.stdout
    assert "largest relative error" in done.stdout
    texts = ["good film", "bad film last night", "a fine film tonight", "poor poor"]
    alone = subprocess.run(
        [sys.executable, "-c", _ALONE, str(trained / "files"), *texts],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert json.loads(alone.stdout) == elman.load(plain).predict(texts)


def test_int8(here: Any, plain: Path) -> None:
    options = ("--int8", "--data", "reviews.csv", "--max-loss", "0.5")
    done = here("export", "plain", "--out", "small", *options)
    assert done.returncode == 0
    assert "\nint8: " in done.stdout


def test_streaming_in_one_file(here: Any, trained: Path) -> None:
    done = here("export", "cats", "--streaming", "--out", "cats.onnx")
    assert done.returncode == 0
    assert (trained / "cats.onnx").is_file()
    assert (trained / "cats.preprocess.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "cats"], "--out is missing"),
        (["export", "nothing", "--out", "a"], "nothing is neither a model folder"),
        (["export", "cats", "--to", "tflite", "--out", "a"], "to='tflite': the targets are"),
        (["export", "cats", "--sequence", "--streaming", "--out", "a"], "give one of them"),
        (["export", "films", "--streaming", "--out", "a"], "that is of the whole sequence"),
        (["export", "cats", "--out", "book.txt"], "book.txt cannot be written"),
        (["export", "cats", "--out", "a.onnx"], "holds one graph"),
        (["export", "cats", "--target", "aarch64", "--out", "a"], "the same for all machines"),
    ],
)
def test_errors_are_one_line(here: Any, words: list[str], message: str) -> None:
    done = here(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert message in line
