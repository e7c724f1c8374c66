"""The supervisor starts all workers again where one was killed, and ends with those that fail."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from elman.folders import CHECKPOINT
from elman.train.workers.environment import LOST
from elman.train.workers.supervisor import supervise

LOG = """
import json, os, signal, sys, time
folder, rank, resumed = sys.argv[1], int(os.environ["RANK"]), sys.argv[2] == "True"
with open(f"{folder}/log.jsonl", "a") as file:
    file.write(json.dumps([rank, resumed, os.getpid()]) + "\\n")
starts = sum(json.loads(line)[0] == rank for line in open(f"{folder}/log.jsonl"))
def checkpoint():
    temporary = f"{folder}/temporary{starts}"
    open(temporary, "w").close()
    os.replace(temporary, f"{folder}/checkpoint.safetensors")
def wait():
    time.sleep(30)
"""


def run(folder: Path, program: str, workers: int = 2, *, resume: bool = False) -> int:
    text = LOG + program
    return supervise(
        lambda goes_on: [sys.executable, "-c", text, str(folder), str(goes_on)],
        workers,
        folder,
        resume=resume,
    )


def starts(folder: Path) -> list[tuple[int, bool]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [(rank, resumed) for rank, resumed, _ in map(json.loads, sorted(lines, key=order))]


def order(line: str) -> tuple[bool, int]:
    rank, resumed, _ = json.loads(line)
    return resumed, rank


def test_all_end_well(tmp_path: Path) -> None:
    assert run(tmp_path, "pass", 3) == 0
    assert starts(tmp_path) == [(0, False), (1, False), (2, False)]


def test_a_killed_worker_starts_all_again_from_the_checkpoint(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("elman.train.workers.supervisor._LAST_WORDS", 0.3)
    program = """
if rank == 0 and starts == 1: checkpoint()
if rank == 1 and starts == 1:
    while not os.path.exists(f"{folder}/checkpoint.safetensors"): time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
if rank == 0 and starts == 1: wait()
"""
    assert run(tmp_path, program) == 0
    assert starts(tmp_path) == [(0, False), (1, False), (0, True), (1, True)]
    words = "worker 1 of 2 was killed by SIGKILL; all 2 start again from the last checkpoint"
    assert words in capsys.readouterr().err


def test_before_the_first_checkpoint_all_start_from_the_beginning(tmp_path: Path, capsys) -> None:
    (tmp_path / CHECKPOINT).write_text("of another run")
    program = """
while len(open(f"{folder}/log.jsonl").readlines()) < 2: time.sleep(0.01)
if starts == 1: os.kill(os.getpid(), signal.SIGSEGV)
"""
    assert run(tmp_path, program) == 0
    assert starts(tmp_path) == [(0, False)] * 2 + [(1, False)] * 2
    assert "start again from the beginning" in capsys.readouterr().err


def test_an_error_ends_the_run_with_its_status(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(75 if rank == 0 else 2)") == 2
    assert len(starts(tmp_path)) == 2


def test_starts_without_a_new_checkpoint_come_to_an_end(tmp_path: Path, capsys) -> None:
    assert run(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)", 1, resume=True) == LOST
    assert starts(tmp_path) == [(0, True)] * 3
    assert "no start of 3 in a row came to a checkpoint" in capsys.readouterr().err


def test_starts_that_come_farther_are_not_limited(tmp_path: Path) -> None:
    program = "checkpoint()\nif starts < 8: os.kill(os.getpid(), signal.SIGKILL)"
    assert run(tmp_path, program, 1) == 0
    assert len(starts(tmp_path)) == 8


SUPERVISED = """
import sys
from pathlib import Path
from elman.train.workers.supervisor import supervise
text, folder = sys.argv[1:]
command = lambda goes_on: [sys.executable, "-c", text, folder, str(goes_on)]
sys.exit(supervise(command, 2, Path(folder), resume=False))
"""
PATIENT = """
from elman.train.workers.joined import _end_with_parent
_end_with_parent()
caught = []
signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
open(f"{folder}/ready{rank}", "w").close()
while not caught: time.sleep(0.02)
sys.exit(143)
"""


def begin(folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISED, LOG + PATIENT, str(folder)])
    end = time.monotonic() + 60
    while not all((folder / f"ready{rank}").exists() for rank in range(2)):
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


def pids(folder: Path) -> list[int]:
    return [json.loads(line)[2] for line in (folder / "log.jsonl").read_text().splitlines()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_signal_goes_on_to_all_workers_and_nothing_starts_again(tmp_path: Path) -> None:
    process = begin(tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert len(starts(tmp_path)) == 2
    assert not any(map(is_alive, pids(tmp_path)))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    process = begin(tmp_path)
    process.kill()
    process.wait(30)
    end = time.monotonic() + 10
    while any(map(is_alive, pids(tmp_path))) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_alive, pids(tmp_path)))


def test_a_worker_that_does_not_end_is_killed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("elman.train.workers.supervisor._LAST_WORDS", 0.3)
    assert run(tmp_path, "sys.exit(2) if rank == 0 else wait()") == 2
    assert not any(map(is_alive, pids(tmp_path)))
