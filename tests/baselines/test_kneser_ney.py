import math
from collections import defaultdict

import numpy as np
import pytest

from elman.baselines.kneser_ney import KneserNey, kneser_ney
from elman.errors import DataError


class ByHand:
    """Chen & Goodman's equations, a dictionary an order."""

    def __init__(self, ids: list[int], size: int, order: int) -> None:
        self.size = size
        self.counts: list[dict[tuple[int, ...], int]] = []
        for n in range(1, order + 1):
            table: dict[tuple[int, ...], int] = defaultdict(int)
            if n == order:
                for i in range(len(ids) - n + 1):
                    table[tuple(ids[i : i + n])] += 1
            else:
                for longer in {tuple(ids[i : i + n + 1]) for i in range(len(ids) - n)}:
                    table[longer[1:]] += 1
                table[tuple(ids[:n])] = max(1, table[tuple(ids[:n])])
            self.counts.append(dict(table))
        self.discounts = []
        for table in self.counts:
            n1, n2, n3, n4 = (sum(c == k for c in table.values()) for k in (1, 2, 3, 4))
            y = n1 / (n1 + 2 * n2) if n1 else 0
            usual = n1 and n2 and n3 and n4
            found = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3] if usual else []
            is_good = usual and all(0 < d <= k for k, d in enumerate(found, 1))
            self.discounts.append(found if is_good else [0.5, 1.0, 1.5])

    def probability(self, context: tuple[int, ...], token: int) -> float:
        lower = self.probability(context[1:], token) if context else 1 / self.size
        table, discounts = self.counts[len(context)], self.discounts[len(context)]
        after = [count for gram, count in table.items() if gram[:-1] == context]
        if not after:
            return lower
        count = table.get((*context, token), 0)
        own = count - discounts[min(count, 3) - 1] if count else 0.0
        freed = sum(discounts[min(each, 3) - 1] for each in after)
        return (own + freed * lower) / sum(after)


def zipf(count: int, size: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = rng.choice(3, size=count, p=[0.6, 0.3, 0.1])
    return (np.cumsum(steps) + (rng.random(count) < 0.1) * rng.integers(size, size=count)) % size


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_equations(order: int) -> None:
    ids, new = zipf(300, 7), zipf(40, 8, seed=1)
    model, oracle = KneserNey.fit(ids, size=8, order=order), ByHand(ids.tolist(), 8, order)
    expected = [
        -math.log(oracle.probability(tuple(new[max(0, i - order + 1) : i].tolist()), int(new[i])))
        for i in range(len(new))
    ]
    # at the beginning the context is shorter than the order; lower orders count continuations
    np.testing.assert_allclose(model.losses(new)[order - 1 :], expected[order - 1 :], rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_probabilities_sum_to_one_after_every_context(order: int) -> None:
    size = 9
    model = KneserNey.fit(zipf(500, 8), size=size, order=order)
    for context in ([], [0], [8], [1, 2, 2, 3, 4, 5], [3, 8, 3], [7, 1, 6, 0, 0]):
        after = [np.exp(-model.losses(np.array([*context, w]))[-1]) for w in range(size)]
        assert sum(after) == pytest.approx(1, abs=1e-12)
        assert min(after) > 0


def test_a_corpus_shorter_than_the_order() -> None:
    model = KneserNey.fit(np.array([0, 1]), size=3, order=5)
    assert np.exp(-model.losses(np.array([0, 1, 2]))).min() > 0


def test_bits_a_character_count_the_characters_of_tokens() -> None:
    ids = zipf(400, 5)
    result = kneser_ney(ids[:300], ids[300:], size=5, characters=np.full(100, 4))
    bits = result.metrics["loss"] / math.log(2) / 4
    assert result.metrics["bits_per_character"] == pytest.approx(bits)
    assert result.scores.mean() == pytest.approx(result.metrics["loss"])
    assert result.metrics["perplexity"] == pytest.approx(math.exp(result.metrics["loss"]))


def test_the_order_is_chosen_by_the_data() -> None:
    noise = np.random.default_rng(0).integers(5, size=2000)
    cycle = np.tile([0, 0, 1, 0, 2], 400)
    assert kneser_ney(noise[:1800], noise[1800:], size=5).name == "Kneser-Ney 1-grams"
    deterministic = kneser_ney(cycle[:1800], cycle[1800:], size=5)
    assert deterministic.metrics["perplexity"] < 1.2
    assert int(deterministic.name.split()[1][0]) >= 3


@pytest.mark.parametrize("wrong", [[], [0.5], [[1]], [5], [-1]])
def test_wrong_ids_are_named(wrong: list[object]) -> None:
    with pytest.raises(DataError, match=r"^ids must be"):
        kneser_ney([0, 1, 2], wrong, size=5)


def test_tiny_shakespeare(dataset_root) -> None:  # type: ignore[no-untyped-def]
    text = (dataset_root / "lm_tinyshakespeare" / "input.txt").read_text()[:200_000]
    codes = np.unique(np.frombuffer(text.encode(), np.uint8), return_inverse=True)[1]
    result = kneser_ney(codes[:180_000], codes[180_000:], size=int(codes.max()) + 1)
    assert 1.5 < result.metrics["loss"] < 1.9


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_after_a_context_each_id_has_its_probability(order: int) -> None:
    model = KneserNey.fit(zipf(400, 7), size=8, order=order)
    contexts = zipf(200, 8, seed=2)
    for length in range(8):
        context = contexts[length * 10 : length * 11].tolist()
        expected = [model.probabilities(np.array([*context, i]))[-1][-1] for i in range(8)]
        found = model.after(context)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert found.sum() == pytest.approx(1)


def test_a_learnt_model_gives_the_same_baseline() -> None:
    train, held_out = zipf(600, 7), zipf(100, 7, seed=1)
    learnt = KneserNey.learn(train, size=8)
    found = kneser_ney(train, held_out, size=8, learnt=learnt)
    expected = kneser_ney(train, held_out, size=8)
    assert found.metrics == expected.metrics
    assert found.name == expected.name == f"Kneser-Ney {learnt.order}-grams"
