"""Suggestions that depend on the seed, the trial's number and what is known when it begins."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from elman.tasks.search_space import Range

FIRST = 10  # trials that are drawn at random


class NumberedSampler(BaseSampler):
    """Tree-structured Parzen estimators (Bergstra et al. 2011), seeded again for every value.

    The first trials, drawn at random, are thus the same in any process and after any restart.

    **Arguments:** `seed`: of all draws.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """None: each setting is drawn by itself."""
        return {}

    def sample_relative(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Nothing, as there is no such space."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one setting."""
        entropy = [self._seed, trial.number, zlib.crc32(param_name.encode())]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        sampler = TPESampler(n_startup_trials=FIRST, constant_liar=True, seed=seed)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Nothing: there is no state to continue from."""


def suggested(trial: Any, name: str, among: Any) -> Any:
    """The value of a setting that a trial is to take."""
    if not isinstance(among, Range):
        return trial.suggest_categorical(name, list(among.values))
    low, high, step = among.low, among.high, among.step
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, step=int(step or 1), log=among.log)
    return rounded(trial.suggest_float(name, low, high, step=step, log=among.log))


def rounded(value: float) -> float:
    """A number that is short enough to be written down, to six digits.

    >>> rounded(0.30000000000000004)
    0.3
    """
    return float(f"{value:.6g}")
