"""Whatever words, settings files and data a command is given, the answer is one line in words."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

WORDS = [
    *("", " ", "-", "--", "x" * 300, "x/" * 3000, "one\ntwo", "\udcff", "9" * 5000, "-1", "nan"),
    *("none", "reviews.csv", "films", ".", "/dev/null", "no.csv", "[1, 2]", "{}", "null"),
]
SETTINGS = [
    *(
        "1: 2\n",
        "null: 1\n",
        "[1]: 2\n",
        "? {a: 1}\n: 2\n",
        "2024-01-01: 1\n",
        "true: 1\n",
        "- a\n",
    ),
    *("", "text", "a: *b\n", "&a [*a]\n", "hidden_size: " + "9" * 5000 + "\n", "lr: .nan\n"),
    *("hidden_size: [1, 2]\n", "hidden_size: {a: 1}\n", "lr: 2024-01-01\n", "cell: {1: 2}\n"),
    *(
        "data: [1, 2]\n",
        "data: {a: 1}\n",
        "data: 3\n",
        "out: [a]\n",
        "resume: maybe\n",
        "data: ''\n",
    ),
    *(
        "text: null\n",
        "no_such: 1\n",
        "encoding: 3\n",
        "delimiter: ab\n",
        "!!python/object:os.x {}\n",
    ),
    *("[" * 3000, "data: !!binary aGk=\n", "hidden-size: 3\n", 'text: "\\ud800"\n', "data: a\0b\n"),
    *("data: " + "x" * 5000 + "\n", "config: other.yaml\n", "print_config: 3\n", "help: true\n"),
]


def in_words(done: Any) -> bool:
    """Whether a command succeeded, or said in one line why not."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("elman: error: ")]
    return done.returncode == 0 or (
        done.returncode == 2 and len(lines) == 1 and len(lines[0]) < 3000
    )


@pytest.fixture
def answered(here: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command, with no standard input; fails if it is not answered in words."""
    nothing = (tmp_path / "nothing").open("w+")
    monkeypatch.setattr("sys.stdin", nothing)

    def run(*words: str | Path) -> Any:
        done = here(*words)
        assert in_words(done), (words, done)
        return done

    yield run
    nothing.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("content", SETTINGS)
def test_settings_files(answered: Any, tmp_path: Path, content: str) -> None:
    for name in ("settings.yaml", "settings.toml"):
        file = tmp_path / name
        file.write_text(content)
        done = answered("train", "classify", "--config", file, "--out", tmp_path / "run")
        assert done.returncode == 2
        assert name in done.stderr or "--" in done.stderr or ":" in done.stderr


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("word", WORDS)
def test_words(answered: Any, tmp_path: Path, word: str) -> None:
    run = ("--out", tmp_path / "run", "--max-steps", "1")
    columns = ("--text", "review", "--label", "stars")
    commands = [
        ("predict", word, "a"),
        ("predict", "films", word),
        ("predict", "films", "--data", word),
        ("predict", "films", "--data", "reviews.csv", "--encoding", word),
        ("predict", "films", "--data", "reviews.csv", "--delimiter", word),
        ("predict", "films", "a", "--plot", word),
        ("predict", "films", "a", "--format", word),
        ("predict", "cats", "--data", word),
        ("evaluate", word),
        ("evaluate", "films", "--data", word),
        ("evaluate", "cats", "--data", word),
        ("diagnose", "films", "--data", word, "--out", tmp_path / "page.html"),
        ("generate", word),
        ("generate", "cats", word, "--length", "1"),
        *(
            ("generate", "cats", "a", flag, word)
            for flag in ("--temperature", "--top-k", "--top-p")
        ),
        *(("generate", "cats", "a", "--length", "1", flag, word) for flag in ("--seed", "--stop")),
        ("train", "classify", "--data", word, *run),
        ("train", "classify", "--data", "reviews.csv", "--validation", word, *columns, *run),
        ("train", "language", "--data", word, *run),
        ("train", "classify", "--config", word),
        ("data", "show", word),
        ("data", "check", word),
        ("data", "check", "reviews.csv", "--longest", word),
        (word,),
        ("train", word),
    ]
    for words in commands:
        answered(*words)


@pytest.mark.filterwarnings("ignore")
def test_mutated_files(answered: Any, trained: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    table = (trained / "reviews.csv").read_bytes()
    lines = b"".join(
        json.dumps({"review": f"text {i}", "stars": str(i % 2)}).encode() + b"\n" for i in range(9)
    )
    odd = [
        b"",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b'"',
        b"\n\n\n",
        b";;;",
        b"\xed\xa0\x80",
        b",",
        b"{",
    ]
    for i in range(120):
        suffix, content = chance.choice([(".csv", table), (".tsv", table), (".jsonl", lines)])
        for _ in range(chance.randint(1, 4)):
            at, length = chance.randrange(len(content)), chance.randrange(20)
            content = content[:at] + chance.choice(odd) + content[at + length :]
        file = tmp_path / f"{i}{suffix}"
        file.write_bytes(content)
        answered("evaluate", "films", "--data", file)
        answered("predict", "films", "--data", file)
