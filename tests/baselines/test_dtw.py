import numpy as np
import pytest

from elman.baselines.dtw import distances, dtw, resampled
from elman.data import read_examples
from elman.errors import DataError


def by_hand(a: np.ndarray, b: np.ndarray, band: float) -> float:
    """The recursion, a cell at a time."""
    t, s = len(a), len(b)
    slope = (s - 1) / max(1, t - 1)
    slack = band * max(t, s) + max(1, slope) if t > 1 else s
    table = np.full((t + 1, s + 1), np.inf)
    table[0, 0] = 0
    for i in range(t):
        for j in range(s):
            if abs(j - i * slope) <= slack:
                least = min(table[i, j + 1], table[i + 1, j], table[i, j])
                table[i + 1, j + 1] = least + ((a[i] - b[j]) ** 2).sum()
    return float(np.sqrt(table[t, s]))


@pytest.mark.parametrize("band", [0.0, 0.1, 1.0])
def test_distances_are_those_of_the_recursion(band: float) -> None:
    rng = np.random.default_rng(0)
    some = [rng.normal(size=(t, 2)).astype("f") for t in (1, 2, 5, 9, 14)]
    others = [rng.normal(size=(t, 2)).astype("f") for t in (1, 3, 4, 9, 17, 6)]
    expected = [[by_hand(a, b, band) for b in others] for a in some]
    found = distances(some, others, band=band)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_stretched_sequence_is_no_other() -> None:
    wave = np.sin(np.arange(20) / 3)[:, None].astype("f")
    assert distances([wave], [np.repeat(wave, 2, 0)])[0, 0] == pytest.approx(0, abs=2e-3)


def test_long_sequences_become_means_of_equal_shares() -> None:
    values = np.arange(12.0)[:, None]
    assert resampled(values, 4)[:, 0].tolist() == [1, 4, 7, 10]
    assert resampled(values, 5).mean() == pytest.approx(values.mean())
    assert len(resampled(np.ones((1001, 3)), 100)) == 100
    np.testing.assert_array_equal(resampled(values, 12), values)


def test_scale_of_a_feature_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    slope = np.linspace(0, 1, 12)
    make = lambda up: np.stack([(slope if up else -slope), 1e6 * rng.random(12)], 1)  # noqa: E731
    train, held_out = [make(i % 2) for i in range(40)], [make(i % 2) for i in range(20)]
    labels = ["down", "up"] * 20
    assert dtw(train, labels, held_out, labels[:20]).metrics["accuracy"] > 0.8


def test_many_sequences_are_sampled_and_it_is_noted() -> None:
    rng = np.random.default_rng(0)
    long = [rng.normal(size=(300, 2)) for _ in range(2)]
    train, labels = long * 4000, ["a", "b"] * 4000
    result = dtw(train, labels, long * 20, ["a", "b"] * 20)
    assert result.note.endswith("of 8,000 sequences")
    assert result.metrics["accuracy"] == 1


def test_lengths_that_do_not_match_are_named() -> None:
    one = [np.zeros((3, 1))]
    with pytest.raises(DataError, match="1 training examples but 2 labels"):
        dtw(one, ["a", "b"], one, ["a"])
    with pytest.raises(DataError, match="held-out example"):
        dtw(one, ["a"], [], [])


def test_published_accuracies(dataset_root) -> None:  # type: ignore[no-untyped-def]
    """Bagnall et al. 2018: dependent DTW 0.949 on JapaneseVowels, 0.975 on BasicMotions."""
    data = [read_examples(f"mv_uea_small/JapaneseVowels:{part}") for part in ("train", "test")]
    (train, train_labels), (test, labels) = [(list(d.inputs), list(d.labels or ())) for d in data]
    assert dtw(train, train_labels, test, labels).metrics["accuracy"] >= 0.949
    data = [read_examples(f"mv_uea_small/BasicMotions:{part}") for part in ("train", "test")]
    some, others = ([np.asarray(x, np.float32) for x in d.inputs] for d in data[::-1])
    nearest = distances(some, others).argmin(1)  # not standardised, without a band, as published
    right = [data[0].labels[n] == label for n, label in zip(nearest, data[1].labels, strict=True)]
    assert np.mean(right) == pytest.approx(0.975)
