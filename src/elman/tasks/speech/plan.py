"""A recogniser's settings from its utterances: how long, how large, from which ends it listens."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.tasks.plan import Plan, Preset, length, units
from elman.tasks.speech.dataset import SpeechData

_FEWEST_STEPS = 1500  # CTC writes nothing but blanks for the first hundreds
_FEWEST_FORWARDS = 4000  # of layers that listen forwards only: for many more
_MOST_STEPS = 4000  # but for corpora of which these are fewer than ten passes
_PASSES = 60
_MOST_CEPSTRA = (
    20  # precomputed features of so few numbers are taken for cepstra, which need slopes
)
_AT_THE_END = (
    "bidirectional layers write at a recording's end; to write while one speaks, train with"
    " --no-bidirectional (bidirectional=False)"
)


def plan(train: SpeechData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these utterances, beside the settings that were given."""
    utterances, seconds = len(train.all_seconds), float(np.median(train.all_seconds))
    texts = train.all_texts
    words = {word for text in texts for word in text.split()}
    batch_size = given.get("batch_size") or int(np.clip(utterances // 16, 4, 16))
    an_epoch = utterances / batch_size
    fewest = _FEWEST_STEPS if given.get("bidirectional", True) else _FEWEST_FORWARDS
    steps = max(float(np.clip(_PASSES * an_epoch, fewest, _MOST_STEPS)), 10 * an_epoch)
    facts = (
        f"{utterances:,} utterances of {seconds:.1f} s (median),"
        f" {sum(train.all_seconds) / 60:,.0f} min in all; {len(words):,} different words,"
        f" {len(set(''.join(texts)))} characters"
    )
    acoustic = train.acoustic
    size = train.frames[0].shape[1] if acoustic is None else acoustic.size
    are_cepstra = size <= _MOST_CEPSTRA if acoustic is None else acoustic.kind == "mfcc"
    return Plan(
        facts,
        {
            "batch_size": batch_size,
            **length(utterances, batch_size, steps=steps, preset=preset, longest=1000),
            "hidden_size": units(160, preset),
            "bidirectional": True,
            "deltas": 2 if are_cepstra else 0,
        },
        {} if "look_ahead" in given else {"bidirectional": _AT_THE_END},
    )
