"""Shards of a batch: the parts whose gradients are computed apart, whoever computes them."""

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from elman.errors import SettingsError
from elman.train.settings import TrainSettings
from elman.train.workers.one_process import OneProcess


@runtime_checkable
class Divisible(Protocol):
    """A batch that can be divided along its sequences."""

    def shard(self, number: int, count: int) -> Self | None:
        """Shard `number` of `count`; None where there are fewer sequences than shards, and it is
        one of the empty ones."""


def shard_of(batch: Any, number: int, count: int) -> Any:
    """Shard `number` of `count` of a batch, None if it is empty.

    Raises `SettingsError` where the batch cannot be divided.
    """
    if count == 1:
        return batch
    if not isinstance(batch, Divisible):
        raise SettingsError(
            f"shards={count}: batches of type {type(batch).__name__} cannot be divided: they need"
            " a method shard(number, count); train in one process, or with shards=1"
        )
    return batch.shard(number, count)


def with_shards(settings: TrainSettings, workers: OneProcess, saved: Any) -> TrainSettings:
    """The settings with the number of shards of a run, where it has any.

    That of a checkpoint if none was given, else as many as there are workers. Raises
    `SettingsError` where there are more workers than shards, or more shards than sequences.
    """
    shards = settings.shards
    if shards is None and isinstance(saved, dict) and isinstance(saved.get("settings"), dict):
        shards = saved["settings"].get("shards")
    elif shards is None and workers.size > 1:
        shards = workers.size
    if shards is None and workers.size == 1:
        return settings
    if shards is None:
        raise SettingsError(
            f"the checkpoint is of a run without shards, which {workers.size} workers cannot"
            " continue: resume it without workers"
        )
    if workers.size > shards:
        raise SettingsError(
            f"shards={shards} for {workers.size} workers: each needs one or more; take fewer"
            " workers or more shards"
        )
    if shards > settings.batch_size:
        raise SettingsError(
            f"shards={shards} of batches of batch_size={settings.batch_size}: take fewer shards or"
            " larger batches"
        )
    return settings.model_copy(update={"shards": shards})


def entropy(seed: int, *numbers: int) -> int:
    """A seed for torch's generators of the numbers that name a place in a run.

    >>> entropy(0, 1, 2) == entropy(0, 1, 2), entropy(0, 1, 2) == entropy(0, 2, 1)
    (True, False)
    """
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint64)[0])
