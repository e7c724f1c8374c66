from typing import cast

import pytest
import torch
from torch import Tensor

from elman.data import build_vocabulary
from elman.data.text.character_ngrams import character_ngrams
from elman.data.text.subwords import Words
from elman.tasks.word_encoder import DistinctWords, WordEncoder

BUCKETS = 50
ORDERS = (3, 4, 5)  # saved models depend on them
TEXTS = ["good films", "a good filmlike film", "", "x"]


@pytest.fixture
def vocabulary() -> Words:
    return cast(Words, build_vocabulary("words", ["a good film"]))


@pytest.fixture
def encoder(vocabulary: Words) -> WordEncoder:
    torch.manual_seed(0)
    encoder = WordEncoder(vocabulary.size, 6, BUCKETS, deviation=0.1, token_dropout=0.5)
    assert not encoder.ngrams.weight.any()
    torch.nn.init.normal_(encoder.ngrams.weight)
    return encoder.double()


def padded(sequences: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(sequences)


def vector(encoder: WordEncoder, vocabulary: Words, word: str) -> Tensor:
    buckets = torch.from_numpy(character_ngrams([word], ORDERS, BUCKETS).buckets)
    own = encoder.embedding.weight[int(vocabulary.encode(word)[0])]
    return own + encoder.ngrams.weight[buckets].mean(0)


def test_a_word_is_its_own_vector_plus_the_mean_of_its_ngrams(
    encoder: WordEncoder, vocabulary: Words
) -> None:
    words = DistinctWords(vocabulary, TEXTS, BUCKETS)
    output = encoder.eval()(words.inputs(padded(words.sequences)))
    assert output.shape == (4, 4, 6)
    for column, text in enumerate(TEXTS):
        parts = [vector(encoder, vocabulary, word) for word in text.split()]
        expected = torch.stack([*parts, *[torch.zeros(6)] * (4 - len(parts))])
        torch.testing.assert_close(output[:, column], expected.double())


def test_a_batch_describes_its_own_words_alone(vocabulary: Words) -> None:
    words = DistinctWords(vocabulary, TEXTS, BUCKETS)
    inputs = words.inputs(padded(words.sequences[:1] * 3))
    assert inputs.ids.tolist() == [0, 1, int(vocabulary.encode("good")[0]), 1]
    assert inputs.numbers.tolist() == [[2] * 3, [3] * 3]
    expected = character_ngrams(["good", "films"], ORDERS, BUCKETS)
    assert inputs.ngrams.tolist() == expected.buckets.tolist()
    assert inputs.starts.tolist() == [0, 0, 0, int(expected.counts[0])]


def test_only_the_first_40_characters_of_a_word_count(vocabulary: Words) -> None:
    first, second = (
        DistinctWords(vocabulary, [word], BUCKETS).inputs(torch.tensor([[2]])).ngrams
        for word in ("x" * 40, "x" * 40 + "y" * 1000)
    )
    assert first.tolist() == second.tolist()


def test_a_batch_without_words(encoder: WordEncoder, vocabulary: Words) -> None:
    words = DistinctWords(vocabulary, ["", " "], BUCKETS)
    output = encoder.eval()(words.inputs(torch.zeros(2, 2, dtype=torch.int64)))
    assert not output.any()


def test_a_dropped_word_has_no_ngrams(encoder: WordEncoder, vocabulary: Words) -> None:
    words = DistinctWords(vocabulary, ["good " * 200], BUCKETS)
    output = encoder.train()(words.inputs(padded(words.sequences)))[:, 0]
    hidden = (output == encoder.embedding.weight[1]).all(-1)
    seen = (output == vector(encoder, vocabulary, "good")).all(-1)
    assert bool((hidden | seen).all())
    assert 60 < int(hidden.sum()) < 140


def test_all_weights_get_gradients_but_those_of_padding(
    encoder: WordEncoder, vocabulary: Words
) -> None:
    words = DistinctWords(vocabulary, TEXTS, BUCKETS)
    encoder.eval()(words.inputs(padded(words.sequences))).sum().backward()
    own, shared = encoder.embedding.weight.grad, encoder.ngrams.weight.grad
    assert own is not None
    assert shared is not None
    assert not own[0].any()
    assert bool(own[1:].all())
    used = character_ngrams(" ".join(TEXTS).split(), ORDERS, BUCKETS).buckets
    assert shared.any(-1).nonzero()[:, 0].tolist() == sorted(set(used.tolist()))
