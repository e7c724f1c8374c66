"""A language model's settings from its text: how long, how large, how strongly regularised."""

import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch

from elman.tasks.language.dataset import LanguageText
from elman.tasks.plan import Plan, Preset, length, units

_CHARACTERS = {"bpe": 4, "unigram": 4, "words": 6}  # a token, about
_LOOKED_AT = 50  # blocks, whose characters tell how many different ones there are
_MANY = 500  # different tokens, from which on their vectors are longer and shared with the scores
_STEP = 2048  # tokens
_SIZES = (512, 384, 256, 192, 128)  # hidden units
_TRIED = 0.1  # seconds of products that tell how fast the machine is
_REACHED = 0.75  # of the products' speed, while training
_ENOUGH = 2500  # steps: fewer of a larger network reach less
_NGRAMS = 3_000_000  # tokens, of whose n-grams a model is not yet much larger than the network


def plan(train: LanguageText, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits a text of this size, beside the settings that were given."""
    characters = sum(map(len, train.blocks()))
    different = len(set().union(*map(set, islice(train.blocks(), _LOOKED_AT))))
    pieces = _CHARACTERS.get(given.get("tokens", ""))
    tokens = characters if pieces is None else characters // pieces
    many = pieces is not None or different > _MANY
    chunk = given.get("chunk_length", 64)
    batch = given.get("batch_size") or max(4, min(_STEP // chunk, tokens // (20 * chunk)))
    an_epoch = max(1, tokens // (batch * chunk))
    steps = max(min(max(8 * an_epoch, 1500), 6000), an_epoch)
    size = 192 if tokens < 100_000 else 256 if tokens < 500_000 else 512
    if budget := given.get("budget"):
        outputs = different if pieces is None else given.get("vocabulary_size") or 8192
        wanted = min(steps, _ENOUGH) * batch * chunk / budget
        size = _affordable(size, outputs, wanted, _REACHED * products_a_second(), shared=many)
    repeated = steps / an_epoch  # passes over the same text, against which dropout helps
    dropped = 0.4 if repeated > 4 else 0.2 if repeated > 2 else 0.1
    return Plan(
        f"{characters:,} characters, {different:,} different ones",
        {
            "batch_size": batch,
            **length(an_epoch * batch, batch, steps=steps, preset=preset, longest=60),
            "hidden_size": units(size, preset),
            "embedding_size": units(size, preset) if many else 64,
            "tie_weights": many,
            "weight_dropout": 0.25 if repeated > 4 else 0.1,
            "input_dropout": 0.05,
            "output_dropout": dropped,
            **({"forget_bias": 1.0} if given.get("cell", "lstm") == "lstm" else {}),
            "ngram_model": tokens <= _NGRAMS,
        },
    )


def _affordable(most: int, outputs: int, tokens: float, rate: float, *, shared: bool) -> int:
    """Hidden units, `most` at most, with which so many tokens a second can be trained on at a
    rate of so many operations a second."""
    for size in _SIZES:
        inputs = size if shared else 64
        weights = 4 * size * (size + inputs) + outputs * size
        if size <= most and 6 * weights * tokens <= rate:
            return size
    return min(most, _SIZES[-1])


def products_a_second() -> float:
    """Operations a second in products of matrices here, by all threads."""
    left, right = torch.zeros(_STEP, 256), torch.zeros(256, 1024)
    left @ right  # the first is slow
    count, began = 0, time.perf_counter()
    while (seconds := time.perf_counter() - began) < _TRIED:
        left @ right
        count += 1
    return 2 * left.numel() * right.shape[1] * count / seconds
