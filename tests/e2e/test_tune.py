"""`elman tune` as a user runs it."""

from pathlib import Path
from typing import Any

import yaml

REVIEWS = "text,label\n" + "good film,+\nbad film,-\nfine play,+\npoor play,-\n" * 6
SMALL = ["--epochs", "1", "--hidden-size", "6", "--num-layers", "1", "--embedding-size", "4"]


def test_two_processes_and_a_resumed_search(at_work: Any, here: Any, tmp_path: Path) -> None:
    data, out = tmp_path / "films.csv", tmp_path / "search"
    data.write_text(REVIEWS)
    words = ["tune", "classify", "--data", data, "--out", out, *SMALL, "--trials"]
    done = at_work(*words, "4", "--processes", "2")
    assert done.returncode == 0, done.stderr
    assert sorted(line.split(":")[0] for line in done.stderr.splitlines()) == [
        f"trial {number}" for number in range(4)
    ]
    assert "is the best: loss" in done.stdout
    done = here(*words, "5", "--resume")
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert yaml.safe_load((out / "best.yaml").read_text())["hidden_size"] == 6
    done = here(*words, "5")
    assert done.returncode == 2
    assert "holds trials" in done.stderr


def test_what_is_refused(here: Any) -> None:
    for words, part in (
        ((), "--data is missing"),
        (("--data", "-"), "standard input"),
        (("--data", "no.csv", "--trials", "0"), "--trials"),
        (("--data", "no.csv"), "no such file: no.csv"),
    ):
        done = here("tune", "classify", *words)
        assert done.returncode == 2
        assert part in done.stderr.splitlines()[-1]
