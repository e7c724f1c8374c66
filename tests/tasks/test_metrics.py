import math

import pytest
import torch
from torch import tensor

from elman.tasks import metrics


def logits_of(classes: list[int], count: int) -> torch.Tensor:
    return 10 * torch.nn.functional.one_hot(tensor(classes), count).float()


def test_confusion_has_true_rows_and_predicted_columns() -> None:
    table = metrics.confusion(tensor([0, 2, 2, 1]), tensor([0, 0, 2, 2]), 4)
    assert table.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_single_label_metrics_by_hand() -> None:
    # class 0: 1 hit of 2 predicted, 2 true: F1 1/2; class 1: 1 of 1 predicted, 2 true: 2/3;
    # class 2: predicted once, never true: 0; class 3 is neither and does not count.
    values = metrics.single_label(logits_of([0, 2, 1, 0], 4), tensor([0, 0, 1, 1]))
    assert values["accuracy"] == 0.5
    assert values["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    normaliser = math.log(math.exp(10) + 3)
    assert values["loss"] == pytest.approx(((normaliser - 10) * 2 + normaliser * 2) / 4, rel=1e-5)


def test_macro_f1_counts_each_class_alike_and_accuracy_each_example() -> None:
    # nine of class 0 right, the one of class 1 taken for 0: F1 18/19 and 0
    values = metrics.single_label(logits_of([0] * 10, 2), tensor([0] * 9 + [1]))
    assert values["accuracy"] == 0.9
    assert values["macro_f1"] == pytest.approx(9 / 19)


def test_multi_label_metrics_by_hand() -> None:
    logits = tensor([[2.0, -2.0, -2.0], [2.0, 2.0, -2.0], [-2.0, -2.0, -2.0]])
    targets = tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    values = metrics.multi_label(logits, targets)
    assert values["accuracy"] == pytest.approx(1 / 3)
    # hits 2, predicted 3, true 3
    assert values["micro_f1"] == pytest.approx(2 / 3)
    # label 0: 1 hit, 2 predicted, 1 true: 2/3; label 1: 1, 1, 2: 2/3; label 2 absent
    assert values["macro_f1"] == pytest.approx(2 / 3)
    wrong, right = math.log1p(math.exp(2)), math.log1p(math.exp(-2))
    assert values["loss"] == pytest.approx((7 * right + 2 * wrong) / 9, rel=1e-5)


def test_multi_label_metrics_where_no_label_occurs() -> None:
    values = metrics.multi_label(tensor([[-1.0, -1.0]]), tensor([[0.0, 0.0]]))
    assert (values["accuracy"], values["micro_f1"], values["macro_f1"]) == (1.0, 0.0, 1.0)


def test_calibration_error_by_hand() -> None:
    # two bins: confidence 0.9, 0.9 (one right of two: gap 0.4), and 0.6 (right: gap 0.4)
    probabilities = tensor([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    error = metrics.calibration_error(probabilities, tensor([0, 0, 0]))
    assert error == pytest.approx((2 * 0.4 + 1 * 0.4) / 3, rel=1e-5)
    # one bin for all: mean confidence 0.8, accuracy 2/3
    one = metrics.calibration_error(probabilities, tensor([0, 0, 0]), bins=1)
    assert one == pytest.approx(0.8 - 2 / 3, rel=1e-4)


def test_a_calibrated_model_has_no_calibration_error() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(200_000, generator=generator, dtype=torch.float64)
    targets = (torch.rand(len(p), generator=generator) >= p).long()
    assert metrics.calibration_error(torch.stack([p, 1 - p], -1), targets) < 0.01


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_recovers_the_one_the_targets_were_drawn_with(true_temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(8_000, 4, generator=generator)
    targets = torch.multinomial((logits / true_temperature).softmax(-1), 1, generator=generator)
    found = metrics.fit_temperature(logits, targets.squeeze(1))
    assert found == pytest.approx(true_temperature, rel=0.08)
    several = torch.bernoulli((logits / true_temperature).sigmoid(), generator=generator)
    assert metrics.fit_temperature(logits, several) == pytest.approx(true_temperature, rel=0.08)


def test_temperature_does_not_trust_a_few_right_answers() -> None:
    logits = logits_of([0, 1] * 5, 2)
    probabilities = (logits / metrics.fit_temperature(logits, tensor([0, 1] * 5))).softmax(-1)
    assert probabilities.max() == pytest.approx(1 - 1 / 12, abs=0.005)
