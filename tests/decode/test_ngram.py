import itertools
import math
from pathlib import Path

import pytest

from elman.decode.ngram import BEGIN, END, UNKNOWN, estimate
from elman.errors import DataError, SettingsError


def p(model, word, *history):
    return math.exp(model.score(word, history))


def test_unigrams_with_estimated_discounts_by_hand() -> None:
    """Counts 1, 1, 1, 2, 3 and 4 give Y = 3 / 5 and the discounts 0.6, 0.2 and 0.6."""
    model = estimate(["p s", "q s t", "r t", "t"], order=1)
    shared = (3 * 0.6 + 0.2 + 2 * 0.6) / 12 / 7
    assert p(model, "p") == pytest.approx(0.4 / 12 + shared)
    assert p(model, "s") == pytest.approx(1.8 / 12 + shared)
    assert p(model, "t") == pytest.approx(2.4 / 12 + shared)
    assert p(model, END) == pytest.approx(3.4 / 12 + shared)
    assert p(model, UNKNOWN) == pytest.approx(shared)
    assert p(model, "never seen") == pytest.approx(shared)


def test_bigrams_by_hand() -> None:
    model = estimate(["go home", "go on"], order=2)
    assert p(model, "go") == pytest.approx(0.2)  # after one kind of word of five
    assert p(model, END) == pytest.approx(0.3)  # after two of five
    assert p(model, "go", BEGIN) == pytest.approx(1 / 2 + 1 / 2 * 0.2)
    assert p(model, "home", "go") == pytest.approx(0.5 / 2 + 1 / 2 * 0.2)
    assert p(model, END, "home") == pytest.approx(0.5 + 0.5 * 0.3)
    assert p(model, "go", "home") == pytest.approx(0.5 * 0.2)  # backed off
    assert p(model, "go", "never seen") == pytest.approx(0.2)
    expected = math.log(0.6 * 0.35 * 0.65)
    assert model.log_prob("go home") == pytest.approx(expected)
    assert model.perplexity(["go home"]) == pytest.approx(math.exp(-expected / 3))


def test_trigrams_by_hand() -> None:
    """Lower orders count different words before: "b </s>" comes after two, though three times."""
    model = estimate([["a", "b"], ["a", "b"], ["c", "b"]], order=3)
    assert p(model, END) == pytest.approx(0.5 / 5 + 0.1)
    assert p(model, END, "b") == pytest.approx(1 / 2 + 1 / 2 * 0.2)
    assert p(model, END, "a", "b") == pytest.approx(1 / 2 + 1 / 2 * 0.6)
    assert p(model, END, "c", "b") == pytest.approx(0.5 + 0.5 * 0.6)
    assert p(model, END, "b", "b") == pytest.approx(0.6)  # no such context: nothing is lost
    assert p(model, "a", "x", "y", BEGIN) == p(model, "a", BEGIN)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_sum_to_one(order: int) -> None:
    sentences = ["a b c a b", "b c", "a a a b", "c", "", "b c a d", "d a b c c c", "e a b", "f"]
    model = estimate(sentences, order=order)
    words = sorted(model.words - {BEGIN})
    histories = [
        h for n in range(order) for h in itertools.product(["a", "b", "zz", BEGIN], repeat=n)
    ]
    for history in histories:
        assert sum(p(model, word, *history) for word in words) == pytest.approx(1), history


def test_it_foretells_better_than_the_words_alone() -> None:
    sentences = ["one two three four"] * 5 + ["two one"] * 2
    perplexities = [estimate(sentences, order=n).perplexity(sentences) for n in (1, 2, 3)]
    assert perplexities == sorted(perplexities, reverse=True)
    assert perplexities[0] > 1.5 * perplexities[1]


def test_histories_are_as_long_as_the_model_looks() -> None:
    model = estimate(["a b c"], order=3)
    assert model.start() == (BEGIN,)
    history = model.after(model.after(model.start(), "a"), "unseen")
    assert history == ("a", UNKNOWN)
    assert estimate(["a"], order=1).after((), "a") == ()


def test_what_cannot_be_estimated_is_said() -> None:
    with pytest.raises(DataError, match="no sentence"):
        estimate([])
    with pytest.raises(DataError, match="</s>"):
        estimate(["a </s>"])
    with pytest.raises(SettingsError, match="order must be 1 or more, got 0"):
        estimate(["a"], order=0)
    with pytest.raises(SettingsError, match="one string"):
        estimate("a b")
    with pytest.raises(DataError, match="no sentence to measure"):
        estimate(["a"]).perplexity([])


@pytest.mark.data
def test_real_transcripts(dataset_root: Path) -> None:
    """Of AN4's test, the perplexity falls with the order, and the model knows all but two words."""
    folder = dataset_root / "sp_an4_mfcc"
    train, test = (
        [line.split("\t")[1] for line in (folder / name).read_text().splitlines()]
        for name in ("train.tsv", "test.tsv")
    )
    models = [estimate(train, order=order) for order in (1, 2, 3, 4)]
    perplexities = [model.perplexity(test) for model in models]
    assert perplexities == sorted(perplexities, reverse=True)
    assert perplexities[0] > 40
    assert perplexities[-1] < 16
    said = {word for text in test for word in text.split()}
    assert said - models[0].words == {"NOVEMBER", "THIRTEEN"}
