"""A classifier's settings from its data: how long, how large, how strongly regularised."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.data import build_vocabulary
from elman.data.text.subwords import LEAST_PAIRS
from elman.data.text.word_vectors import vector_size
from elman.tasks.classify.dataset import ClassifyData
from elman.tasks.plan import Plan, Preset, length, units

_LOOKED_AT = 20_000  # texts
_UNKNOWN_WORDS = 0.4  # share of held-out words that are new, from which on characters are better
NGRAM_BUCKETS = 10_000  # more gain little and cost time
_COOLDOWN = 4  # evaluations without improvement
_LONG = 400  # characters of a text, from which on byte pairs are better than characters


def plan(train: ClassifyData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these examples, beside the settings that were given.

    A network that reads forwards only is to answer while a sequence comes: it has no linear model,
    of the whole sequence, beside it.
    """
    examples, classes = train.count, max(2, len(train.labels))
    batch_size = given.get("batch_size") or int(np.clip(examples // 16, 8, 50))
    hard = min(max(1.0, (classes / 2) ** 0.5), 4.0)  # many classes take longer
    an_epoch = examples / batch_size
    steps = max(float(np.clip(20 * an_epoch, 1000 * hard, 6000)), 3 * an_epoch)
    chosen = {
        "batch_size": batch_size,
        **length(examples, batch_size, steps=steps, preset=preset, longest=150),
        "hidden_size": units(64 if examples < 10_000 else 96, preset),
    }
    if given.get("schedule", "cosine") in ("cosine", "linear"):
        chosen["cooldown"] = _COOLDOWN
    labels = f"{classes} labels"
    if train.examples.is_text:
        facts, of_texts = _of_texts(train.texts, given)
        return Plan(f"{facts}; {labels}", {**chosen, **of_texts})
    lengths = [len(each) for each in train.examples.inputs]
    what = "recordings" if train.sound else "sequences"
    facts = f"{examples:,} {what} of {np.median(lengths):.0f} steps (median); {labels}"
    chosen |= {"differences": True, "summary_model": given.get("bidirectional", True)}
    return Plan(facts, chosen)


def _of_texts(texts: list[str], given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What texts are cut into, and how much of them is hidden while training."""
    step = max(1, -(-len(texts) // _LOOKED_AT))
    unseen = texts[:: 10 * step]
    known = [text for i, text in enumerate(texts[::step]) if i % 10]
    words = build_vocabulary("words", known or unseen, lowercase=given.get("lowercase", True))
    encoded = words.encode_many(unseen)
    new = np.mean(np.concatenate(encoded) == words.unknown_id)
    facts = (
        f"{len(texts):,} texts of {np.median([len(ids) for ids in encoded]):.0f} words (median),"
        f" {new:.0%} of a tenth's words are new to the others"
    )
    tokens = given.get("tokens", "words")
    vectors = given.get("vectors")
    is_settled = "tokens" in given or given.get("ngram_buckets") or vectors
    if not is_settled and new > _UNKNOWN_WORDS:
        has_room = (given.get("vocabulary_size") or LEAST_PAIRS) >= LEAST_PAIRS
        are_long = np.mean([len(text) for text in unseen]) >= _LONG
        tokens = "bpe" if are_long and has_room else "characters"
    pieces = (0.3, 0.1)
    hidden = {"words": (0.4, 0.3), "characters": (0.1, 0.05)}.get(tokens, pieces)
    return facts, {
        "tokens": tokens,
        "ngram_model": given.get("bidirectional", True),
        **({"ngram_buckets": NGRAM_BUCKETS} if tokens == "words" else {}),
        **({"embedding_size": vector_size(vectors)} if vectors else {}),
        "input_dropout": hidden[0],
        "token_dropout": hidden[1],
    }
