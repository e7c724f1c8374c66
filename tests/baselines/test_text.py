import sys
import time
import zlib
from itertools import pairwise

import numpy as np
import pytest

from elman.baselines.ngram_linear import ngram_linear
from elman.baselines.sample import stratified
from elman.baselines.text_features import BUCKETS, NgramVectors, Sparse
from elman.data import read_examples
from elman.errors import DataError, SettingsError

_64 = 2**64 - 1


def bucket(codes: list[int]) -> int:
    """FNV-1a over whole codes, folded."""
    found = 0xCBF29CE484222325 ^ len(codes)
    for code in codes:
        found = ((found ^ code) * 0x100000001B3) & _64
    return (found ^ (found >> 32)) % BUCKETS


def dense(rows: Sparse) -> np.ndarray:
    found = np.zeros((len(rows.starts) - 1, rows.width))
    for i, (begin, end) in enumerate(zip(rows.starts[:-1], rows.starts[1:], strict=True)):
        found[i, rows.columns[begin:end]] = rows.values[begin:end]
    return found


def test_ngrams_and_weights_are_as_documented() -> None:
    texts = ["ab c", "ab d"]
    word = {w: zlib.crc32(w.encode()) for w in ["ab", "c", "d"]}
    expected = set()
    for text in texts:
        words = text.split()
        expected |= {bucket([word[w]]) for w in words}
        expected |= {bucket([word[a], word[b]]) for a, b in pairwise(words)}
        for each in words:
            marked = [ord(c) for c in f" {each} "]
            for n in (2, 3, 4, 5):
                grams = [marked[i : i + n] for i in range(len(marked) - n + 1)]
                expected |= {BUCKETS + bucket(gram) for gram in grams}
    vectors = NgramVectors.learn(texts)
    assert set(np.flatnonzero(vectors.columns >= 0).tolist()) == expected
    rows = dense(vectors.transform(texts))
    np.testing.assert_allclose((rows**2).sum(1), 2, rtol=1e-5)  # norm 1 of words and characters
    both = vectors.idf[vectors.columns[bucket([word["ab"]])]]
    one = vectors.idf[vectors.columns[bucket([word["c"]])]]
    assert (both, one) == (pytest.approx(1), pytest.approx(1 + np.log(3 / 2)))


def test_counts_are_dampened_and_case_is_folded() -> None:
    vectors = NgramVectors.learn(["x y", "x z"])
    once, often = (dense(vectors.transform([t]))[0] for t in ("X y", "x x x y"))
    column = {w: vectors.columns[bucket([zlib.crc32(w.encode())])] for w in "xy"}
    ratio = (often[column["x"]] / often[column["y"]]) / (once[column["x"]] / once[column["y"]])
    assert ratio == pytest.approx(1 + np.log(3), rel=1e-5)


def test_texts_without_spaces() -> None:
    good, bad = "這部電影很好看", "這部電影很難看"
    result = ngram_linear([good, bad] * 10, ["+", "-"] * 10, ["很好看", "難看"], ["+", "-"])
    assert result.metrics["accuracy"] == 1


@pytest.mark.parametrize("text", ["", " ", "\ud800", "😀", "\x00", "é" * 20_000])
def test_any_text_can_be_read(text: str) -> None:
    train = ["good", "bad", text] * 4
    result = ngram_linear(train, ["+", "-", "+"] * 4, [text, "bad"], ["+", "-"])
    assert result.scores[1] == 1


def test_several_labels() -> None:
    texts, labels = ["red", "round", "red round", "none"], [("r",), ("o",), ("o", "r"), ()]
    result = ngram_linear(texts * 20, labels * 20, texts, labels, several=True)
    assert result.metrics == {"accuracy": 1, "micro_f1": 1, "macro_f1": 1}


def test_one_class_and_labels_that_were_not_trained_on() -> None:
    result = ngram_linear(["a", "b"], ["x", "x"], ["a", "b"], ["x", "new"])
    assert result.scores.tolist() == [1, 0]


def test_same_seed_same_result_and_no_warning() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(300)]
    labels = [str(rng.integers(3)) for _ in texts]
    once, again = (ngram_linear(texts[:200], labels[:200], texts[200:], labels[200:]) for _ in "ab")
    np.testing.assert_array_equal(once.scores, again.scores)


def test_many_texts_are_sampled_and_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[ngram_linear.__module__], "_MOST_TEXTS", 100)
    result = ngram_linear(["good", "bad"] * 500, ["+", "-"] * 500, ["good"], ["+"])
    assert result.note == "trained on 100 of 1,000 texts"


def test_a_sample_keeps_rare_classes() -> None:
    labels = ["often"] * 1000 + ["rare"]
    kept = stratified(labels, 50, seed=0)
    assert 1000 in kept
    assert len(kept) == 51
    assert len(set(kept.tolist())) == 51


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(DataError, match="2 training examples but 1 labels"):
        ngram_linear(["a", "b"], ["x"], ["a"], ["x"])
    with pytest.raises(DataError, match="at least one held-out example"):
        ngram_linear(["a"], ["x"], [], [])
    with pytest.raises(SettingsError, match="train_texts must be texts"):
        ngram_linear([1], ["x"], ["a"], ["x"])  # type: ignore[list-item]


def test_a_few_texts_take_no_time() -> None:
    texts, labels = ["good film", "bad film"] * 20, ["+", "-"] * 20
    ngram_linear(texts, labels, texts, labels)
    least = min(_seconds(texts, labels) for _ in range(5))
    assert least < 0.5


def _seconds(texts: list[str], labels: list[str]) -> float:
    start = time.perf_counter()
    ngram_linear(texts, labels, texts, labels)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    ("train", "test", "least"),
    [
        ("text_sst2:train", "text_sst2:test", 0.82),
        ("text_snips:train", "text_snips:validation", 0.975),
    ],
)
def test_what_is_usual_on_real_texts(dataset_root, train, test, least) -> None:  # type: ignore[no-untyped-def]
    known, new = read_examples(train), read_examples(test)
    result = ngram_linear(known.inputs, known.labels, new.inputs, new.labels)  # type: ignore[arg-type]
    assert result.metrics["accuracy"] >= least
