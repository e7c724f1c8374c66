"""Any number of workers with equal shards ends with the same bits."""

from pathlib import Path

import gangs
import pytest
from worker_tasks import train_all

from elman.train.workers import OneProcess

PROGRAM = str(gangs.SHARED / "worker_tasks.py")
QUICK = ("language", "ensemble", "forecast")
ALL = (
    *("ensemble", "classify", "vectors", "language", "speech", "forecast", "handwriting", "lines"),
    *("signature", "synthesis", "video", "frames", "translate"),
)


def hashes(folder: Path, size: int, shards: int, names: tuple[str, ...]) -> dict[str, str]:
    if size == 1:
        return train_all(OneProcess(), folder / "1", shards, 30, names)
    words = [PROGRAM, str(folder / f"{size}"), str(shards), "30", *names]
    ended = gangs.finish(gangs.start(words, size), limit=300)
    assert [code for code, _, _ in ended] == [0] * size, "\n".join(err for _, _, err in ended)
    assert [out for _, out, _ in ended[1:]] == [""] * (size - 1)
    return dict(line.split() for line in ended[0][1].splitlines())


def check(folder: Path, sizes: tuple[int, ...], shards: int, names: tuple[str, ...]) -> None:
    alone, *others = [hashes(folder, size, shards, names) for size in sizes]
    assert list(alone) == list(names)
    for other in others:
        assert other == alone
    logs = [(folder / f"{size}" / names[0] / "metrics.jsonl").read_text() for size in sizes]
    losses = [[line.partition('"seconds"')[0] for line in log.splitlines()] for log in logs]
    assert all(each == losses[0] for each in losses)


def test_one_and_two_workers(tmp_path: Path) -> None:
    check(tmp_path, (1, 2), 3, QUICK)


@pytest.mark.slow
def test_one_two_and_four_workers_of_every_task(tmp_path: Path) -> None:
    check(tmp_path, (1, 2, 4), 5, ALL)
