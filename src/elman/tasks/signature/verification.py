"""Verification: signatures beside a person's template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from elman.tasks.ensemble import networks
from elman.tasks.signature.batches import in_full
from elman.tasks.signature.deviations import compared, deviations
from elman.tasks.signature.functions import Floats, Traced
from elman.tasks.signature.preprocessing import WEIGHT, SignaturePreprocessing
from elman.tasks.signature.templates import Template
from elman.tasks.signature.trials import centred
from elman.train.inference import inference
from elman.train.tree import move

if TYPE_CHECKING:
    from torch import nn

Part = tuple[Floats, Floats]


@dataclass(frozen=True)
class Verification:
    """What verifying a signature gives.

    - `score`: the calibrated logit; above 0 where the signature is more likely genuine.
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
    """The calibrated score of each signature."""
    if "cohort" not in template.kept:
        chosen = list(range(len(template.references)))
        template.kept["cohort"] = _beside(known, template, chosen, known.cohort.traces)
        template.kept["own"] = [
            _beside(known, template, [i for i in chosen if i != one], [template.references[one]])
            for one in (chosen if len(chosen) > 1 else [])
        ]
    found = _beside(known, template, list(range(len(template.references))), signatures)
    batch = in_full(found, template.kept["cohort"], template.kept["own"])
    members = networks(model)
    total = torch.zeros(len(signatures))
    for each in members:
        with inference(each) as device:
            total += each.verify(move(batch, device)).cpu()  # type: ignore[operator]
    return [float(score) for score in total / len(members)]


def _beside(
    known: SignaturePreprocessing,
    template: Template,
    chosen: Sequence[int],
    signatures: Sequence[Traced],
) -> Part:
    """Sequences and statistics of signatures beside some of the references."""
    references = [template.references[i] for i in chosen]
    numbers = np.stack([each.globals for each in signatures])
    own = np.stack([each.globals for each in references])
    return compared(
        template.within[np.ix_(chosen, chosen)],
        deviations(references, signatures, known.channels)[0],
        centred(numbers, own),
        known.usual,
        known.names,
        WEIGHT,
    )
