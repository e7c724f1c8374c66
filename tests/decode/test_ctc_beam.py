import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from elman.decode.alphabet import Alphabet
from elman.decode.ctc_beam import CTCBeam
from elman.decode.ctc_greedy import CTCGreedy
from elman.decode.ngram import estimate
from elman.decode.scorers import HotWords, Lexicon, NGramScorer, Scorer
from elman.errors import SettingsError

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
        {"hot_words": hot, "hot_word_bonus": 0.8, "lm": MODEL, "lm_weight": 0.5, "word_bonus": 0.0},
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
    words = {"lm": MODEL, "word_bonus": 0.0}
    settled = CTCBeam(ALPHABET, lag_frames=60, **words).decode(log_probs)[0]
    whole = CTCBeam(ALPHABET, lag_frames=10_000, **words).decode(log_probs)[0]
    assert settled.text == whole.text
    assert [replace(word, confidence=1) for word in settled.words] == [
        replace(word, confidence=1) for word in whole.words
    ]
    assert settled.score == pytest.approx(whole.score, rel=0.01)
    assert len(whole.words) > 50


def test_word_times_and_confidences() -> None:
    """Of a path that is known: "ab" in the frames 2 to 5, "a" in the frame 9."""
    path = [0, 0, 2, 2, 0, 3, 0, 1, 0, 2, 0]
    peaks = [1.0, 1.0, 0.6, 0.8, 1.0, 0.9, 1.0, 1.0, 1.0, 0.7, 1.0]
    rows = np.tile((1 - np.array(peaks)) / 3, (4, 1)).T
    rows[np.arange(len(path)), path] = peaks
    log_probs = np.log(rows + 1e-12)
    for decoder in (
        CTCBeam(ALPHABET, frame_seconds=0.5),
        CTCGreedy(ALPHABET, frame_seconds=0.5),
        CTCBeam(ALPHABET, frame_seconds=0.5, lm=MODEL),
    ):
        [found] = decoder.decode(log_probs)
        assert found.text == "ab a"
        first, second = found.words
        assert (first.text, first.start, first.end) == ("ab", 1.0, 3.0)
        assert (second.text, second.start, second.end) == ("a", 4.5, 5.0)
        for word, alone in ((first, math.sqrt(0.8 * 0.9)), (second, 0.7)):
            if isinstance(decoder, CTCGreedy):
                assert word.confidence == pytest.approx(alone)
            else:  # hardly another text than with these words
                assert 0.85 * math.sqrt(alone) < word.confidence < math.sqrt(alone)


def test_hot_words_and_lexicon_change_what_is_heard() -> None:
    rows = [[0.02, 0.02, 0.5, 0.46], [0.94, 0.02, 0.02, 0.02], [0.02, 0.02, 0.02, 0.94]]
    log_probs = np.log(np.array(rows))
    assert CTCBeam(ALPHABET).decode(log_probs)[0].text == "ab"
    assert CTCBeam(ALPHABET, hot_words=["bb"]).decode(log_probs)[0].text == "bb"
    assert CTCBeam(ALPHABET, lexicon=["bb", "a"]).decode(log_probs)[0].text == "bb"
    found = CTCBeam(ALPHABET, lexicon=["a"], hot_words=["bb"]).decode(log_probs)[0]
    assert found.text == "bb"
    unfinished = CTCBeam(ALPHABET, lexicon=["abb"], margin=3).decode(log_probs)[0]
    assert unfinished.text in ("a", "ab")  # a word is cut off: the best that there is
    assert unfinished.score > -math.inf


def test_alphabets_without_a_space() -> None:
    alphabet = Alphabet("天地人")
    log_probs = spoken("天地人地", 0, alphabet)
    for decoder in (CTCBeam(alphabet, lag_frames=2), CTCGreedy(alphabet)):
        [found] = decoder.decode(log_probs)
        assert found.text == "天地人地"
        assert [word.text for word in found.words] == list("天地人地")


def test_scores_may_be_certain() -> None:
    """Probabilities of 0, whose logs are -inf, and of 1."""
    path = [2, 2, 0, 3, 1, 0, 1, 0, 3]
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.eye(4)[path])
    for options in ({}, {"lm": MODEL}, {"lexicon": ["ab", "b"]}, {"hot_words": ["ab"]}):
        [found] = CTCBeam(ALPHABET, **options).decode(log_probs, n=5)
        assert found.text == "ab b"
        assert [word.start for word in found.words] == pytest.approx([0, 0.32])
    assert CTCGreedy(ALPHABET).decode(log_probs)[0].text == "ab b"


def test_nothing_is_heard_in_no_frames() -> None:
    for decoder in (CTCBeam(ALPHABET, lm=MODEL), CTCGreedy(ALPHABET)):
        assert decoder.start().text == ""
        [found] = decoder.decode(np.zeros((0, 4)))
        assert (found.text, found.words) == ("", ())


