"""The fit loop: one for all tasks, resumed exactly after a kill at any moment."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from elman.errors import SettingsError
from elman.files import is_file
from elman.folders import CHECKPOINT as CHECKPOINT
from elman.folders import claim, is_checkpoint, path_of
from elman.nn.modes import modes_kept
from elman.train.checkpoint import read_checkpoint
from elman.train.log import METRICS, is_log
from elman.train.objective import Goal
from elman.train.optim import ParameterGroup
from elman.train.rng import preserved_rng, seed_all
from elman.train.run import Run
from elman.train.settings import TrainSettings, resolve_device
from elman.train.shards import with_shards
from elman.train.types import Batches, Result, Step
from elman.train.workers.one_process import OneProcess

B = TypeVar("B")
M = TypeVar("M", bound=nn.Module)


def fit(
    model: M,
    batches: Batches[B],
    loss: Callable[[M, B, Any], Step],
    *,
    settings: TrainSettings,
    folder: Path | str | None = None,
    evaluate: Callable[[M], Mapping[str, float]] | None = None,
    metric: str | None = None,
    maximize: bool | None = None,
    progress: bool = True,
    unit: str = "examples",
    data: str | None = None,
    start: str | None = None,
    resume: bool = False,
    began: float | None = None,
    chance: float | None = None,
    workers: OneProcess | None = None,
    after_evaluation: Callable[[Mapping[str, float]], None] | None = None,
    groups: Sequence[ParameterGroup] = (),
) -> Result:
    """Train `model` in place; afterwards it holds the best weights, or the last without `evaluate`.

    Backpropagation goes through all of a batch (full BPTT). Where `loss` returns a state, that
    state is detached and given to the next call of the epoch (truncated BPTT, Williams & Peng,
    1990); the first call of an epoch gets None.

    A run killed at any moment and resumed gives, on a CPU and with the same number of threads,
    bit for bit the weights of an unbroken one. This asks that `batches` and `loss` draw random
    numbers only from the epoch's number or from torch's, numpy's and Python's global generators
    within `loss`. Those are seeded here and, for the caller, left as they were.

    **Arguments:**

    - `model`: moved to the settings' device; its train or eval mode is kept.
    - `batches`: has `len(batches)` and `epoch(e, start=0)`, see `Batches`.
    - `loss`: called as `loss(model, batch, state)`, returns a `Step`.
    - `folder`: gets checkpoint.safetensors, metrics.jsonl and, if asked for, tensorboard/. With
      None nothing is written.
    - `evaluate`: gives metrics by name for the model, which is in eval mode, without gradients;
      what it draws at random does not change the training.
    - `metric`, `maximize`: the metric that decides about the best weights, and its direction. Not
      needed where `evaluate` gives a single metric (or one named "loss") of a well-known name.
    - `progress`: show a bar on a terminal, else plain lines, on standard error.
    - `unit`: what `Step.count` counts, for the speed that is shown.
    - `data`: a hash of the training data; to resume with other data is refused.
    - `start`: a hash of the weights that `model` begins with, if they are another run's; to resume
      with others is refused.
    - `resume`: continue from the folder's checkpoint. Settings must be the same, except the name of
      the device, the intervals of checkpoints and log lines, TensorBoard, and, with a schedule that
      does not depend on the run's length ("constant" or "plateau" without warm-up), larger
      `epochs` and `max_steps`.
    - `began`: `time.monotonic()` of when the settings' budget began, where work came before.
    - `workers`: those that train together, as `elman.train.workers.joined` gives them; all call
      `fit` with the same arguments, but for `folder`, `resume` and `progress`, of which those of
      the first count: it alone evaluates, writes and shows. Batches need a method `shard`, and the
      loss must draw its random numbers from the global generators.
    - `after_evaluation`: called with the metrics of each; what it raises ends the run.
    - `groups`: parameters of `model` that learn at a lower rate, or only later.
    - `chance`: the loss of the best constant prediction. With `restarts` in the settings a run that
      is no better after a tenth of its steps begins again at a lower rate.

    **Raises:** `FileError` where files in `folder` that elman did not write would be lost, and
    where there is no room for a checkpoint (the last one stays whole); `SettingsError` for what
    cannot work, other settings or weights than the checkpoint's, and a folder with a checkpoint
    but no `resume`; `ModelError` for a damaged checkpoint; `WorkerError` where another worker
    failed or was lost; `TrainingDivergedError` on NaN, infinity or an exploding loss, before the
    weights are touched; `TrainingInterrupted` after Ctrl-C or SIGTERM.

    >>> import torch
    >>> from torch import nn
    >>> class Sines:
    ...     def __len__(self):
    ...         return 20
    ...     def epoch(self, e, start=0):
    ...         for i in range(start, 20):
    ...             yield torch.sin(torch.arange(i, i + 32.0)).reshape(32, 1, 1)
    >>> class Next(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.recur, self.head = nn.GRU(1, 8), nn.Linear(8, 1)
    >>> def loss(model, x, state):
    ...     y, _ = model.recur(x[:-1])
    ...     return Step(nn.functional.mse_loss(model.head(y), x[1:]), count=len(y))
    >>> settings = TrainSettings(epochs=5, lr=0.02)
    >>> result = fit(Next(), Sines(), loss, settings=settings, progress=False)
    >>> result.step, result.stopped_because, result.history[-1]["training_loss"] < 0.05
    (100, 'finished', True)
    """
    workers = workers or OneProcess()
    folder, progress = (folder, progress) if workers.is_first else (None, False)
    path = None
    if folder is not None:
        folder = path_of(folder, "folder")
        if not resume or is_file(folder / CHECKPOINT):
            claim(folder, [CHECKPOINT, METRICS], {CHECKPOINT: is_checkpoint, METRICS: is_log})
        path = folder / CHECKPOINT
    if resume and folder is None and workers.is_first:
        raise SettingsError("resume=True needs the folder that holds the checkpoint")
    saved = workers.from_first(
        lambda: read_checkpoint(path) if resume and path is not None else None,
        "reading a checkpoint",
    )
    settings = with_shards(settings, workers, saved)
    device = resolve_device(settings.device, workers.local_rank)
    goal = Goal(metric, maximize) if evaluate is not None else None
    _refuse_useless(settings, batches, evaluate is not None)
    with preserved_rng(device), modes_kept(model):
        model.to(device)
        if not model.training:
            model.train()
        seed_all(settings.seed)
        run = Run(
            model=model,
            batches=batches,
            loss=loss,
            settings=settings,
            evaluate=evaluate,
            goal=goal,
            device=device,
            path=path,
            unit=unit,
            data=data,
            start_hash=start,
            workers=workers,
            after_evaluation=after_evaluation,
            spent=0.0 if began is None else time.monotonic() - began,
            chance=chance,
            groups=groups,
        )
        run.start(saved)
        return run.train(progress)


def _refuse_useless(settings: TrainSettings, batches: Batches[Any], evaluated: bool) -> None:
    if len(batches) < 1:
        raise SettingsError("there is no batch to train on: len(batches) is 0")
    if not evaluated and settings.patience is not None:
        raise SettingsError(f"patience={settings.patience} needs a metric: pass evaluate")
    if not evaluated and settings.schedule == "plateau":
        raise SettingsError("schedule='plateau' needs a metric: pass evaluate")
