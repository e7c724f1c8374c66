"""What takes more than a second is shown; a bar on a terminal, else lines."""

import io
import sys
import time
from typing import Any

import pytest

from elman import progress
from elman.progress import counted, stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_FIRST_SECONDS", 0.05)
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.2)


def slowly(count: int) -> Any:
    for i in range(count):
        time.sleep(0.05)
        yield i


def test_lines_say_how_far_it_is_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("reading", shown=True):
        assert list(counted(slowly(12), 12)) == list(range(12))
    first, *between, last = capsys.readouterr().err.splitlines()
    assert (first, last) == ("reading: ...", "reading: 1 s")
    assert between
    assert all(line.startswith("reading: ") and line.endswith(" of 12") for line in between)


def test_what_is_quick_or_not_to_be_shown_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("reading", shown=True):
        pass
    with stage("reading", shown=False):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with stage("reading", shown=True):
        list(counted(slowly(8), 8))
    assert "reading" in stream.getvalue()
    assert "\x1b[2K" in stream.getvalue()


def test_an_error_ends_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), stage("reading", shown=True):
        raise KeyError
    time.sleep(0.2)
    assert capsys.readouterr().err == ""
    assert list(counted([1, 2], 2)) == [1, 2]
