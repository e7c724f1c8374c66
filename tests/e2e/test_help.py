"""Every command says what it does, and its example is one that it would take."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from cyclopts import App

from elman.cli.app import app


def commands(at: App, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    for name in at:
        if not name.startswith("-"):
            inner = at[name]
            if inner.default_command is not None:
                yield (*path, name), inner
            yield from commands(inner, (*path, name))


ALL = dict(commands(app))


def test_there_are_the_commands_that_the_docs_name() -> None:
    names = {" ".join(path) for path in ALL}
    expected = {"train classify", "train language", "predict", "evaluate", "generate", "info"}
    assert expected | {"data list", "data show", "data fetch", "quickstart"} <= names


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_example_parses(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "config", ())
    examples = re.findall(r"Example: `elman ([^`]+)`", ALL[path].help)
    assert examples, f"elman {' '.join(path)} --help shows no example"
    for example in examples:
        words = shlex.split(example)
        assert tuple(words[: len(path)]) == path
        command, bound, ignored = app.parse_args(words, exit_on_error=False, print_error=False)
        assert command is ALL[path].default_command
        bound.signature.bind(*bound.args, **bound.kwargs)
        assert not ignored


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...], here: Any) -> None:
    done = here(*path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: elman {' '.join(path)}" in done.stdout
    assert "Example:" in done.stdout
    assert ALL[path].help.splitlines()[0].split()[0] in done.stdout


def test_every_flag_says_what_it_is(here: Any) -> None:
    for task in ("classify", "language"):
        text = here("train", task, "--help").stdout
        rows = [line.strip("│ ") for line in text.splitlines() if line.startswith("│ --")]
        assert len(rows) > 40
        assert all(re.search(r"--[a-z-]+( [A-Z]+)?\s+\S|  --|^--\S+$", row) for row in rows), rows


def test_without_words_there_is_help(here: Any) -> None:
    for words in ((), ("train",), ("data",)):
        done = here(*words)
        assert done.returncode == 0
        assert "Usage: elman" in done.stdout


def test_info_and_datasets(here: Any) -> None:
    done = here("info")
    assert done.returncode == 0
    for word in ("torch", "backend reference", "lstm", "classify, forecast, handwriting"):
        assert word in done.stdout
    done = here("data", "list")
    assert done.returncode == 0
    assert "text_sst2" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    done = here("data", "show", "text_sst2")
    assert done.returncode == 0
    assert "text_sst2:train" in done.stdout
    assert "licence" in done.stdout
