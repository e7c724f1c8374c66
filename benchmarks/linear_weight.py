"""How much the linear model beside a classifier's network should count, on small data.

    ELMAN_DATA=their/folder python benchmarks/linear_weight.py [NAME ...] [--seeds 3]

trains with nothing but the data, and prints the test accuracy of the network alone, of both with
equal weights, and of the linear model alone; and the weight that held-out examples chose.
"""

import statistics
import warnings
from typing import Any, NamedTuple

import torch
from cyclopts import App

from elman.data import find_sounds, read_examples
from elman.tasks import Classify
from elman.tasks.metrics import fit_temperature


class Case(NamedTuple):
    title: str
    train: str
    test: str | None
    share: float = 1.0  # of the training data


VOWELS, HANDS = "mv_uea_small/JapaneseVowels", "vid_hand_point_history"
CASES = {
    "vowels": Case("JapaneseVowels", f"{VOWELS}:train", f"{VOWELS}:test"),
    "vowels-third": Case("a third of it", f"{VOWELS}:train", f"{VOWELS}:test", 0.3),
    "digits-tenth": Case("spoken digits, a tenth", "sp_fsdd:train", "sp_fsdd:test", 0.1),
    "snips-50th": Case("Snips, a fiftieth", "text_snips:train", "text_snips:validation", 0.02),
    "snips-tenth": Case("Snips, a tenth", "text_snips:train", "text_snips:validation", 0.1),
    "sst2-tenth": Case("SST-2, a tenth", "text_sst2:train", "text_sst2:test", 0.1),
    "sentences": Case("labelled sentences", "text_sentiment_labelled", None),
    "origins-tenth": Case("origins of names, a tenth", "lm_names/by_language", None, 0.1),
    "hands-tenth": Case("hand points, a tenth", f"{HANDS}:train", f"{HANDS}:test", 0.1),
    "hands-third": Case("hand points, a third", f"{HANDS}:train", f"{HANDS}:test", 0.3),
}
app = App(help=__doc__)


def parts(case: Case) -> tuple[Any, Any, int]:
    """Training data, test data, and how many examples there are to train on."""
    if case.train.startswith("sp_"):
        sounds, step = find_sounds(case.train), round(1 / case.share)
        assert sounds.labels is not None
        part = type(sounds)(sounds.utterances[::step], sounds.labels[::step])
        return part, case.test, len(part.utterances)
    train: Any = read_examples(case.train)
    test: Any = case.test
    if test is None:
        train, test = train.split(0.2, 7)
    if case.share < 1:
        train = train.split(case.share, 0)[1]
    return train, test, len(train)


def measure(train: Any, test: Any, seed: int) -> tuple[float, float, float, float]:
    """Test accuracies of the network, of both, and of the linear model; the weight chosen, as a
    share of the calibrated network's."""
    task = Classify(seed=seed, baselines=False).fit(train, progress=False)
    data, head, known = task.read(test, labelled=True), task.model.head, task.preprocessing
    targets, linear = known.targets(data), known.linear_scores(data)
    _, held_out = task.split(task.read(train, labelled=True))
    chosen = float(head.linear_weight)
    head.reset()
    usual = fit_temperature(torch.stack(list(task._outputs(held_out))), known.targets(held_out))
    network = torch.stack(list(task._outputs(data)))
    found = (network, network + usual * linear, linear)
    accuracies = (float((each.argmax(-1) == targets).double().mean()) for each in found)
    return *accuracies, chosen / usual


@app.default
def main(*names: str, seeds: int = 3) -> None:
    """Print the table of all cases, or of those that are named."""
    warnings.simplefilter("ignore")
    print("| | examples | network alone | equal weights | linear alone | weights chosen |")
    print("|---|---|---|---|---|---|")
    for name in names or CASES:
        case = CASES[name]
        train, test, count = parts(case)
        rows = [measure(train, test, seed) for seed in range(seeds)]
        values = [f"{statistics.mean(row[i] for row in rows):.3f}" for i in range(3)]
        chosen = ", ".join(f"{row[3]:.2f}" for row in rows)
        print(f"| {case.title} | {count:,} | {' | '.join(values)} | {chosen} |", flush=True)


if __name__ == "__main__":
    app()