def stretch(kind: str, count: int) -> NDArray[np.float64]:
    if kind == "silence":
        return np.log(np.tile([0.97, 0.01, 0.01, 0.01], (count, 1)))
    if kind == "one sound":
        return np.log(np.tile([0.01, 0.01, 0.97, 0.01], (count, 1)))
    if kind == "noise":
        return frames(count, 0)
    return spoken("ab a b b ab " * (count // 40), 1)[:count]


@pytest.mark.parametrize("kind", ["speech", "silence", "one sound", "noise"])
def test_memory_is_bounded(kind: str) -> None:
    """Whatever comes, frames and texts held are few, and the words are handed out."""
    beam = CTCBeam(ALPHABET, width=8, lag_frames=60, lm=MODEL)
    state = beam.start()
    before, most, words = stretch("speech", 100), 0, []
    state.advance(before)
    for _ in range(12):
        state.advance(stretch(kind, 150))
        words += state.take()
        held = {id(prefix) for each in state._prefixes for prefix in each.path()}
        most = max(most, len(held) + len(state._heard))
    assert most < 2 * 60 + 50 + 8 * 100
    assert len(state._heard) <= 2 * 60 + 50
    state.advance(stretch("silence", 10))
    state.advance(before)
    words += state.best()[0].words
    assert words[0].text == "ab"
    assert all(a.end <= b.start for a, b in itertools.pairwise(words))
    assert words[-1].end <= state.frames * beam.frame_seconds


def test_words_taken_are_the_words_of_the_whole() -> None:
    log_probs = spoken("ab a b b ab " * 30, 5)
    beam = CTCBeam(ALPHABET, lag_frames=60, lm=MODEL)
    state, words = beam.start(), []
    for i in range(0, len(log_probs), 40):
        state.advance(log_probs[i : i + 40])
        words += state.take()
    assert len(words) > 100
    assert (*words, *state.best()[0].words) == beam.decode(log_probs)[0].words


def peaked(text: str, alphabet: Alphabet, space: float, letter: float) -> NDArray[np.float64]:
    """A frame for each character, so sure, and a blank after it."""
    rows = []
    for character in text:
        sure = space if character == " " else letter
        row, blank = np.full(alphabet.size, 1e-3), np.full(alphabet.size, 1e-3)
        row[0] = 1 - sure - 1e-3 * (alphabet.size - 2)
        blank[0] = 1 - 1e-3 * (alphabet.size - 1)
        row[alphabet.encode(character)[0]] = sure
        rows += [row, blank]
    return np.log(np.array(rows))


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_words_of_unsure_spaces_are_not_written_as_one(weight: float) -> None:
    """A talk of 40 known words, by a network that is 55 % sure of spaces, 95 % of letters."""
    random = np.random.default_rng(3)
    letters = "abdeiklmnorst"
    draws = [random.choice(list(letters), random.integers(2, 6)) for _ in range(90)]
    known = sorted({"".join(draw) for draw in draws})
    model = estimate([" ".join(random.choice(known, 6)) for _ in range(300)], order=2)
    alphabet = Alphabet(" " + letters)
    text = " ".join(random.choice(known, 40))
    log_probs = peaked(text, alphabet, 0.55, 0.95)
    assert CTCBeam(alphabet, lm=model, lm_weight=weight).decode(log_probs)[0].text == text


def test_an_unknown_word_that_is_plainly_heard_is_written() -> None:
    alphabet = Alphabet(" abcdefg")
    model = estimate(["abcde fgabc", "fgabc gabe", "gabe abcde"], order=2)
    log_probs = peaked("abcde gfdc fgabc", alphabet, 0.97, 0.99)
    assert CTCBeam(alphabet, lm=model).decode(log_probs)[0].text == "abcde gfdc fgabc"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"width": 0}, "width must be 1 or more, got 0"),
        ({"lag_frames": 0}, "lag_frames must be 1 or more"),
        ({"hot_words": "ab"}, "hot_words is one string"),
        ({"hot_words": [3]}, "hot_words must be words; one of them is a int"),
        ({"lexicon": "ab"}, "lexicon is one string"),
        ({"lexicon": 7}, "lexicon must be a list of words, not a int"),
        ({"lm": "words.arpa"}, "must be an NGram, not a str"),
        ({"lm": MODEL, "lm_weight": "much"}, "weight must be a number"),
        ({"lm": MODEL, "word_bonus": math.nan}, "word_bonus must be a number"),
        ({"margin": -1}, "margin must be a number from 0"),
    ],
)
def test_settings_that_cannot_work(options: dict, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        CTCBeam(ALPHABET, **options)


@pytest.mark.parametrize(
    ("log_probs", "what"),
    [
        (np.zeros((3, 5)), r"must be \(frames, 4\), .* got \(3, 5\)"),
        (np.zeros(4), r"got \(4,\)"),
        (np.full((2, 4), np.nan), "none NaN"),
        (np.full((2, 4), 0.25), "none above 0"),
    ],
)
def test_frames_that_are_none(log_probs: NDArray[np.float64], what: str) -> None:
    for decoder in (CTCBeam(ALPHABET), CTCGreedy(ALPHABET)):
        with pytest.raises(SettingsError, match=what):
            decoder.decode(log_probs)
    with pytest.raises(SettingsError, match="n must be 1 or more"):
        CTCBeam(ALPHABET).decode(np.log(np.full((2, 4), 0.25)), n=0)
