"""A recogniser for one writer, from a few samples of that hand."""

from copy import copy, deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from elman.errors import SettingsError
from elman.tasks.ensemble import networks
from elman.tasks.handwriting.dataset import HandwritingData
from elman.train import Step, TrainSettings, fit

if TYPE_CHECKING:
    from elman.tasks.handwriting.task import Handwriting

_PULL = 0.02  # of the squared distance to the weights before


def adapted(task: "Handwriting", samples: HandwritingData, settings: TrainSettings) -> Any:
    """A copy of a trained task whose weights were trained on with some samples.

    What the samples do not show must not be forgotten: the weights are held near those before (Li
    et al. 2018, *Explicit inductive bias for transfer learning with convolutional networks*).
    """
    if not len(samples):
        raise SettingsError("there are no samples to adapt to")
    changed = copy(task)
    changed._model = deepcopy(task.model)
    changed._preprocessing = known = changed.preprocessing.of_writer(samples)
    batches: Any = changed.batches(known, samples, training=True)
    if known.shape is not None:  # the network learns what it lacks
        batches.beside = known.linear_scores(batches.sequences)
    for model in networks(changed.model):
        before = [weight.detach().clone() for weight in model.parameters()]

        def loss(model: nn.Module, batch: Any, state: Any, start: Any = before) -> Step:
            step = task.loss(model, batch, state)  # type: ignore[arg-type]
            pairs = zip(model.parameters(), start, strict=True)
            pull = torch.stack([((now - then) ** 2).sum() for now, then in pairs]).sum()
            return replace(step, loss=step.loss + _PULL * pull)

        fit(model, batches, loss, settings=settings, progress=False)
        model.eval()
    return changed
