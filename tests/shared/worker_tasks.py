"""Run as one of several workers: trains small tasks and prints a hash of each one's weights.

python worker_tasks.py FOLDER SHARDS STEPS NAME ...
"""

import hashlib
import sys
import warnings
from pathlib import Path
from typing import Any

from small_tasks import MADE, SMALL

from elman.tasks import Translate
from elman.train.workers import joined

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
    found["translate"] = (Translate, {"batch_size": 30, "embedding_size": 6}, PAIRS)
    return found


def digest(model: Any) -> str:
    parts = [value.numpy().tobytes() for _, value in sorted(model.state_dict().items())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def main(folder: str, shards: str, steps: str, *names: str) -> None:
    warnings.simplefilter("ignore")
    with joined(60) as workers:
        for name in names:
            kind, options, data = tasks()[name]
            own = {key: v for key, v in HARD.items() if key in kind.settings_type.model_fields}
            settings = {**SMALL, **own, **options, "max_steps": int(steps), "shards": int(shards)}
            task = kind(**settings)
            task.fit(data, folder=Path(folder) / name, progress=False, workers=workers)
            if workers.is_first:
                print(name, digest(task.model), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
