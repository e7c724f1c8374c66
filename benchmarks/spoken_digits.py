"""Which digit was spoken: what the classifier reaches on the Free Spoken Digits.

    python benchmarks/spoken_digits.py                  # the official split, three seeds
    python benchmarks/spoken_digits.py speakers         # each speaker in turn unseen in training

From WAV files to labels with the settings of `elman train classify --cell gru`. The test chooses
nothing: the best weights and the temperature come from a tenth of the training recordings. Needs
sp_fsdd.
"""

import sys
import time

import numpy as np
import torch
from rich.console import Console

from elman.data import Utterances, read_utterances
from elman.tasks import Classify

console = Console(width=110)


def official() -> None:
    """Recordings 0 to 4 of each speaker and digit are the test."""
    train, test = (read_utterances(f"sp_fsdd:{split}") for split in ("train", "test"))
    accuracies = [_measured(f"seed {seed}", train, test, seed=seed) for seed in range(3)]
    console.print(f"official split, {_spread(accuracies)}")


def speakers() -> None:
    """Of one speaker nothing is heard in training."""
    everything = [*read_utterances("sp_fsdd:train"), *read_utterances("sp_fsdd:test")]
    accuracies = []
    for speaker in sorted({u.speaker for u in everything}):
        train = Utterances(u for u in everything if u.speaker != speaker)
        test = Utterances(u for u in everything if u.speaker == speaker)
        accuracies.append(_measured(f"without {speaker}", train, test))
    console.print(f"a speaker never heard, {_spread(accuracies)}")


def _measured(title: str, train: Utterances, test: Utterances, **settings: int) -> float:
    start, used = time.perf_counter(), time.process_time()
    task = Classify(cell="gru", **settings).fit(train, progress=False)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    metrics = task.evaluate(test)
    console.print(
        f"  {title:18} accuracy {metrics['accuracy']:.4f}, calibration error"
        f" {metrics['calibration_error']:.3f} on {len(test)}; {len(train)} learnt in"
        f" {seconds:.0f} s, {used:.0f} of a core"
    )
    return metrics["accuracy"]


def _spread(values: list[float]) -> str:
    return f"accuracy: mean {np.mean(values):.4f}, from {min(values):.4f} to {max(values):.4f}"


ALL = {each.__name__: each for each in (official, speakers)}


def main() -> None:
    chosen = sys.argv[1:] or ["official"]
    if unknown := set(chosen) - set(ALL):
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    console.print(f"{torch.get_num_threads()} threads")
    for name in chosen:
        ALL[name]()


if __name__ == "__main__":
    main()
