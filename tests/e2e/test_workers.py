"""`elman train --workers` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

OPTIONS = ["--hidden-size", "6", "--embedding-size", "4", "--batch-size", "6", "--max-steps", "8"]
REVIEWS = "text,label\n" + "good film,+\nbad film,-\nfine play,+\npoor play,-\n" * 6


@pytest.fixture
def films(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    path.write_text(REVIEWS)
    return path


def weights(folder: Path) -> str:
    files: dict[str, str] = json.loads((folder / "config.json").read_text())["files"]
    return files["model.safetensors"]


def test_two_workers_train_what_one_process_trains(
    at_work: Any, here: Any, films: Path, tmp_path: Path
) -> None:
    train = ["train", "classify", "--data", films, "--shards", "3", *OPTIONS]
    alone, both = tmp_path / "alone", tmp_path / "both"
    done = here(*train, "--out", alone)
    assert done.returncode == 0, done.stderr
    done = at_work(*train, "--out", both, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished after 8 steps") == 1
    assert weights(alone) == weights(both)


def test_what_all_workers_lack_is_said_once(at_work: Any, tmp_path: Path) -> None:
    words = ("--data", "no.csv", "--workers", "2", "--out", tmp_path / "run")
    done = at_work("train", "classify", *words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "no such file: no.csv" in line


def refused(done: Any, *words: str) -> None:
    assert done.returncode == 2, done
    (line,) = done.stderr.splitlines()
    assert all(word in line for word in words), line


def test_numbers_that_cannot_work(here: Any, films: Path, tmp_path: Path) -> None:
    train = ["train", "classify", "--data", films, "--out", tmp_path / "run"]
    refused(here(*train, "--workers", "4", "--shards", "2"), "--workers 4 --shards 2")
    refused(here(*train, "--workers", "0"), "--workers")
    refused(here(*train, "--worker-timeout", "soon"), "--worker-timeout", "soon")
    for value in ("0", "9" * 500, "", "-5", "nan", "1d"):
        refused(here(*train, "--worker-timeout", value), "--worker-timeout")
    refused(here(*train, "--shards", "0"), "shards")
    refused(here(*train, "--shards", "64", "--batch-size", "8"), "shards=64", "batch_size=8")
    refused(here("train", "classify", "--data", "-", "--workers", "2"), "standard input")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RANK": "2", "WORLD_SIZE": "2"}, ["RANK", "'2'", "from 0 to 1"]),
        ({"RANK": "0", "WORLD_SIZE": "two"}, ["WORLD_SIZE", "'two'"]),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "1"}, ["MASTER_ADDR"]),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a"}, ["MASTER_PORT", "not set"]),
        (
            {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
            ["--workers 3", "WORLD_SIZE=2"],
        ),
    ],
)
def test_an_environment_that_is_not_whole(
    here: Any, films: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: list
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused(here("train", "classify", "--data", films, "--workers", "3"), *words)
