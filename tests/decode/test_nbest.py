import math

import numpy as np
import pytest

from elman.decode.alphabet import Alphabet
from elman.decode.ctc_beam import CTCBeam
from elman.decode.nbest import word_shares


def test_shares_of_words_in_places() -> None:
    texts = [["a", "b", "c"], ["a", "c"], ["a", "x", "c"], ["c", "a", "b"]]
    shares = word_shares(texts, [math.log(p) for p in (0.4, 0.3, 0.2, 0.1)])
    expected = [[1.0, 0.5, 0.9], [1.0, 0.9], [1.0, 0.2, 0.9], [0.1, 1.0, 0.5]]
    for found, wanted in zip(shares, expected, strict=True):
        assert found == pytest.approx(wanted)


def test_shares_of_texts_next_to_impossible_and_of_none() -> None:
    shares = word_shares([["a"], ["a", "b"]], [0.0, -50.0])
    assert shares == [[1.0], [0.0, 0.0]]
    assert word_shares([[]], [-3.0]) == [[]]
    assert word_shares([["a"], ["b"]], [-math.inf, -math.inf]) == [[0.5], [0.5]]


def test_confidence_by_hand() -> None:
    """One frame, "a" with 0.6 and "b" with 0.3, of which both have shares."""
    found = CTCBeam(Alphabet("ab")).decode(np.log([[0.1, 0.6, 0.3]]), n=3)
    assert [each.text for each in found] == ["a", "b", ""]
    assert found[0].words[0].confidence == pytest.approx(math.sqrt(0.6 * 0.6))
    assert found[1].words[0].confidence == pytest.approx(math.sqrt(0.3 * 0.3))
    assert found[0].score == pytest.approx(math.log(0.6))
