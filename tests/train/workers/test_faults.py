"""Workers that are killed, hang, fail or do not fit each other."""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import gangs
import pytest

from elman.train.workers.supervisor import LOST, supervise

PROGRAM = str(gangs.SHARED / "worker_runs.py")


def words(folder: Path | str = "", **options: Any) -> list[str]:
    return [PROGRAM, json.dumps({"folder": str(folder), **options})]


def run(size: int, folder: Path | str = "", **options: Any) -> list[tuple[int, str, str]]:
    return gangs.finish(gangs.start(words(folder, **options), size), limit=60)


def result(ended: list[tuple[int, str, str]]) -> dict[str, Any]:
    assert {code for code, _, _ in ended} == {0}, ended
    found = [json.loads(out) for _, out, _ in ended]
    assert all(each["sha"] == found[0]["sha"] for each in found)
    return found[0]


def supervised(folder: Path, workers: int, monkeypatch: Any, **options: Any) -> dict[str, Any]:
    for name, value in gangs.environment().items():
        monkeypatch.setenv(name, value)
    program = [sys.executable, *words(folder, **options)]
    status = supervise(lambda again: [*program, str(again)], workers, folder, resume=False)
    assert status == 0
    found: dict[str, Any] = json.loads(Path(f"{folder}.result").read_text())
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return result(run(1))


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
@pytest.mark.parametrize("rank", [0, 1])
def test_a_worker_killed_at_twenty_random_steps(rank: int, tmp_path: Path, monkeypatch) -> None:
    steps = sorted(random.Random(rank).sample(range(3, 60), 20))
    events = [
        {"rank": rank, "step": step, "do": "kill", "start": start}
        for start, step in enumerate(steps, 1)
    ]
    found = supervised(tmp_path / "run", 2, monkeypatch, events=events, steps=60)
    assert (tmp_path / f"run.starts{rank}").stat().st_size >= 15
    assert found == result(run(1, steps=60))


def test_resumed_by_other_numbers_of_workers(tmp_path: Path, expected: dict[str, Any]) -> None:
    folder = tmp_path / "run"
    for size, step, start, resumes in ((2, 4, 1, False), (1, 8, 2, True)):
        event = {"rank": size - 1, "step": step, "do": "term", "start": start}
        ended = run(size, folder, events=[event], resume=resumes)
        assert [code for code, _, _ in ended] == [143] * size, ended
        assert all(f"interrupted after step {step}" in err for _, _, err in ended)
    found = result(run(2, folder, resume=True, shards=None))
    assert found["sha"] == expected["sha"]
    assert found["history"] == expected["history"]


def test_a_hung_worker_is_named() -> None:
    began = time.monotonic()
    processes = gangs.start(words(limit=4, events=[{"rank": 1, "step": 3, "do": "hang"}]), 2)
    (code, _, err), *_ = gangs.finish(processes[:1], limit=60)
    processes[1].kill()
    gangs.finish(processes[1:])
    assert code == LOST
    assert "worker 1 of 2 has not answered for 4 s, while exchanging gradients" in err
    assert time.monotonic() - began < 50


def test_a_stopped_first_worker_is_named() -> None:
    processes = gangs.start(words(limit=4, events=[{"rank": 0, "step": 3, "do": "stop"}]), 2)
    (code, _, err), *_ = gangs.finish(processes[1:], limit=60)
    processes[0].kill()
    gangs.finish(processes[:1])
    assert code == LOST
    assert "worker 0 of 2 has not answered for 4 s" in err


def test_a_killed_worker_is_named_by_the_others() -> None:
    ended = run(3, events=[{"rank": 1, "step": 3, "do": "kill"}])
    assert [code for code, _, _ in ended] == [LOST, -9, LOST], ended
    assert "worker 1 of 3" in ended[0][2]
    assert "worker 1" in ended[2][2]


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("place", ["data", "loss"])
def test_an_error_of_one_worker_reaches_all(rank: int, place: str) -> None:
    event = {"rank": rank, "step": 0 if place == "data" else 2, "do": "error", "at": place}
    ended = run(2, events=[event])
    assert [code for code, _, _ in ended] == [2, 2], ended
    assert "DataError: words.txt, line 3: not a word" in ended[rank][2]
    told = f"worker {rank} of 2 failed: DataError: words.txt, line 3: not a word"
    assert told in ended[1 - rank][2]


def test_other_data_is_refused_on_every_rank() -> None:
    ended = run(2, data=["one", "another"])
    assert [code for code, _, _ in ended] == [2, 2]
    for _, _, err in ended:
        assert "worker 1 of 2 differs from worker 0: data is 'another' there and 'one' here" in err


def test_more_workers_than_shards_are_refused_on_every_rank() -> None:
    ended = run(3, shards=2)
    assert [code for code, _, _ in ended] == [2] * 3
    assert all("shards=2 for 3 workers: each needs one or more" in err for _, _, err in ended)


def test_changed_shards_are_refused_on_every_rank(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(1, folder, shards=3, steps=3)
    ended = run(2, folder, shards=4, steps=3, resume=True)
    assert [code for code, _, _ in ended] == [2, 2]
    assert all("shards was 3 and is 4" in err for _, _, err in ended)


def test_a_run_without_shards_is_not_resumed_by_several(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(1, folder, shards=None, steps=3)
    ended = run(2, folder, shards=None, steps=3, resume=True)
    assert [code for code, _, _ in ended] == [2, 2]
    assert all("a run without shards" in err for _, _, err in ended)


@pytest.mark.parametrize("rank", [0, 1])
def test_nobody_waits_for_ever_for_others_to_join(rank: int) -> None:
    began = time.monotonic()
    ended = gangs.finish([gangs.one(words(limit=2), rank, 2, gangs.free_port())], limit=60)
    ((code, _, err),) = ended
    assert code == LOST, ended
    assert f"worker {rank} of 2 could not join the others by 127.0.0.1:" in err
    assert time.monotonic() - began < 50
