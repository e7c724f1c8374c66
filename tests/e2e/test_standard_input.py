"""Data from standard input and pipes."""

import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put bytes on the standard input."""

    def give(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


LINES = ["a good film", "a bad\u2028film"]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(LINES).encode(),
        "\n".join(LINES).encode("utf-16"),
        "\n".join(["review;stars", *(f"{line};5" for line in LINES)]).encode(),
        "\n".join(["stars\treview", *(f"5\t{line}" for line in LINES)]).encode(),
        "\n".join(["review", *LINES]).encode(),
        "\n".join(f'{{"review": "{line}"}}' for line in LINES).encode(),
    ],
)
def test_texts_to_predict(here: Any, given: Any, content: bytes) -> None:
    expected = here("predict", "films", *LINES)
    assert expected.returncode == 0
    for words in (["-"], ["--data", "-"], ["--data=-"]):
        given(content)
        assert here("predict", "films", *words) == expected


def test_a_language_model_reads_lines(here: Any, given: Any) -> None:
    expected = here("predict", "cats", "the cat", "sat on")
    given(b"the cat\nsat on\n")
    assert here("predict", "cats", "-") == expected


def test_training_and_evaluation(here: Any, given: Any, trained: Path, tmp_path: Path) -> None:
    content = (trained / "reviews.csv").read_bytes()
    given(content)
    columns = ("--text", "review", "--label", "stars", "--out", tmp_path / "run")
    done = here("train", "classify", "--data", "-", *columns, "--max-steps", "2")
    assert done.returncode == 0, done.stderr
    given(content)
    assert here("evaluate", "films", "--data", "-", "--json") == here(
        "evaluate", "films", "--data", "reviews.csv", "--json"
    )
    done = here("train", "classify", "--data", "-", "--validation", "-", *columns)
    assert "standard input can be read only once" in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe(here: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_text, args=("a good film\n",))
    writing.start()
    done = here("predict", "films", "--data", pipe)
    writing.join()
    assert done == here("predict", "films", "a good film")


def test_texts_that_begin_with_a_dash_and_options_that_are_not_there(here: Any) -> None:
    assert here("predict", "films", "- a good film").returncode == 0
    done = here("predict", "films", "--jsn", "good")
    assert (done.returncode, "there is no option --jsn" in done.stderr) == (2, True)


@pytest.mark.filterwarnings("default")
def test_encoding_delimiter_and_warnings(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes("review^stars\ngood \u0444^5\n^\n".encode("cp1251"))
    told = ("--encoding", "cp1251", "--delimiter", "^")
    for command in ("predict", "evaluate"):
        done = here(command, "films", "--data", file, *told)
        assert done.returncode == 0, done.stderr
        assert done.stderr == f"elman: warning: {file}: left out: 1 empty row at the end\n"
    assert "good \u0444" in here("predict", "films", "--data", file, *told).stdout
    done = here("predict", "cats", "a text", "--delimiter", ";")
    assert "--delimiter is for tables; cats is a model of the task language" in done.stderr
