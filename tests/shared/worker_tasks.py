"""Run as one of several workers: trains small tasks and prints a hash of each one's weights.

python worker_tasks.py FOLDER SHARDS STEPS NAME ...
"""

import hashlib
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from small_tasks import MADE, SMALL

from elman.tasks import Translate
from elman.train.workers import OneProcess, joined

WORDS = {"one": "un", "two": "deux", "three": "trois", "red": "rouge", "cat": "chat"}
PAIRS = [(f"{a} {b}", f"{WORDS[a]} {WORDS[b]}") for a in WORDS for b in WORDS]
HARD: dict[str, Any] = {
    "dropout": 0.2,
    "output_dropout": 0.2,
    "ema": 0.9,
    "clip": 0.05,
    "evaluate_every": 7,
    "patience": 3,
    "monitor": "gradients",
    "monitor_every": 5,
    "log_every": 4,
    "epochs": 100,
    "batch_size": 6,
    "baselines": False,
}


def tasks() -> dict[str, tuple[Any, dict[str, Any], Any]]:
    """Class, settings and data of each."""
    found = {name: (kind, options, data) for name, (kind, options, data, _) in MADE.items()}
    kind, options, data = found["classify"]
    found["ensemble"] = (kind, {**options, "seeds": 2}, data)
    found["translate"] = (Translate, {"batch_size": 30, "embedding_size": 6}, PAIRS)
    if "ELMAN_TEST_SHARDS" in os.environ:
        name, place = os.environ["ELMAN_TEST_SHARDS"].split("=", 1)
        found["sharded"] = (*found[name][:2], place)
    return found


def digest(model: Any) -> str:
    parts = [value.numpy().tobytes() for _, value in sorted(model.state_dict().items())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def train_all(
    workers: OneProcess, folder: Path, shards: int, steps: int, names: Sequence[str]
) -> dict[str, str]:
    """The hash of each trained task's weights, in the first worker."""
    found = {}
    for name in names:
        kind, options, data = tasks()[name]
        own = {key: v for key, v in HARD.items() if key in kind.settings_type.model_fields}
        task = kind(**{**SMALL, **own, **options, "max_steps": steps, "shards": shards})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task.fit(data, folder=folder / name, progress=False, workers=workers)
        if workers.is_first:
            found[name] = digest(task.model)
    return found


if __name__ == "__main__":
    with joined(60) as workers:
        place, shards, steps, *names = sys.argv[1:]
        for pair in train_all(workers, Path(place), int(shards), int(steps), names).items():
            print(*pair, flush=True)
