"""Interrupts before training, full disks, other people's files, and runs from a saved model."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from elman.cli import signals


def one_line(done: Any, *words: str) -> None:
    assert done.returncode == 2, done
    plan = ("Data: ", "Plan: ", "Time: ")
    lines = [line for line in done.stderr.splitlines() if not line.startswith(plan)]
    lines = [line for line in lines if not re.fullmatch(r"[a-z ]+: (\.\.\.|\d+ s)", line)]  # slow
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("seconds", [0.4, 2.0])
def test_a_signal_before_the_first_step(
    command: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    signum: signal.Signals,
    seconds: float,
) -> None:
    """While modules are imported, or while data that takes long is read."""
    os.mkfifo(tmp_path / "slow.txt")
    process = command("train", "language", "--data", tmp_path / "slow.txt", "--out", tmp_path / "o")
    time.sleep(seconds)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + signum
    assert errors.strip() == signals.MESSAGE


def test_signals_are_as_before_once_all_is_imported() -> None:
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt) as caught, signals.raised():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.signum == signal.SIGTERM  # type: ignore[attr-defined]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("the cat sat on the mat\n" * 100)
    words = ["train", "language", "--data", "t.txt", "--hidden-size", "24", "--out", "run"]
    fonts = matplotlib.get_cachedir()
    done = subprocess.run(
        [sys.executable, "-m", "elman.cli", *words],
        cwd=tmp_path,
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path),
            "MPLCONFIGDIR": fonts,
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    one_line(done, "elman: error: run/checkpoint.safetensors cannot be written: ")
    assert list((tmp_path / "run").iterdir()) == []


def test_the_current_folder_with_files_of_ones_own(here: Any, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    done = here("train", "classify", "--data", "reviews.csv", "--out", tmp_path)
    one_line(done, "holds other files (README.md)", "new or empty")
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_run_from_a_saved_model(here: Any, tmp_path: Path) -> None:
    named = ("--data", "reviews.csv", "--text", "review", "--label", "stars", "--from", "films")
    done = here("train", "classify", *named, "--epochs", "1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    done = here("train", "classify", *named, "--hidden-size", "13", "--out", tmp_path / "other")
    one_line(done, "hidden_size was 12 and is 13")
    done = here("train", "language", "--data", "reviews.csv", "--from", "films", "--out", "new")
    one_line(done, "is a model of the task classify, and this is language")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1: 2", "1 is not the name of a setting"),
        ("null: 2", "None is not the name of a setting"),
        ("epochs: {a: 1}", "epochs must be a number"),
        ("epochs: [[1]]", "epochs must be a number"),
        ("text: 2024-01-01", "text must be a number"),
        ("a: &a [x]\nb: [*a, *a]", "b must be a number"),
        ("[" * 5000, "cannot be read"),
        ("epochs: " + "1" * 5000, "cannot be read"),
        ("# " + "x" * 2**21, "is larger than 1,048,576 bytes"),
    ],
    ids=lambda text: text[:12],
)
def test_a_file_of_settings_that_is_none(
    here: Any, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "c.yaml").write_text(content)
    done = here("train", "classify", "--data", "d.csv", "--config", tmp_path / "c.yaml")
    one_line(done, "elman: error: --config: ", words)
