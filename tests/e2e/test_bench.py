"""`elman bench layers` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

QUICK = ("bench", "layers", "--shapes", "3,2,4,4", "--seconds", "0")


def test_a_table_and_a_picture(at_work: Any, trained: Path) -> None:
    words = ("--cells", "gru", "mgu", "--modes", "train", "step", "--rivals", "torch.nn", "loop")
    done = at_work(*QUICK, *words, "--plot", "ratios.png")
    assert done.returncode == 0, done.stderr
    head, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert head[:4] == ["cell", "T,B,I,H", "mode", "against"]
    assert [row[:4] for row in rows] == [
        ["gru", "3,2,4,4", "train", "torch.nn"],
        ["gru", "3,2,4,4", "train", "loop"],
        ["gru", "1,1,4,4", "step", "torch.nn"],
        ["gru", "1,1,4,4", "step", "loop"],
        ["mgu", "3,2,4,4", "train", "loop"],
        ["mgu", "1,1,4,4", "step", "loop"],
    ]
    assert (trained / "ratios.png").read_bytes().startswith(b"\x89PNG")


def test_json_and_markdown(here: Any) -> None:
    words = (*QUICK, "--cells", "gru", "--modes", "inference", "--rivals", "loop")
    done = here(*words, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["against"] == "loop"
    done = here(*words, "--markdown")
    assert "| T, B, I, H | gru / loop |\n|---|---|\n| 3, 2, 4, 4 | " in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--cells", "lstmm"), 'cell "lstmm" is unknown'),
        (("--modes", "inference", "trian"), 'mode "trian" is unknown'),
        (("--rivals", "cudnn"), 'rival "cudnn" is unknown'),
        (("--shapes", "3,2,4"), "a shape is four numbers"),
        (("--shapes", "3,2,4,0"), "at least 1"),
        (("--seconds", "-1"), "seconds must be"),
        (("--seconds", "nan"), "seconds must be"),
        (("--seconds", "long"), "long"),
        (("--json", "--markdown"), "exclude each other"),
        (("--plot", "ratios.gif"), "must end in .png"),
        (("--plot", "no/ratios.png"), "no folder no"),
        (("--cells", "mgu", "--modes", "train", "--rivals", "torch.nn"), "nothing to compare"),
        (("--modes", "ragged", "--shapes", "1,1,4,4"), "nothing to compare"),
    ],
)
def test_bad_words(here: Any, words: tuple[str, ...], expected: str) -> None:
    done = here("bench", "layers", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("elman: error: ")
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr


def test_time(here: Any) -> None:
    done = here("bench", "time", "--cells", "gru", "--shapes", "64,1,4,4", "--seconds", "0")
    assert done.returncode == 0, done.stderr
    _, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert [row[:4] for row in rows] == [
        ["gru", "64,1,4,4", "chunks inference", "whole"],
        ["gru", "64,1,4,4", "chunks train", "whole"],
        ["mingru", "4096,1,64,64", "affine inference", "nn.GRU"],
        ["mingru", "4096,1,64,64", "affine train", "nn.GRU"],
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--cells", "lstmm"), 'cell "lstmm" is unknown'),
        (("--modes", "step"), 'mode "step" is unknown'),
        (("--shapes", "3,2,4"), "a shape is four numbers"),
        (("--chunks", "1"), "chunks must be at least 2"),
        (("--seconds", "-1"), "seconds must be"),
    ],
)
def test_bad_words_of_time(here: Any, words: tuple[str, ...], expected: str) -> None:
    done = here("bench", "time", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr
