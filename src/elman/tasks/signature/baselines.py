"""What a verifier is compared with: the distance of dynamic time warping, normalised alike."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.baselines import Baseline
from elman.tasks.signature.metrics import Scores, verification_metrics
from elman.tasks.signature.trials import Trial

Array = NDArray[np.float64]


def scored(found: Sequence[Trial], scores: Array) -> Scores:
    """Scores of all signatures of trials, in their order."""
    names = list(dict.fromkeys(trial.person.name for trial in found))
    number = {name: i for i, name in enumerate(names)}
    sizes = [len(trial.person.kinds) for trial in found]
    return Scores(
        np.asarray(scores, np.float64),
        np.repeat([number[trial.person.name] for trial in found], sizes),
        np.concatenate([trial.person.kinds for trial in found]),
        np.repeat([trial.draw for trial in found], sizes),
    )


def warping_scores(found: Sequence[Trial]) -> Scores:
    """Of dynamic time warping of positions, speeds and pressure: less the logarithm of the mean
    distance from the references over that among them."""
    return scored(found, -np.concatenate([trial.distance() for trial in found]))


def hardest(found: Scores) -> int:
    """The kind of forgeries that counts: skilled ones where there are any."""
    return 1 if (found.kind == 1).any() else 2


def error_weights(found: Scores) -> Array:
    """With these the mean of errors is that of FAR and FRR, (N,)."""
    kind = hardest(found)
    weights = np.zeros(len(found.scores))
    for each in (0, kind):
        weights[found.kind == each] = 0.5 / (found.kind == each).sum()
    return weights


def errors(found: Scores) -> Array:
    """1 for each signature that is mistaken at the threshold of the equal error rate, (N,), times
    its weight."""
    accepted = found.scores >= found.curve(hardest(found)).threshold
    wrong: Array = (accepted != (found.kind == 0)).astype(np.float64) * error_weights(found)
    return wrong


def warping_baseline(found: Sequence[Trial]) -> Baseline:
    """Dynamic time warping on the same trials."""
    started = time.perf_counter()
    scores = warping_scores(found)
    metrics = verification_metrics(scores, scores.curve(hardest(scores)).threshold)
    wrong, weights = errors(scores), error_weights(scores)
    return Baseline(
        "dynamic time warping, normalised by the references",
        {"eer": float(wrong.sum() / weights.sum()), **metrics},
        wrong,
        time.perf_counter() - started,
        metric="eer",
        maximize=False,
        weights=weights,
    )
