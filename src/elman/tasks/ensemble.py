"""Networks of different seeds that are trained one after the other and used as one model."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from elman.errors import ExportError, SettingsError
from elman.folders import CHECKPOINT, claim, is_checkpoint
from elman.tasks.hooks import Hooks
from elman.train.log import METRICS, is_log
from elman.train.resume import refuse_begun

if TYPE_CHECKING:
    from elman.tasks.task import Task


class Ensemble(nn.Module):
    """Networks of one task, whose outputs its hook `average` makes one of."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)


def networks(model: nn.Module) -> list[nn.Module]:
    """The networks of a model: the members of an ensemble, else the model itself."""
    return list(model.members) if isinstance(model, Ensemble) else [model]


def only_network(task: "Task") -> Any:
    """The network of a task to export; ExportError of several."""
    found = networks(task.model)
    if len(found) > 1:
        raise ExportError(
            f"a model of {len(found)} networks cannot be exported: train with seeds=1"
        )
    return found[0]


def seeds_of(task: "Task") -> list[int]:
    """The seed of each network; `SettingsError` of several where the task cannot average them."""
    settings = task.settings
    count = getattr(settings, "seeds", 1)
    if count > 1 and type(task).average is Hooks.average:
        raise SettingsError(
            f"seeds={count}: the task {task.name} does not average several networks; leave seeds"
            " out"
        )
    return [(settings.seed + number) % 2**32 for number in range(count)]


def build(task: "Task", preprocessing: Any) -> nn.Module:
    """The network of a task, or an ensemble of them with weights of their own seeds.

    The first has the weights that it would have alone.
    """
    _, *others = seeds_of(task)
    made = [task.build(preprocessing)]
    for seed in others:
        torch.manual_seed(seed)
        made.append(task.build(preprocessing))
    return Ensemble(made) if others else made[0]


def folders(folder: Path, task: "Task") -> list[Path]:
    """Where each network's checkpoint and log are: the run's folder, and others in it."""
    _, *others = seeds_of(task)
    return [folder, *(folder / f"seed-{seed}" for seed in others)]


def claim_folders(folder: Path, task: "Task", *, resume: bool) -> None:
    """Refuse folders of the networks after the first that hold a user's files, or a run's."""
    for each in filter(os.path.lexists, folders(folder, task)[1:]):
        claim(each, [CHECKPOINT, METRICS], {CHECKPOINT: is_checkpoint, METRICS: is_log})
        if not resume:
            refuse_begun(each / CHECKPOINT)
