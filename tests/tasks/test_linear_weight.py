"""The weight of a linear model beside a network, found on held-out examples."""

import torch

from elman.tasks.linear_weight import fitted_weight
from elman.tasks.metrics import calibrated_loss


def test_the_weight_is_the_best_of_the_candidates():
    targets = torch.arange(2).repeat(40)
    right, random = torch.eye(2)[targets], torch.randn(80, 2, generator=torch.manual_seed(0))

    def loss(scores):
        return calibrated_loss(scores, targets)

    assert fitted_weight(random, right, loss, 1.0) > 5
    assert fitted_weight(right, random, loss, 1.0) == 0


def test_both_count_alike_where_nothing_tells_them_apart():
    targets = torch.arange(2).repeat(2)
    right, random = torch.eye(2)[targets], torch.randn(4, 2, generator=torch.manual_seed(0))

    def loss(scores):
        return calibrated_loss(scores, targets)

    assert fitted_weight(right, 2 * right, loss, 1.0) == 1
    assert fitted_weight(right, torch.zeros(4, 2), loss, 0.5) == 0.5
    assert fitted_weight(right + random / 4, right - random / 4, loss, 1.0) == 1
