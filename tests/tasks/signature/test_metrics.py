import numpy as np
import pytest

from elman.tasks.signature.metrics import Curve, Scores, verification_metrics


def test_equal_error_rate_of_known_scores():
    curve = Curve.of(np.array([1.0, 2, 3, 4]), np.array([0.0, 0.5, 1.5, -1]))
    assert curve.eer == 0.25  # one of four is mistaken on either side
    assert 1.0 < curve.threshold <= 2.0


def test_equal_error_rate_between_thresholds():
    curve = Curve.of(np.array([1.0, 3.0]), np.array([0.0, 0.1, 2.0]))
    assert curve.eer == pytest.approx(1 / 3)


@pytest.mark.parametrize(("shift", "eer"), [(100.0, 0.0), (-100.0, 1.0)])
def test_extremes(shift, eer):
    forged = np.arange(5.0)
    assert Curve.of(forged + shift, forged).eer == eer


def test_thresholds_of_persons_and_of_all():
    """Each person's scores part without error, at thresholds of their own alone."""
    scores = Scores(
        np.array([1.0, 0.0, 11.0, 10.0]),
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.zeros(4, np.int64),
    )
    together, alone = scores.equal_error_rates(1)
    assert together.tolist() == [0.5]
    assert alone.tolist() == [0.0]
    metrics = verification_metrics(scores, 0.5)
    assert metrics["far_skilled"] == 0.5
    assert metrics["frr"] == 0.0
    assert "eer_random" not in metrics
