import math

import numpy as np
import pytest

from elman.decode.alphabet import Alphabet
from elman.decode.ngram import UNKNOWN, estimate
from elman.decode.scorers import HotWords, Lexicon, NGramScorer, Scorer
from elman.errors import DataError, SettingsError

ALPHABET = Alphabet(" abc")
MODEL = estimate(["a ab b", "ab a", "b b ab a", "a b"], order=3)


def running(scorer: Scorer, text: str) -> list[float]:
    """The score of a text after each of its characters."""
    state, total, totals = scorer.start(), 0.0, []
    for id in ALPHABET.encode(text):
        total += scorer.rows([state])[0, id]
        totals.append(total)
        state = scorer.after(state, id)
    return totals


def whole(scorer: Scorer, text: str) -> float:
    state, total = scorer.start(), 0.0
    for id in ALPHABET.encode(text):
        total += scorer.rows([state])[0, id]
        state = scorer.after(state, id)
    return total + scorer.end(state)


@pytest.mark.parametrize("text", ["a ab b", "b", "ab ab ab", ""])
def test_words_cost_what_their_sentence_does(text: str) -> None:
    scorer = NGramScorer(ALPHABET, MODEL, weight=0.7, word_bonus=0.4, unknown_bonus=-3.0)
    words = text.split()
    expected = 0.7 * MODEL.log_prob(text) + 0.4 * len(words)
    assert whole(scorer, text) == pytest.approx(expected)
    assert (
        whole(scorer, f"{text} c")
        == pytest.approx(0.7 * MODEL.log_prob(f"{text} c") + 0.4 * (len(words) + 1) - 3.0)
        or not text
    )


def test_known_words_need_not_be_the_models() -> None:
    usual = NGramScorer(ALPHABET, MODEL)
    named = NGramScorer(ALPHABET, MODEL, known=["cab"])
    unknown = MODEL.score(UNKNOWN, ("<s>", "a"))
    known_mean = (1 + 1 + 2) / 3  # of a, b and ab
    expected = unknown - 3 / known_mean * (unknown - 10)
    assert whole(named, "a cab") - whole(usual, "a cab") == pytest.approx(expected)
    longer_mean = (1 + 1 + 2 + 3) / 4  # and of cab
    expected = (unknown - 10) * (2 / longer_mean - 2 / known_mean)
    assert whole(named, "a ca") - whole(usual, "a ca") == pytest.approx(expected)


def test_ahead_is_the_likeliest_word_that_goes_on_so() -> None:
    scorer = NGramScorer(ALPHABET, MODEL, unknown_bonus=-3.0)
    first, second = running(scorer, "ab")
    start = MODEL.start()
    assert first == pytest.approx(max(MODEL.score(word, start) for word in ("a", "ab")))
    assert second == pytest.approx(MODEL.score("ab", start))
    known_mean = (1 + 1 + 2) / 3  # of a, b and ab
    expected = 2 / known_mean * (MODEL.score(UNKNOWN, start) - 3)
    assert running(scorer, "ac")[1] == pytest.approx(expected)


def test_an_unknown_word_costs_by_its_length() -> None:
    """As many unknown words as its characters make at the known words' mean length, 4/3."""
    scorer = NGramScorer(ALPHABET, MODEL, weight=0.5, word_bonus=1.0, unknown_bonus=-4.0)
    one = 0.5 * MODEL.score(UNKNOWN, MODEL.start()) + 1 - 4
    totals = running(scorer, "cccccccc")
    assert totals == pytest.approx([one, *(one * n / (4 / 3) for n in range(2, 9))])
    after = 0.5 * MODEL.score("</s>", ("<s>", UNKNOWN))
    assert whole(scorer, "cccccccc") == pytest.approx(one * 6 + after)
    assert whole(scorer, "c") == pytest.approx(one + after)


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("bonus", [-2.0, 0.0, 1.5])
def test_known_words_cost_less_than_one_of_all_their_letters(weight: float, bonus: float) -> None:
    scorer = NGramScorer(ALPHABET, MODEL, weight=weight, word_bonus=bonus)
    sentence = "a ab b ab a b b ab a ab " * 3
    assert whole(scorer, sentence.strip()) > whole(scorer, sentence.replace(" ", ""))


def test_ahead_looks_at_the_word_before() -> None:
    scorer = NGramScorer(ALPHABET, MODEL, unknown_bonus=-3.0)
    start = MODEL.start()
    assert running(scorer, "a a")[-1] == pytest.approx(
        MODEL.score("a", start) + max(MODEL.score(word, ("a",)) for word in ("a", "ab"))
    )


def test_no_space_begins_a_text_or_follows_another() -> None:
    for scorer in (NGramScorer(ALPHABET, MODEL), Lexicon(ALPHABET, ["a"])):
        assert running(scorer, " ")[0] == -math.inf
        assert scorer.rows([scorer.after(scorer.after(scorer.start(), 2), 1)])[0, 1] == -math.inf


def test_a_lexicon_is_closed() -> None:
    scorer = Lexicon(ALPHABET, ["ab", "abba", "übel", "b b"])
    assert whole(scorer, "ab abba ab") == 0
    assert whole(scorer, "ab ") == 0
    assert whole(scorer, "abb") == -math.inf
    np.testing.assert_array_equal(
        np.isfinite(scorer.rows([2])[0]), [False, True, False, True, False]
    )
    with pytest.raises(DataError, match="no word of the lexicon"):
        Lexicon(ALPHABET, ["übel"])


def test_a_bonus_for_hot_words_is_kept_if_they_end_a_word() -> None:
    scorer = HotWords(ALPHABET, ["ab", "b ca"], bonus=2.0)
    assert running(scorer, "ab a") == [2, 4, 4, 6]  # kept, and another may begin
    assert running(scorer, "abc a") == [2, 4, 0, 0, 2]  # the word was another
    assert running(scorer, "cab ") == [0, 0, 0, 0]  # a phrase begins with a word
    assert running(scorer, "b ca") == [2, 4, 6, 8]
    assert running(scorer, "b cab") == [2, 4, 6, 8, 0]
    assert running(scorer, "b ab ") == [2, 4, 2, 4, 4]  # the first is given up for the second
    assert whole(scorer, "b ca") == 8
    assert whole(scorer, "b c") == 0
    assert whole(scorer, "a ab") == 4
    assert whole(scorer, "") == 0


def test_without_spaces_a_hot_word_may_be_anywhere() -> None:
    alphabet = Alphabet("天地人")
    scorer = HotWords(alphabet, ["地人"], bonus=1.0)
    state, total = scorer.start(), []
    for id in alphabet.encode("天地人地天"):
        total.append(scorer.rows([state])[0, id])
        state = scorer.after(state, id)
    assert total == [0, 1, 1, 1, -1]
    assert scorer.end(state) == 0


def test_what_does_not_fit() -> None:
    with pytest.raises(SettingsError, match="alphabet with a space"):
        NGramScorer(Alphabet("ab"), MODEL)
    with pytest.raises(DataError, match="'x' has 'x', not in the alphabet"):
        HotWords(ALPHABET, ["x"])
    with pytest.raises(DataError, match="a hot word is empty"):
        HotWords(ALPHABET, ["a", " "])
