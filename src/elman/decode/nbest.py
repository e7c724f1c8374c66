"""From the texts of a beam to hypotheses, whose words' confidences weigh one text by the others."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elman.decode.ctc_greedy import check_count
from elman.decode.error_rates import align
from elman.decode.hypothesis import Hypothesis, Span, Written
from elman.decode.prefix_tree import Prefix
from elman.decode.scorers import Scorer

_LEAST_SHARE = 1e-4  # of the beam's probability, of texts that weigh others


def hypotheses(
    prefixes: Sequence[Prefix],
    scores: Sequence[float],
    written: Written,
    n: int,
    scorers: Sequence[Scorer[Any]],
    spans_of: Callable[[Prefix], Sequence[Span]],
) -> list[Hypothesis]:
    """The `n` best texts of a beam, the best first.

    A word's confidence is multiplied with the root of the share of the beam's probability that is
    on texts with this word in this place (as Wessel et al. 2001 in n-best lists); on that of
    settled words all of the beam agrees.

    **Arguments:** `prefixes` with `scores`, without the end; `written`, what is settled before
    them; `scorers`, what weighs the end, none if the text goes on; `spans_of`, when the characters
    of a prefix were spoken.
    """
    check_count("n", n)
    texts = _ranked(prefixes, scores, written, scorers)
    shares = word_shares(
        [written.rest(prefix.ids()) for _, _, prefix in texts], [score for _, score, _ in texts]
    )
    found = []
    for (text, score, prefix), of_words in zip(texts[:n], shares, strict=False):
        words = written.words(spans_of(prefix))
        settled = len(words) - len(of_words)
        weighed = [
            replace(word, confidence=word.confidence * math.sqrt(share))
            for word, share in zip(words, [*[1.0] * settled, *of_words], strict=True)
        ]
        found.append(Hypothesis(text, score, tuple(weighed)))
    return found


def word_shares(texts: Sequence[Sequence[str]], scores: Sequence[float]) -> list[list[float]]:
    """For each word of each text the share of probability on texts that have it in this place.

    **Arguments:** `texts`, as words, the best first; places are those of an alignment with it;
    `scores`, their log probabilities.

    >>> shares = word_shares([["go", "on"], ["go", "home"], ["now", "go", "on"]], [0.0, 0.0, 0.0])
    >>> [[round(share, 2) for share in each] for each in shares]
    [[1.0, 0.67], [1.0, 0.33], [0.33, 1.0, 0.67]]
    """
    top = max(scores)
    weights = np.exp(np.array(scores) - top) if top > -math.inf else np.ones(len(scores))
    mass: dict[tuple[int, int, str], float] = defaultdict(float)
    keys: list[list[tuple[int, int, str]]] = []
    for words, weight in zip(texts, (weights / weights.sum()).tolist(), strict=True):
        place, inserted, own = 0, 0, []
        for edit in align(texts[0], words) if weight >= _LEAST_SHARE else ():
            inserted = inserted + 1 if edit.kind == "I" else 0
            if edit.kind != "D":
                own.append((place, inserted, edit.hypothesis))
                mass[own[-1]] += weight
            place += edit.kind != "I"
        keys.append(own or [(-1, i, "") for i in range(len(words))])
    return [[min(1.0, mass[key]) for key in own] for own in keys]


def _ranked(
    prefixes: Sequence[Prefix],
    scores: Sequence[float],
    written: Written,
    scorers: Sequence[Scorer[Any]],
) -> list[tuple[str, float, Prefix]]:
    """All texts, the best first, each with its score and the most likely prefix that reads so.

    `scorers` say what the end adds to the scores; none if the text does not end here, or where
    they forbid that all of them do.
    """
    found: dict[str, tuple[float, float, Prefix]] = {}
    for prefix, score in zip(prefixes, scores, strict=True):
        if scorers:
            score += sum(
                scorer.end(state) for scorer, state in zip(scorers, prefix.states, strict=True)
            )
        text = written.text(prefix.ids())
        total, highest, likeliest = found.get(text, (-math.inf, -math.inf, prefix))
        total = float(np.logaddexp(total, score))
        if score > highest:
            highest, likeliest = score, prefix
        found[text] = total, highest, likeliest
    texts = [(text, total, likeliest) for text, (total, _, likeliest) in found.items()]
    texts.sort(key=lambda each: -each[1])
    possible = [each for each in texts if each[1] > -math.inf]
    if scorers and not possible:
        return _ranked(prefixes, scores, written, [])
    return possible or texts[:1]
