import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from elman.tasks.speech.alphabet import Alphabet
from elman.tasks.speech.beam import CTCBeam
from elman.tasks.speech.greedy import CTCGreedy
from elman.tasks.speech.ngram import estimate
from elman.tasks.speech.scorers import HotWords, Lexicon, NGramScorer, Scorer

ALPHABET = Alphabet(" ab")
EXACT = {"width": 10_000, "least_log_prob": -math.inf, "margin": math.inf}
MODEL = estimate(["a ab b", "ab a", "b b ab a", "a b"], order=2)


def frames(count: int, seed: int, sharp: float = 1.5, size: int = 4) -> NDArray[np.float64]:
    scores = sharp * np.random.default_rng(seed).normal(size=(count, size))
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def by_enumeration(log_probs: NDArray[np.float64]) -> dict[tuple[int, ...], float]:
    """The log probability of every text, by every path of CTC."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = tuple(id for id, _ in itertools.groupby(path) if id)
        score = log_probs[np.arange(len(path)), path].sum()
        found[text] = np.logaddexp(found.get(text, -np.inf), score)
    return found


def added(scorers: list[Scorer], text: tuple[int, ...]) -> float:
    total = 0.0
    for scorer in scorers:
        state = scorer.start()
        for id in text:
            total += scorer.rows([state])[0, id]
            if total == -math.inf:
                return total
            state = scorer.after(state, id)
        total += scorer.end(state)
    return total


def scorers_of(kind: str) -> tuple[dict, list[Scorer]]:
    if kind == "none":
        return {}, []
    if kind == "ngram":
        options = {"lm": MODEL, "lm_weight": 0.7, "word_bonus": 0.5, "unknown_bonus": -2.0}
        scorer = NGramScorer(ALPHABET, MODEL, weight=0.7, word_bonus=0.5, unknown_bonus=-2.0)
        return options, [scorer]
    if kind == "lexicon":
        words = ["ab", "b", "bab"]
        return {"lexicon": words}, [Lexicon(ALPHABET, words)]
    hot = ["ab", "b a"]
    return (
        {"hot_words": hot, "hot_word_bonus": 0.8, "lm": MODEL, "lm_weight": 0.5},
        [
            NGramScorer(ALPHABET, MODEL, weight=0.5, known=["ab", "b", "a"]),
            HotWords(ALPHABET, hot, bonus=0.8),
        ],
    )


@pytest.mark.parametrize("kind", ["none", "ngram", "lexicon", "hot"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_wide_beam_is_exhaustive(kind: str, seed: int) -> None:
    log_probs = frames(6, seed)
    options, scorers = scorers_of(kind)
    texts: dict[str, float] = {}
    for ids, score in by_enumeration(log_probs).items():
        text = ALPHABET.decode(ids)
        text = " ".join(text.split())
        texts[text] = np.logaddexp(texts.get(text, -np.inf), score + added(scorers, ids))
    expected = sorted(((s, t) for t, s in texts.items() if s > -np.inf), reverse=True)
    found = CTCBeam(ALPHABET, **EXACT, **options).decode(log_probs, n=10_000)
    assert [h.text for h in found] == [text for _, text in expected]
    np.testing.assert_allclose([h.score for h in found], [score for score, _ in expected])


def spoken(text: str, seed: int, alphabet: Alphabet = ALPHABET) -> NDArray[np.float64]:
    """Frames as a trained network gives them: peaks with blanks between, some of them unsure."""
    random = np.random.default_rng(seed)
    rows = []
    for id in alphabet.encode(text):
        for target in (id,) * random.integers(1, 3) + (0,) * random.integers(1, 4):
            row = random.dirichlet(np.full(alphabet.size, 0.3))
            share = random.uniform(0.7, 1.0)
            row = (1 - share) * row + share * np.eye(alphabet.size)[target]
            rows.append(row)
    return np.log(np.array(rows) + 1e-12)


def test_a_narrow_beam_finds_nearly_the_same() -> None:
    """Of peaked scores the usual settings find the best text and its score."""
    for seed in range(20):
        log_probs = spoken("ab a b", seed)
        wide = CTCBeam(ALPHABET, **{**EXACT, "width": 300}, lm=MODEL).decode(log_probs)[0]
        usual = CTCBeam(ALPHABET, lm=MODEL).decode(log_probs)[0]
        assert usual.text == wide.text
        assert usual.score == pytest.approx(wide.score, abs=0.02)


@pytest.mark.parametrize("chunk", [1, 7, 50, 333])
@pytest.mark.parametrize("kind", ["none", "ngram", "hot"])
def test_chunks_give_the_whole(chunk: int, kind: str) -> None:
    log_probs = spoken("ab a b b ab " * 8, 4)
    beam = CTCBeam(ALPHABET, width=8, lag_frames=100, **scorers_of(kind)[0])
    state = beam.start()
    for i in range(0, len(log_probs), chunk):
        state.advance(log_probs[i : i + chunk])
        if i % 3 == 0:
            state.best(2, final=False)
    assert state.best(3) == beam.decode(log_probs, n=3)
    greedy = CTCGreedy(ALPHABET)
    running = greedy.start()
    for i in range(0, len(log_probs), chunk):
        running.advance(log_probs[i : i + chunk])
    assert running.best()[0].words == greedy.decode(log_probs)[0].words
    assert running.text == greedy.decode(log_probs)[0].text


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_settling_changes_nothing(seed: int) -> None:
    log_probs = spoken("ab a b b ab " * 30, seed)
    settled = CTCBeam(ALPHABET, lag_frames=60, lm=MODEL).decode(log_probs)[0]
    whole = CTCBeam(ALPHABET, lag_frames=10_000, lm=MODEL).decode(log_probs)[0]
    assert (settled.text, settled.words) == (whole.text, whole.words)
    assert settled.score == pytest.approx(whole.score, rel=0.01)
    assert len(whole.words) > 50
