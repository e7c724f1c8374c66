"""What is shown: plain lines where standard error is no terminal, a bar where it is."""

import io
import sys

import pytest

from elman.train import progress
from elman.train.progress import Display


class Clock:
    def __init__(self, monkeypatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(display: Display, clock: Clock, count: int, seconds: float) -> None:
    for step in range(1, count + 1):
        clock.now += seconds
        display.step(step, step / 10, 0.5, 20 * step, 0.25, float(step))


def test_plain_lines_are_few_and_complete(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with Display(100, 0, 0, unit="tokens", shown=True) as display:
        steps(display, clock, 100, 0.125)
        display.evaluation(100, 10.0, {"loss": 0.5, "accuracy": 0.75}, True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "step 40/100  epoch 4.00  loss 0.5000  160 tokens/s  clipped 25%  0:00:08 left",
        "step 80/100  epoch 8.00  loss 0.5000  160 tokens/s  clipped 25%  0:00:02 left",
        "step 100/100  epoch 10.00  loss 0.5000  accuracy 0.7500  (best)",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_shown_when_not_asked_for(monkeypatch, terminal):
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Display(100, 0, 0, unit="tokens", shown=False) as display:
        steps(display, Clock(monkeypatch), 100, 10.0)
        display.evaluation(100, 10.0, {"loss": 0.5}, True)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_and_a_line_an_evaluation(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    clock = Clock(monkeypatch)
    with Display(100, 0, 0, unit="tokens", shown=True) as display:
        steps(display, clock, 100, 0.01)
        display.evaluation(100, 10.0, {"loss": 0.5, "[wer]": 0.75}, False)
    shown = stream.getvalue()
    bars = shown.count("clipped 25%")
    assert 10 <= bars <= 15
    assert " 100/100 " in shown
    assert "[wer] 0.7500" in shown


def test_a_dumb_terminal_gets_lines(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb")
    with Display(100, 0, 0, unit="tokens", shown=True) as display:
        display.evaluation(100, 10.0, {"loss": 0.5}, False)
    assert stream.getvalue() == "step 100/100  epoch 10.00  loss 0.5000\n"


def test_a_longer_plan_tells_the_time_left_of_it(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with Display(100, 0, 0, unit="tokens", shown=True) as display:
        steps(display, clock, 100, 0.125)
        display.begin(200, 100.0, 2000)
        for step in range(101, 121):
            clock.now += 0.125
            display.step(step, step / 10, 0.5, 20 * step, 0.25, float(step))
    line = "step 120/200  epoch 12.00  loss 0.5000  160 tokens/s  clipped 25%  0:00:10 left"
    assert capsys.readouterr().err.splitlines()[-1] == line


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_that_begins_again_tells_the_time_left(monkeypatch, terminal):
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    clock = Clock(monkeypatch)
    with Display(6000, 0, 0, unit="tokens", shown=True) as display:
        steps(display, clock, 600, 1.0)
        display.begin(6000, 0.0, 0)
        steps(display, clock, 60, 1.0)
    shown = stream.getvalue()
    assert "-1 day" not in shown
    assert "20 tokens/s" in shown[shown.rindex("tokens/s") - 4 :]
    if not terminal:
        assert shown.endswith("1:39:00 left\n")
