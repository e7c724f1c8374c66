"""The commands as a user runs them: each in a process and a folder of its own."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from elman.cli.app import main

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

TEXTS = ["good film", "fine film tonight", "bad film", "poor film last night"] * 6
STARS = ["5", "5", "1", "1"] * 6
TEXT = "the cat sat on the mat. " * 60
SMALL = [
    *("--hidden-size", "12", "--embedding-size", "8", "--epochs", "20", "--batch-size", "4"),
    *("--lr", "0.03", "--warmup", "0", "--ema", "0"),
    *("--input-dropout", "0", "--output-dropout", "0", "--weight-dropout", "0"),
]


def environment(cache: Path) -> dict[str, str]:
    """Of the commands: one thread, a cache of their own, no network, plain output."""
    kept = {n: v for n, v in os.environ.items() if n not in ("ELMAN_DATA", "COLUMNS")}
    return {
        **kept,
        "XDG_CACHE_HOME": str(cache),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "error,ignore:the model is no better than the baseline:UserWarning",
    }


def run_in(folder: Path, cache: Path) -> Run:
    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "elman.cli", *map(str, words)],
            cwd=folder,
            env=environment(cache),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command, one that heeds Ctrl-C, and do not wait for it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "elman.cli", *words],
            cwd=tmp_path,
            env=environment(tmp_path / "cache"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield start
    signal.signal(signal.SIGINT, before)
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def write_reviews(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "stars"])
        writer.writerows(zip(TEXTS, STARS, strict=True))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with reviews.csv, book.txt and a model of each, trained by the commands."""
    folder = tmp_path_factory.mktemp("work")
    write_reviews(folder / "reviews.csv")
    (folder / "book.txt").write_text(TEXT)
    classify = "train classify --data reviews.csv --validation reviews.csv"
    columns = "--text review --label stars --token-dropout 0 --out films"
    language = "train language --data book.txt --validation book.txt --out cats"
    with pytest.MonkeyPatch.context() as patch, (folder / "classify.out").open("w") as file:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.delenv("ELMAN_DATA", raising=False)
        with contextlib.redirect_stdout(file):
            main([*classify.split(), *columns.split(), *SMALL])
        main([*language.split(), *SMALL])
    return folder


@pytest.fixture
def at_work(trained: Path) -> Run:
    """Run a command where the trained models are."""
    return run_in(trained, trained / "cache")


class Ended(NamedTuple):
    """How a command ended that ran within this process."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run a command where the trained models are, in this process: what takes no new one."""
    monkeypatch.chdir(trained)
    monkeypatch.setenv("XDG_CACHE_HOME", str(trained / "cache"))
    monkeypatch.delenv("ELMAN_DATA", raising=False)

    return within(capsys)


@pytest.fixture
def run(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run a command in this process, in the folder `work` of the module."""
    monkeypatch.chdir(work)
    return within(capsys)


def within(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run commands in this process."""

    def run(*words: str | Path) -> Ended:
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        return Ended(code, *capsys.readouterr())

    return run
