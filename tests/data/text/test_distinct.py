import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.baselines.text_features import WORD
from elman.data import build_vocabulary
from elman.data.text.distinct import DistinctPieces, stretches
from elman.data.text.subwords import Words, _normal

texts = st.lists(
    st.text(st.sampled_from("aAbéßΣς1½'’_-. \t\n\x1c\x1f\x85\xa0\u200b\u3000我好ーカＡ\u0301"))
)


@given(texts)
@pytest.mark.parametrize("split", [str.split, WORD.findall, re.compile(r"\S").findall])
def test_words_of_pieces_are_those_of_the_whole_texts(split, texts):
    words, numbers, counts = DistinctPieces(texts).words(split)
    expected = [split(text) for text in texts]
    assert words == list(dict.fromkeys(word for row in expected for word in row))
    assert [words[i] for i in numbers] == [word for row in expected for word in row]
    assert counts.tolist() == [len(row) for row in expected]


@given(texts)
def test_a_vocabulary_splits_pieces_as_whole_texts(texts):
    vocabulary = build_vocabulary("words", ["a"])
    assert isinstance(vocabulary, Words)
    words, numbers, counts = vocabulary.distinct(texts)
    whole = [vocabulary._splitter.pre_tokenize_str(_normal(text, False)) for text in texts]
    assert [words[i] for i in numbers] == [word for row in whole for word, _ in row]
    assert counts.tolist() == [len(row) for row in whole]


def test_no_texts_and_no_words():
    for given_texts in ([], [""], ["", "  "]):
        words, numbers, counts = DistinctPieces(given_texts).words(str.split)
        assert (words, numbers.tolist(), counts.tolist()) == ([], [], [0] * len(given_texts))
        assert numbers.dtype == counts.dtype == np.int64


def test_stretches_that_are_empty_or_come_twice():
    chosen = np.array([1, 2, 2, 0])
    found = stretches(np.array([0, 2, 2])[chosen], np.array([2, 0, 3])[chosen])
    assert found.tolist() == [2, 3, 4, 2, 3, 4, 0, 1]
