"""Verification: one signature beside a person's template."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from elman.tasks.ensemble import networks
from elman.tasks.signature.batches import collated
from elman.tasks.signature.deviations import compared, deviations
from elman.tasks.signature.functions import Traced
from elman.tasks.signature.preprocessing import WEIGHT, SignaturePreprocessing
from elman.tasks.signature.templates import Template
from elman.train.inference import inference
from elman.train.tree import move

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Verification:
    """What verifying a signature gives.

    - `score`: the calibrated logit; above 0 where the signature is likelier genuine.
    - `probability`: that it is genuine, if genuine signatures and forgeries are equally frequent.
    - `is_genuine`: whether the probability reaches the threshold.
    """

    score: float
    probability: float
    is_genuine: bool


def scores_of(
    model: "nn.Module",
    known: SignaturePreprocessing,
    template: Template,
    signatures: Sequence[Traced],
) -> list[float]:
    """The score of each signature."""
    within, towards = (
        template.within,
        deviations(template.references, signatures, known.channels)[0],
    )
    numbers = np.stack([each.globals for each in signatures])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel that no reference has
        centre = np.nanmean(np.stack([each.globals for each in template.references]), 0)
    sequences, statistics = compared(
        within, towards, numbers - centre, known.usual, known.names, WEIGHT
    )
    batch = collated([(sequences, statistics, np.zeros(len(signatures), np.int64))])
    total = torch.zeros(len(signatures))
    members = networks(model)
    for each in members:
        with inference(each) as device:
            total += each(move(batch, device)).cpu()
    return [float(score) for score in total / len(members)]
