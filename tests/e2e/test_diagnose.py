"""`elman diagnose` and `elman bench memory` as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest

import elman as library


@pytest.mark.parametrize(("model", "data"), [("films", "reviews.csv"), ("cats", "book.txt")])
def test_a_model_is_diagnosed_on_its_data(here: Any, trained: Path, model: str, data: str) -> None:
    done = here("diagnose", model, "--data", data, "--sequences", "4")
    assert (done.returncode, done.stderr) == (0, "")
    assert "your memory is" in done.stdout or "no gradient could be followed" in done.stdout
    assert f"the page is {model}/diagnosis.html" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    page = (trained / model / "diagnosis.html").read_text("utf-8")
    assert "The gradient through time" in page
    assert library.load(trained / model).record  # the folder is still a model


def test_as_json_and_elsewhere(here: Any, trained: Path) -> None:
    done = here("diagnose", "cats", "--data", "book.txt", "--json", "--out", "deep/page.html")
    assert done.returncode == 0
    values = json.loads(done.stdout)
    assert [layer["name"] for layer in values["layers"]] == ["recurrent"]
    assert values["layers"][0]["cell"] == "LSTM"
    assert (trained / "deep" / "page.html").is_file()
    found = library.diagnose(library.load(trained / "cats"), trained / "book.txt")
    assert found.to_dict()["layers"] == values["layers"]


def test_a_monitored_run_is_drawn(here: Any, trained: Path) -> None:
    train = "train language --data book.txt --out watched --hidden-size 8 --epochs 2 --batch-size 4"
    done = here(*train.split(), "--monitor", "gradients", "--monitor-every", "2")
    assert done.returncode == 0
    lines = (trained / "watched" / "metrics.jsonl").read_text("utf-8").splitlines()
    kinds = {json.loads(line)["kind"] for line in lines}
    assert "gradients" in kinds
    assert here("diagnose", "watched", "--data", "book.txt").returncode == 0
    assert "During training" in (trained / "watched" / "diagnosis.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["diagnose", "films"], "--data is missing"),
        (["diagnose", "nothing", "--data", "book.txt"], "nothing is neither a model folder"),
        (["diagnose", "films", "--data", "none.csv"], "no such file: none.csv"),
        (["diagnose", "films", "--data", "reviews.csv", "--sequences", "0"], "sequences must be 1"),
        (["bench", "memory", "--cells", "foo"], "cell 'foo' is unknown"),
        (["bench", "memory", "--tasks", "foo"], "task 'foo' is unknown"),
        (["bench", "memory", "--lags", "1"], "lag 1 is too short"),
        (["train", "language", "--data", "book.txt", "--monitor", "x"], "monitor"),
    ],
)
def test_bad_input_is_one_line(here: Any, words: list[str], message: str) -> None:
    done = here(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_the_laboratory_prints_as_it_goes(here: Any, trained: Path) -> None:
    small = "bench memory --tasks recall --lags 4 --steps 5 --hidden-size 8"
    cells = "--cells rnn --cells gru --cells lstm"
    done = here(*small.split(), *cells.split(), "--out", "memory.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("recall  lag 4  rnn: memory ")
    assert "Rank correlation of score and memory" in done.stdout
    assert (trained / "memory.html").read_text("utf-8").count("<svg") == 2
    done = here(*small.split(), *cells.split(), "--json")
    assert [json.loads(line)["contender"] for line in done.stdout.splitlines()] == [
        *("rnn", "gru", "lstm")
    ]
