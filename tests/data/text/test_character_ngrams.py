import numpy as np
import pytest

from elman.data.text.character_ngrams import character_ngrams, hash_sequences

WORDS = ["film", "a", "好", "naïve", "", "films"]


def fnv(text: str, buckets: int) -> int:
    """FNV-1a with the order in its offset, one character after the other, and a folded end."""
    value = 0xCBF29CE484222325 ^ len(text)
    for character in text:
        value = (value ^ ord(character)) * 0x100000001B3 % 2**64
    return (value ^ value >> 32) % buckets


def test_ngrams_are_those_of_the_word_between_two_spaces() -> None:
    found = character_ngrams(WORDS, (3, 4, 5), 1000)
    parts = np.split(found.buckets, np.cumsum(found.counts)[:-1])
    for word, buckets in zip(WORDS, parts, strict=True):
        text = f" {word} "
        expected = [fnv(text[i : i + n], 1000) for n in (3, 4, 5) for i in range(len(text) - n + 1)]
        assert buckets.tolist() == expected


def test_only_the_beginning_of_a_long_word_is_read() -> None:
    long, cut = (character_ngrams([w], (3,), 50, longest=4) for w in ("films" * 9, "film"))
    assert long.buckets.tolist() == cut.buckets.tolist()


def test_no_words() -> None:
    found = character_ngrams([], (3, 4), 10)
    assert len(found.buckets) == len(found.counts) == 0


@pytest.mark.parametrize("order", [1, 3, 7])
def test_hashes_of_sequences(order: int) -> None:
    codes = np.array([ord(c) for c in "films"], np.uint64)
    expected = [fnv("films"[i : i + order], 99) for i in range(max(0, 6 - order))]
    assert hash_sequences(codes, order, 99).tolist() == expected
