"""What the recogniser reaches on real speech, how fast, and in how much memory.

    python benchmarks/speech.py                     # all of them
    python benchmarks/speech.py an4 strings         # some

Settings were chosen on held-out speakers of the training part; the test parts are for the figures
printed here. Needs the datasets sp_an4_mfcc and sp_fsdd (elman data list). AN4's published figure
is that of deepspeech.pytorch's README, a larger network on spectrograms: WER 10.58, CER 4.88.
"""

import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

import elman
from elman.data import read_utterances
from elman.tasks import Speech

AN4 = {
    "bidirectional": True,
    "features": "mfcc",
    "deltas": 2,
    "speed": 0.15,
    "epochs": 60,
    "hidden_size": 160,
    "num_layers": 3,
}
RUNS = Path("runs")
console = Console(width=110, highlight=False)


def an4() -> None:
    """AN4, official split: offline, with the beam and the n-gram of the training transcripts."""
    task = _trained("an4", "sp_an4_mfcc:train", AN4)
    _tested("AN4", task, "sp_an4_mfcc:test")


def _trained(name: str, data: Any, settings: dict[str, Any], validation: Any = None) -> Speech:
    """The model of an earlier run, or one trained now; the time it took."""
    folder = RUNS / f"speech-{name}"
    if (folder / "config.json").exists():
        task = elman.load(folder)
    else:
        wall, cpu = time.perf_counter(), time.process_time()
        task = Speech(**settings).fit(data, validation, folder=folder, progress=True)
        console.print(
            f"{name}: trained in {time.perf_counter() - wall:.0f} s,"
            f" {time.process_time() - cpu:.0f} s of the processor;"
            f" validation {task.record['metrics']}"
        )
    assert isinstance(task, Speech)
    return task


def _tested(title: str, task: Speech, data: Any) -> None:
    found = task.report(read_utterances(data))
    console.print(f"{title}: weight of words {task.lm_weight}, bonus {task.word_bonus}")
    console.print(f"  WER {found.wer}\n  CER {found.cer}")
    console.print(f"  real-time factor {found.real_time_factor:.4f}")


ALL = {each.__name__: each for each in (an4,)}


def main() -> None:
    chosen = sys.argv[1:] or list(ALL)
    if unknown := set(chosen) - set(ALL):
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in chosen:
        ALL[name]()


if __name__ == "__main__":
    main()
