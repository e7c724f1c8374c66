"""Saves a tiny model of each task, and its loss, as data of the tests.

    PYTHONPATH=src:tests/shared python tests/shared/save_small_tasks.py

writes them under tests/tasks/saved/, in a folder named by elman's version. Run it with the code of
a release; later code has to load these folders and measure the same.
"""

import json
import warnings
from pathlib import Path
from typing import Any

from small_tasks import MADE, SMALL, signed

import elman
from elman.tasks import Classify, Signature, Translate

SAVED = Path(__file__).parents[1] / "tasks" / "saved"
PAIRS = [("one", "un"), ("two", "deux"), ("one two", "un deux"), ("two one", "deux un")] * 3
KINDS = {
    **{name: (kind, settings, data) for name, (kind, settings, data, _) in MADE.items()},
    "classify": (Classify, {"embedding_size": 4, "ngram_buckets": 500}, MADE["classify"][2]),
    "signature": (Signature, MADE["signature"][1], signed(1, 4)),
    "translate": (Translate, {"num_layers": 1, "embedding_size": 4}, PAIRS),
}


def measures(name: str, task: Any) -> dict[str, float]:
    """Of the model on the data that it was trained on: the loss, else what there is."""
    found = {key: float(value) for key, value in task.evaluate(KINDS[name][2]).items()}
    found.pop("real_time_factor", None)
    return {"loss": found["loss"]} if "loss" in found else found


def main() -> None:
    warnings.simplefilter("ignore")
    expected = {}
    for name, (kind, settings, data) in KINDS.items():
        task = kind(**{**SMALL, **settings, "baselines": False}).fit(data, progress=False)
        folder = SAVED / elman.__version__ / name
        task.save(folder)
        expected[name] = measures(name, elman.load(folder))
        print(folder, sum(each.stat().st_size for each in folder.iterdir()))
    (SAVED / elman.__version__ / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
