import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.quickstart.baselines import error, majority, ngram_bits


def by_hand(train: str, test: str, order: int) -> float:
    """Witten-Bell's recursion, written as it stands in the docstring."""
    symbols = sorted(set(train))

    def probability(context: str, char: str) -> float:
        rest = probability(context[1:], char) if context else 1 / (len(symbols) + 1)
        after = [
            train[i + len(context)]
            for i in range(len(train) - len(context))
            if train[i : i + len(context)] == context
        ]
        if not after:
            return rest
        different = len(set(after))
        return (after.count(char) + different * rest) / (len(after) + different)

    both = train + test
    bits = 0.0
    for i in range(len(train), len(both)):
        context = both[i - order + 1 : i]
        bits -= math.log2(probability(context, both[i]))
    return bits / len(test)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_ngrams_as_computed_by_hand(order: int) -> None:
    train, test = "the cat sat on the mat, the cat", " ate the rat of Zoë"
    assert ngram_bits(train, test, order) == pytest.approx(by_hand(train, test, order), rel=1e-12)


@given(
    st.text("abc", min_size=5, max_size=30),
    st.text("abcd", min_size=1, max_size=15),
    st.integers(1, 4),
)
def test_ngrams_of_any_text(train: str, test: str, order: int) -> None:
    assert ngram_bits(train, test, order) == pytest.approx(by_hand(train, test, order), rel=1e-9)


def test_single_characters_cost_their_entropy() -> None:
    train = "aaab" * 25_000
    entropy = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert ngram_bits(train, train, 1) == pytest.approx(entropy, abs=1e-3)


def test_probabilities_of_all_characters_sum_to_one() -> None:
    train = "abracadabra"
    # whatever is not in `train` shares one probability, here that of "?"
    total = sum(2 ** -ngram_bits(train, char, 3) for char in "abrcd?")
    assert total == pytest.approx(1.0, rel=1e-12)


def test_majority_is_of_the_training_labels() -> None:
    assert majority(["x", "y", "y"], ["x", "x", "x", "y"]) == 0.25


def test_error_of_a_random_walk_drift_and_the_truth() -> None:
    returns = np.log([[1.2, np.nan], [0.9, 1.0]])
    assert error(0.0, returns) == pytest.approx(10.0)
    assert error(np.log(1.1), returns) == pytest.approx(100 * (0.1 + 0.2 + 0.1) / 3)
    assert error(returns, returns) == 0.0
