"""A training process that is killed goes on to the very weights of an unbroken run."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from elman.tensor_files import read_tensors

pytest.importorskip("sacrebleu")

WORDS = ["null", "eins", "zwei", "drei", "vier"]
SETTINGS = """
    --source number --target german --hidden-size 32 --embedding-size 16 --max-steps 400
    --evaluate-every 100 --checkpoint-every 20 --no-baselines
"""
Start = Callable[..., subprocess.Popen[str]]


def train(out: str, *more: str) -> list[str]:
    given = ["--data", "pairs.tsv", "--validation", "pairs.tsv", "--out", out]
    return ["train", "translate", *given, *SETTINGS.split(), *more]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pairs, and the model of a training that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    numbers = [(a, b, c) for a in range(5) for b in range(5) for c in range(5)]
    rows = [(" ".join(map(str, n)), " ".join(WORDS[i] for i in n)) for n in numbers]
    text = "number\tgerman\n" + "".join(f"{source}\t{target}\n" for source, target in rows)
    (folder / "pairs.tsv").write_text(text)
    subprocess.run(
        [sys.executable, "-m", "elman.cli", *train("whole")],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_a_random_moment(command: Start, whole: Path, tmp_path: Path, seed: int) -> None:
    shutil.copy(whole / "pairs.tsv", tmp_path)
    process = command(*train("part"))
    checkpoint = tmp_path / "part" / "checkpoint.safetensors"
    limit = time.monotonic() + 120
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 0.6))
    process.kill()
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert not (tmp_path / "part" / "model.safetensors").exists()

    _, errors = (resumed := command(*train("part", "--resume"))).communicate(timeout=300)
    assert resumed.returncode == 0, errors
    runs = (whole / "whole", tmp_path / "part")
    one, two = (read_tensors(run / "model.safetensors")[0] for run in runs)
    assert one.keys() == two.keys()
    for name, weight in one.items():
        assert weight.equal(two[name]), name
