import math
from collections import Counter

import numpy as np

from elman.baselines.nearest_text import nearest


def grams(text: str) -> Counter[str]:
    whole = f" {text.lower()} "
    return Counter(whole[i : i + n] for n in (2, 3, 4) for i in range(len(whole) - n + 1))


def by_hand(texts: list[str], query: str) -> int:
    """The cosine of n-grams, each weighed by the log of its count and its rarity."""
    known = [grams(text) for text in texts]

    def vector(counts: Counter[str]) -> dict[str, float]:
        found = {}
        for gram, count in counts.items():
            present = sum(gram in each for each in known)
            found[gram] = (1 + math.log(count)) * (math.log((1 + len(texts)) / (1 + present)) + 1)
        norm = math.sqrt(sum(value**2 for value in found.values()))
        return {gram: value / norm for gram, value in found.items()}

    own = vector(grams(query))
    return int(
        np.argmax([sum(own.get(g, 0) * v for g, v in vector(each).items()) for each in known])
    )


def test_it_is_the_nearest_by_hand() -> None:
    random = np.random.default_rng(0)
    words = ["cat", "dog", "house", "runs", "through", "snow", "the", "a", "red", "blue"]
    texts = [" ".join(random.choice(words, random.integers(2, 7))) for _ in range(40)]
    queries = [" ".join(random.choice(words, random.integers(1, 6))) for _ in range(30)]
    assert nearest(texts, queries).tolist() == [by_hand(texts, query) for query in queries]


def test_equal_texts_are_nearest_and_nothing_is_asked() -> None:
    texts = ["One way.", "另一个", "third"]
    assert nearest(texts, ["另一个", "third", "ONE WAY."]).tolist() == [1, 2, 0]
    assert nearest(texts, []).tolist() == []
    assert nearest(["", "a"], [""]).tolist() == [0]
