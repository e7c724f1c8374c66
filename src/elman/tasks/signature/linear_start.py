"""The linear part of a verifier and its calibration, found before the recurrent layers learn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from elman.tasks.signature.functions import Floats
from elman.tasks.signature.linear import Linear
from elman.tasks.signature.network import normalised
from elman.tasks.signature.trials import Person, Trial, trials, weights

_DRAWS = 6  # of each person
_A_PERSON = 25.0  # weight of a person's genuine signatures
_GROUPS = 5  # of persons: each is scored by what the others tell
_SLIGHT = 0.01  # penalty of the calibration

Part = tuple[Floats, Floats]
Compare = Callable[[Trial], tuple[Part, Part, list[Part]]]


@dataclass(frozen=True, eq=False)
class LinearStart:
    """`linear`: scores of statistics; `usual_own`: the mean score of a reference beside the others;
    `scale` and `shift`: from normalised scores to calibrated ones."""

    linear: Linear
    usual_own: float
    scale: float
    shift: float


@dataclass(frozen=True, eq=False)
class _Example:
    """The statistics of a trial's signatures, of the cohort and of its references."""

    signatures: Floats
    cohort: Floats
    own: Floats
    kinds: NDArray[np.int64]


def linear_start(
    people: Sequence[Person], compare: Compare, *, references: int, penalty: float, seed: int
) -> LinearStart:
    """Fit the linear part on all persons, and calibrate by scores of persons left out of a fit.

    **Arguments:** `compare`: makes sequences and statistics of a trial's signatures, of the cohort
    and of each reference beside the others.
    """
    examples = [
        [_example(trial, compare) for trial in trials([person], _DRAWS, references, seed=seed + i)]
        for i, person in enumerate(people)
    ]
    linear = _fit(examples, penalty)
    usual = _usual(examples, linear)
    scores, kinds = [], []
    groups = min(_GROUPS, len(people))
    for group in range(groups):
        rest = [each for i, each in enumerate(examples) if i % groups != group]
        own = _fit(rest, penalty)
        level = torch.tensor(_usual(rest, own))
        for each in (one for some in examples[group::groups] for one in some):
            found, cohort, beside = (
                torch.from_numpy(own.scores(part.astype(np.float64)))
                for part in (each.signatures, each.cohort, each.own)
            )
            scores.append(normalised(found, cohort, beside, level).numpy())
            kinds.append(each.kinds)
    share = np.concatenate([weights(each) for each in kinds]) * _A_PERSON / _DRAWS
    targets = (np.concatenate(kinds) == 0).astype(np.float64)
    fitted = Linear.fit(np.concatenate(scores)[:, None], targets, share, _SLIGHT)
    scale = float(fitted.weight[0] / fitted.deviation[0])
    return LinearStart(linear, usual, max(scale, 1e-3), fitted.bias - scale * float(fitted.mean[0]))


def _example(trial: Trial, compare: Compare) -> _Example:
    signatures, cohort, own = compare(trial)
    width = signatures[1].shape[1]
    beside = np.concatenate([np.empty((0, width), np.float32), *(each[1] for each in own)])
    return _Example(signatures[1], cohort[1], beside, trial.person.kinds)


def _fit(examples: Sequence[Sequence[_Example]], penalty: float) -> Linear:
    every = [each for some in examples for each in some]
    statistics = np.concatenate([each.signatures for each in every]).astype(np.float64)
    share = np.concatenate([weights(each.kinds) for each in every]) * _A_PERSON / _DRAWS
    targets = (np.concatenate([each.kinds for each in every]) == 0).astype(np.float64)
    return Linear.fit(statistics, targets, share.astype(np.float64), penalty)


def _usual(examples: Sequence[Sequence[_Example]], linear: Linear) -> float:
    own = np.concatenate([each.own for some in examples for each in some])
    return float(linear.scores(own.astype(np.float64)).mean()) if len(own) else 2.0
