"""Settings from files, flags over them, and files that --print-config writes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

TASKS = ("classify", "language")


def settings(here: Any, task: str, *words: str | Path) -> dict[str, Any]:
    done = here("train", task, "--print-config", *words)
    assert (done.returncode, done.stderr) == (0, "")
    found = yaml.safe_load(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["run.yaml", "run.yml", "run.toml"])
def test_a_file_of_settings_and_flags_over_it(here: Any, tmp_path: Path, name: str) -> None:
    lines = {"data": "'x.csv'", "hidden_size": "7", "lr": "0.5", "tensorboard": "true"}
    lines |= {"pooling": "'max'", "lowercase": "false", "clip": "'none'", "text": "'0'"}
    sign = " = " if name.endswith("toml") else ": "
    file = tmp_path / name
    file.write_text("# mine\n" + "".join(f"{k}{sign}{v}\n" for k, v in lines.items()))
    plain = settings(here, "classify")
    found = settings(here, "classify", "--config", file, "--lr", "0.25", "--no-tensorboard")
    expected = {"data": "x.csv", "hidden_size": 7, "lr": 0.25, "pooling": "max"}
    assert found == {**plain, **expected, "lowercase": False, "clip": None, "text": "0"}
    assert settings(here, "classify", f"--config={file}")["lr"] == 0.5


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--clip", "none", "--patience", "none", "--evaluate-every", "20", "--max-steps", "9"),
        ("--forget-bias", "1", "--vocabulary-size", "300", "--layer-norm", "--device", "cpu"),
        ("--data", "a: b #c.txt", "--out", "some where", "--lr", "1e-5", "--tokens", "bpe"),
    ],
)
def test_what_print_config_writes_gives_the_same_settings(
    here: Any, tmp_path: Path, task: str, flags: tuple[str, ...]
) -> None:
    done = here("train", task, *flags, "--print-config")
    file = tmp_path / "printed.yaml"
    file.write_text(done.stdout)
    again = here("train", task, "--config", file, "--print-config")
    assert again == done
    assert done.returncode == 0


def test_a_separator_and_columns_come_back(here: Any, tmp_path: Path) -> None:
    words = ("--separator", "|", "--text", "1", "--label", "0", "--class-weights", "none")
    done = here("train", "classify", *words, "--print-config")
    file = tmp_path / "printed.yaml"
    file.write_text(done.stdout)
    found = settings(here, "classify", "--config", file)
    assert (found["separator"], found["text"], found["label"]) == ("|", "1", "0")
    assert found["class_weights"] == "none"


def test_every_line_says_what_it_is_for(here: Any) -> None:
    done = here("train", "language", "--print-config")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("out:")]
    assert all("  # " in line for line in lines)


def test_a_model_trained_by_a_file(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        f"data: book.txt\nout: {tmp_path / 'run'}\nmax_steps: 3\npatience: null\n"
        "hidden_size: 4\nembedding_size: 4\nbatch_size: 4\n"
    )
    done = here("train", "language", "--config", file)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hidden_sise: 3", ["hidden", "sise"]),
        ("hidden_size: many", ["hidden_size", "many"]),
        ("lr: -1", ["lr", "greater than 0"]),
        ("hidden_size: [1, 2]", ["hidden"]),
        ("cell: {a: 1}", ["cell"]),
        ("hidden_size: null", ["hidden_size"]),
        ("- 1\n- 2", ["must hold lines of the form"]),
        ("just words", ["must hold lines of the form"]),
        ("a: b: c", ["cannot be read"]),
        ("", ["must hold lines of the form"]),
        ("!!python/object/apply:os.system ['true']", ["cannot be read"]),
        ("config: other.yaml", ["config"]),
    ],
)
def test_files_that_cannot_be_used(
    here: Any, tmp_path: Path, content: str, words: list[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    done = here("train", "classify", "--print-config", "--config", file)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("elman: error: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_files_that_are_not_there(here: Any, tmp_path: Path) -> None:
    for words in (["--config", tmp_path], ["--config", "no.yaml"], ["--config"], ["--config="]):
        done = here("train", "classify", *words)
        assert done.returncode == 2
        assert done.stderr.startswith("elman: error: --config")
        assert done.stderr.count("\n") == 1
