"""The weight of a linear model beside a network, found on held-out examples."""

import torch

from elman.tasks.linear_weight import fitted_weight
from elman.tasks.metrics import calibrated_loss


def test_the_weight_is_the_best_of_the_candidates_or_none():
    targets = torch.arange(2).repeat(40)
    right, random = torch.eye(2)[targets], torch.randn(80, 2, generator=torch.manual_seed(0))

    def loss(scores):
        return calibrated_loss(scores, targets)

    assert fitted_weight(random, right, loss) > 5
    assert fitted_weight(right, random, loss) == 0
    assert fitted_weight(right, torch.zeros(80, 2), loss) == 0
