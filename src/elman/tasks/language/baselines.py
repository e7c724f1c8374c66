"""The baseline of a language model: an n-gram model of the same tokens."""

import math
from dataclasses import replace

import numpy as np

from elman.baselines import Baseline
from elman.baselines.kneser_ney import MOST_TRAINING, kneser_ney
from elman.tasks.language.blocks import target_places
from elman.tasks.language.dataset import LanguageText
from elman.tasks.language.preprocessing import LanguagePreprocessing


def baselines(
    train: LanguageText, held_out: LanguageText, known: LanguagePreprocessing
) -> list[Baseline]:
    """Kneser-Ney n-grams, measured on the blocks and tokens that the network is measured on."""
    vocabulary = known.vocabulary
    known_tokens, tokens = train.tokens(vocabulary), held_out.tokens(vocabulary)
    learnt = known.ngrams
    if learnt is not None and learnt.count != min(len(known_tokens), MOST_TRAINING):
        learnt = None  # it is of other data
    found = kneser_ney(known_tokens, tokens, size=vocabulary.size, learnt=learnt)
    nats, counts, characters = [], [], []
    for places in target_places(len(tokens)):
        at = places.numpy()
        nats.append(found.scores[at].sum(0))
        counts.append(np.full(at.shape[1], float(len(at))))
        characters.append(vocabulary.characters[tokens[at]].sum(0))
    scores, weights = np.concatenate(nats), np.concatenate(counts)
    loss = float(scores.sum() / weights.sum())
    bits = float(scores.sum() / max(1, np.concatenate(characters).sum()) / math.log(2))
    metrics = {"loss": loss, "perplexity": math.exp(loss), "bits_per_character": bits}
    return [replace(found, metrics=metrics, scores=scores, weights=weights)]
