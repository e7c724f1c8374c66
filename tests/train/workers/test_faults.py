"""Workers that are killed, hang, fail or do not fit each other."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gangs
import pytest
from worker_runs import train

from elman.train import TrainingInterrupted
from elman.train.workers import OneProcess
from elman.train.workers.environment import LOST
from elman.train.workers.supervisor import supervise

PROGRAM = str(gangs.SHARED / "worker_runs.py")
IMPATIENT = {"limit": 6, "answer": 1.5}  # seconds: to join, and where nobody is left to answer


def words(*runs: dict[str, Any], limit: float = 30, answer: float = 5, **options: Any) -> list[str]:
    asked = [{**each, "folder": str(each.get("folder", ""))} for each in runs or (options,)]
    return [PROGRAM, json.dumps({"runs": asked, "limit": limit, "answer": answer})]


def run(size: int, *runs: dict[str, Any], **options: Any) -> list[tuple[int, str, str]]:
    return gangs.finish(gangs.start(words(*runs, **options), size), limit=180)


def found_by_all(ended: list[tuple[int, str, str]]) -> list[Any]:
    assert {code for code, _, _ in ended} == {0}, ended
    found = [[json.loads(line) for line in out.splitlines()] for _, out, _ in ended]
    assert all(each == found[0] for each in found)
    return found[0]


def supervised(folder: Path, workers: int, monkeypatch: Any, **options: Any) -> dict[str, Any]:
    for name, value in gangs.environment().items():
        monkeypatch.setenv(name, value)
    program = [sys.executable, *words(folder=folder, **options)]
    status = supervise(lambda again: [*program, str(again)], workers, folder, resume=False)
    assert status == 0
    found: dict[str, Any] = json.loads(Path(f"{folder}.result").read_text())
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return train(OneProcess())


def test_a_worker_killed_in_a_step_and_one_in_an_evaluation(
    tmp_path: Path, expected: dict[str, Any], monkeypatch: Any
) -> None:
    events = [
        {"rank": 1, "step": 6, "do": "kill"},
        {"rank": 0, "step": 10, "do": "kill", "at": "evaluation", "start": 2},
    ]
    found = supervised(tmp_path / "run", 2, monkeypatch, events=events)
    assert found == expected
    assert (tmp_path / "run.starts1").stat().st_size == 3


@pytest.mark.slow
def test_either_worker_killed_at_random_steps(tmp_path: Path, monkeypatch) -> None:
    """Four kills; `ELMAN_KILLS=40` asks for more."""
    kills = int(os.environ.get("ELMAN_KILLS", "4"))
    draw = random.Random(kills)
    steps = sorted(draw.sample(range(3, 3 * kills + 3), kills))
    ranks = [start % 2 for start in range(kills)]
    events = [
        {"rank": rank, "step": step, "do": "kill", "start": start}
        for start, (rank, step) in enumerate(zip(ranks, steps, strict=True), 1)
    ]
    found = supervised(tmp_path / "run", 2, monkeypatch, events=events, steps=3 * kills + 3)
    assert (tmp_path / "run.starts0").stat().st_size > kills / 2
    assert found == train(OneProcess(), steps=3 * kills + 3)


def test_resumed_by_other_numbers_of_workers(tmp_path: Path, expected: dict[str, Any]) -> None:
    folder = tmp_path / "run"
    ended = run(2, folder=folder, events=[{"rank": 1, "step": 4, "do": "term"}])
    assert [code for code, _, _ in ended] == [143] * 2, ended
    assert all("interrupted after step 4" in err for _, _, err in ended)
    term = {"rank": 0, "step": 8, "do": "term", "start": 2}
    with pytest.raises(TrainingInterrupted, match="after step 8"):
        train(OneProcess(), folder=str(folder), events=(term,), resume=True)
    (found,) = found_by_all(run(2, folder=folder, resume=True, shards=None))
    assert found == expected


def test_a_hung_worker_is_named() -> None:
    began = time.monotonic()
    processes = gangs.start(words(events=[{"rank": 1, "step": 3, "do": "hang"}], **IMPATIENT), 2)
    (code, _, err), *_ = gangs.finish(processes[:1], limit=180)
    processes[1].kill()
    gangs.finish(processes[1:])
    assert code == LOST
    assert "worker 1 of 2 has not answered for 6 s, while exchanging gradients" in err
    assert time.monotonic() - began < 150


def test_a_stopped_first_worker_is_named() -> None:
    processes = gangs.start(words(events=[{"rank": 0, "step": 3, "do": "stop"}], **IMPATIENT), 2)
    (code, _, err), *_ = gangs.finish(processes[1:], limit=180)
    processes[0].kill()
    gangs.finish(processes[:1])
    assert code == LOST
    assert "worker 0 of 2 has not answered for 6 s" in err


def test_a_killed_worker_is_named_by_the_others() -> None:
    ended = run(3, events=[{"rank": 1, "step": 3, "do": "kill"}])
    assert [code for code, _, _ in ended] == [LOST, -9, LOST], ended
    assert "worker 1 of 3" in ended[0][2]
    assert "worker 1" in ended[2][2]


@pytest.mark.parametrize(
    ("rank", "place"),
    [
        (0, "loss"),
        (1, "data"),
        pytest.param(0, "data", marks=pytest.mark.slow),
        pytest.param(1, "loss", marks=pytest.mark.slow),
    ],
)
def test_an_error_of_one_worker_reaches_all(rank: int, place: str) -> None:
    event = {"rank": rank, "step": 0 if place == "data" else 2, "do": "error", "at": place}
    ended = run(2, events=[event])
    assert [code for code, _, _ in ended] == [2, 2], ended
    assert "DataError: words.txt, line 3: not a word" in ended[rank][2]
    told = f"worker {rank} of 2 failed: DataError: words.txt, line 3: not a word"
    assert told in ended[1 - rank][2]


def test_what_does_not_fit_is_refused_by_every_worker(tmp_path: Path) -> None:
    shared, unshared = str(tmp_path / "shared"), str(tmp_path / "unshared")
    train(OneProcess(), shared, steps=3, shards=3)
    train(OneProcess(), unshared, steps=3, shards=None)
    again = {"steps": 3, "resume": True}
    ended = run(
        2,
        {"shards": 1},
        {"shards": 33},
        {"folder": shared, "shards": 4, **again},
        {"folder": unshared, "shards": None, **again},
        {"data": ["one", "another"]},
    )
    assert [code for code, _, _ in ended] == [2, 2], ended
    few, many, changed, none = (json.loads(line) for line in ended[0][1].splitlines())
    messages = [
        out.replace(f"{shared}/checkpoint.safetensors", "the checkpoint") for _, out, _ in ended
    ]
    assert messages[0] == messages[1]
    assert "shards=1 for 2 workers: each needs one or more" in few
    assert "shards=33 of batches of batch_size=32" in many
    assert "shards was 3 and is 4" in changed
    assert "a run without shards" in none
    for _, _, err in ended:
        assert "worker 1 of 2 differs from worker 0: data is 'another' there and 'one' here" in err


@pytest.mark.parametrize("rank", [0, 1])
def test_nobody_waits_for_ever_for_others_to_join(rank: int) -> None:
    began = time.monotonic()
    ended = gangs.finish([gangs.one(words(limit=2), rank, 2, gangs.free_port())], limit=180)
    ((code, _, err),) = ended
    assert code == LOST, ended
    assert f"worker {rank} of 2 could not join the others by 127.0.0.1:" in err
    assert time.monotonic() - began < 150


@pytest.mark.slow
def test_torchrun_starts_killed_workers_again(tmp_path: Path, expected: dict[str, Any]) -> None:
    folder = tmp_path / "run"
    program = words(folder=folder, events=[{"rank": 1, "step": 6, "do": "kill"}], limit=60)
    where = ["--master-addr", "127.0.0.1", "--master-port", str(gangs.free_port())]
    launched = ["--nproc-per-node", "2", "--max-restarts", "2", *where, *program]
    variables = gangs.environment()
    del variables["RANK"], variables["WORLD_SIZE"]
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *launched],
        env=variables,
        check=True,
        capture_output=True,
        timeout=180,
    )
    assert json.loads((tmp_path / "run.result").read_text()) == expected
