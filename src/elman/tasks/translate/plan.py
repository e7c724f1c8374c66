"""A translator's settings from its pairs: tokens, sizes, batches, how long, how regularised."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.data import Scripts
from elman.data.text.subwords import LEAST_PAIRS
from elman.data.text.vocabulary import PIECES
from elman.tasks.plan import Plan, Preset, length, units
from elman.tasks.translate import placeholders
from elman.tasks.translate.dataset import TranslateData
from elman.train.settings import resolve_device

_PASSES, _FEWEST = 12, 6000  # passes over all pairs, and least steps
_EVALUATIONS = 12  # each translates what is held out
_COOLDOWN = 6  # evaluations without improvement
_SHORT = 30  # characters of a text, up to which tokens are characters where words are few
_FEW_WORDS = 3
_MANY = 200_000  # pairs, from which on less is dropped
_LOOKED_AT = 5000  # pairs
_READ = 50_000  # pairs whose numbers are read


def plan(train: TranslateData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these pairs, beside the settings that were given."""
    step = max(1, len(train) // _LOOKED_AT)
    sides = train.sources[::step], train.targets[::step]
    characters = [float(np.median([len(text) for text in texts])) for texts in sides]
    words = [float(np.median([len(text.split()) for text in texts])) for texts in sides]
    tokens = given.get("tokens")
    if tokens is None:
        short = max(characters) <= _SHORT and max(words) <= _FEW_WORDS
        tokens = "characters" if short else "bpe"
    kinds = [given.get(f"{side}_tokens") or tokens for side in ("source", "target")]
    joint = given.get("joint_vocabulary", kinds[0] == kinds[1] and _alike(*sides))
    pairs = train.count + len(train.synthetic or ())
    copied = placeholders.reason(train.sources[:_READ], train.targets[:_READ])
    chosen: dict[str, Any] = {
        "tokens": tokens,
        "joint_vocabulary": joint,
        "placeholders": copied is not None,
    }
    if not set(kinds).isdisjoint(PIECES):
        chosen["vocabulary_size"] = _vocabulary_size(pairs * sum(characters))
    size = units(256 if pairs >= 5000 else 128, preset)
    longest = max(
        c if kind == "characters" else c / 4 for c, kind in zip(characters, kinds, strict=True)
    )
    batch = given.get("batch_size") or int(np.clip(0.8 * (pairs * longest) ** 0.5, 150, 2500))
    an_epoch = max(1.0, pairs * (longest + 1) / batch)
    steps = float(np.clip(_PASSES * an_epoch, _FEWEST, 100_000))
    lasting = length(round(an_epoch * batch), batch, steps=steps, preset=preset, longest=100)
    every = max(1, round(lasting["epochs"] * an_epoch / _EVALUATIONS))
    lasting["evaluate_every"] = every
    if given.get("schedule", "cosine") in ("cosine", "linear"):
        chosen["cooldown"] = _COOLDOWN
    chosen |= {
        "layer_norm": resolve_device(given.get("device", "auto")).type == "cpu",
        "batch_size": batch,
        **lasting,
        "hidden_size": size,
        "embedding_size": size,
    }
    if pairs < _MANY:
        chosen |= dict.fromkeys(("input_dropout", "dropout", "output_dropout"), 0.2)
        chosen["token_dropout"] = 0.0 if "characters" in kinds else 0.1
    else:
        chosen |= dict.fromkeys(("input_dropout", "dropout", "output_dropout"), 0.1)
        chosen["token_dropout"] = 0.0
    facts = (
        f"{pairs:,} pairs, sources of {characters[0]:.0f} characters and targets of"
        f" {characters[1]:.0f} (median), {'' if joint else 'not '}of one script"
        f"{'' if copied is None else f', {copied}'}"
    )
    return Plan(facts, chosen)


def _vocabulary_size(characters: float) -> int:
    """Byte pairs or pieces for so many characters on both sides: fewer for fewer data."""
    sizes = (
        (100_000, 1000),
        (400_000, 2000),
        (2_000_000, 3000),
        (8_000_000, 4000),
        (80_000_000, 8000),
    )
    found = next((size for most, size in sizes if characters < most), 16_000)
    return max(found, LEAST_PAIRS)


def _alike(sources: list[str], targets: list[str]) -> bool:
    """Whether most letters of both sides are of the same scripts."""
    source, target = Scripts.of(sources).shares, Scripts.of(targets).shares
    return sum(min(share, target.get(name, 0.0)) for name, share in source.items()) > 0.5
