"""What differences of successive steps add to a classifier of features or sound.

    python benchmarks/differences.py [NAME ...] [--seeds 3]

trains with nothing but the data, with and without `differences`, and prints the test accuracies.
`hands` splits the training part of the gestures by blocks of a hundred, a fifth held out.
"""

import statistics
import warnings
from typing import Any

from cyclopts import App
from linear_weight import CASES, HANDS, Case, parts

from elman.data import Examples, read_examples
from elman.tasks import Classify

_BLOCK, _EVERY = 100, 5
NAMES = {
    "vowels": CASES["vowels"],
    "vowels-third": CASES["vowels-third"],
    "motions": Case("BasicMotions", *(f"mv_uea_small/BasicMotions:{p}" for p in ("train", "test"))),
    "digits-tenth": CASES["digits-tenth"],
    "hands": Case("hand points, blocks of the training part", f"{HANDS}:train", None),
    "hands-third": CASES["hands-third"],
}
app = App(help=__doc__)


def blocks(seed: int) -> tuple[Examples, Examples]:
    """Gestures of the training part: those to train on, and blocks of them that are held out."""
    whole = read_examples(f"{HANDS}:train")
    held_out = [i // _BLOCK % _EVERY == seed % _EVERY for i in range(len(whole))]
    train, test = (
        Examples(
            [each for each, out in zip(whole.inputs, held_out, strict=True) if out is wanted],
            [each for each, out in zip(whole.labels or (), held_out, strict=True) if out is wanted],
            [each for each, out in zip(whole.names, held_out, strict=True) if out is wanted],
        )
        for wanted in (False, True)
    )
    return train, test


@app.default
def main(*names: str, seeds: int = 3) -> None:
    """Print the table of all cases, or of those that are named."""
    warnings.simplefilter("ignore")
    print("| | without | with differences |")
    print("|---|---|---|")
    for name in names or NAMES:
        case, cells = NAMES[name], []
        for differences in (False, True):
            found = []
            for seed in range(seeds):
                data: Any = blocks(seed) if name == "hands" else parts(case)[:2]
                task = Classify(seed=seed, baselines=False, differences=differences)
                found.append(task.fit(data[0], progress=False).evaluate(data[1])["accuracy"])
            cells.append(f"{statistics.mean(found):.4f}")
        print(f"| {case.title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    app()
