"""A classifier that tells code, comments and prose of the standard library apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data import Examples
from elman.data.datasets.builtin import library_lines
from elman.quickstart.baselines import majority
from elman.quickstart.outcome import Outcome, described, fit
from elman.tasks import Classify

HELD_OUT = 0.2  # of the lines, all of modules that no training line is from
SETTINGS: dict[str, Any] = {
    "tokens": "characters",
    "lowercase": False,
    "cell": "gru",
    "embedding_size": 32,
    "hidden_size": 48,
    "pooling": "mean_max",
    "input_dropout": 0.1,
    "output_dropout": 0.1,
    "token_dropout": 0.05,
    "label_smoothing": 0.0,
    "ema": 0.0,
    "batch_size": 32,
    "lr": 5e-3,
    "warmup": 0.05,
}


@dataclass(frozen=True)
class Lines:
    """The model, how it does, and what it takes for what.

    `confusion` counts true (rows) against predicted labels; `right` and `wrong` are lines with
    their true label, the predicted one and its probability.
    """

    task: Classify
    outcome: Outcome
    labels: list[str]
    confusion: NDArray[np.int64]
    right: list[tuple[str, str, str, float]]
    wrong: list[tuple[str, str, str, float]]


def train(epochs: int, per_class: int, *, seed: int = 0, progress: bool = True) -> Lines:
    """Train on the lines of some modules, measure on those of others."""
    known, unseen = by_module(library_lines(per_class, seed), HELD_OUT, seed)
    task = Classify(**SETTINGS, epochs=epochs, seed=seed, device="cpu")
    history = fit(task, known, progress=progress)
    report = task.report(unseen)
    assert report.confusion is not None
    labels, truth = _labels(known), _labels(unseen)
    rule = ["comment" if str(line).startswith("#") else "code" for line in unseen.inputs]
    baselines = {
        "the most frequent class": majority(labels, truth),
        "# is a comment, the rest code": _share_equal(rule, truth),
    }
    network, best = report.metrics["accuracy"], max(baselines.values())
    outcome = Outcome(
        title="Code, comment or prose?",
        data=f"{len(known):,} lines of the standard library; measured on {len(unseen):,} of"
        " other modules",
        verdict=f"{1 - network:.1%} wrong where the better baseline has {1 - best:.1%}"
        if network > best
        else "no better than the baselines",
        measure="accuracy",
        network=network,
        baselines=baselines,
        settings=described(task.settings, "cell", "hidden_size", "epochs", "batch_size", "lr"),
        parameters=sum(p.numel() for p in task.model.parameters()),
        seconds=task.record["training"]["seconds"],
        history=history,
    )
    rows = task.rows(unseen.inputs)
    shown = [
        (row["input"], true, row["label"], row["probability"])
        for row, true in zip(rows, truth, strict=True)
    ]
    shown.sort(key=lambda each: -each[3])
    hits = [each for each in shown if each[1] == each[2]]
    typical = [[each for each in hits if each[1] == label] for label in report.labels]
    right = [each for group in typical for each in group[len(group) // 2 :][:2]]
    wrong = [each for each in shown if each[1] != each[2]][:6]
    return Lines(task, outcome, report.labels, report.confusion, right, wrong)


def by_module(examples: Examples, fraction: float, seed: int) -> tuple[Examples, Examples]:
    """Two parts with no module in both, the second of at least `fraction` of the lines."""
    modules = [name.rpartition(":")[0] for name in examples.names]
    names, sizes = np.unique(modules, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    enough = int(np.searchsorted(sizes[order].cumsum(), fraction * len(examples))) + 1
    held_out = set(names[order[:enough]].tolist())
    inside = [module in held_out for module in modules]
    return (
        examples.select(i for i, out in enumerate(inside) if not out),
        examples.select(i for i, out in enumerate(inside) if out),
    )


def _labels(examples: Examples) -> list[str]:
    return [str(label) for label in examples.labels or ()]


def _share_equal(first: list[str], second: list[str]) -> float:
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(second)
