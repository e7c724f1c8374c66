"""A recogniser's settings from its samples: symbols or texts, how long, how large."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.data.ink.ink import Ink
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.plan import Plan, Preset, length, units

_SYMBOLS = 10  # samples of each label, from which on longer labels are taken for symbols
_TOLD_BY_SIZE = 0.25  # share of the variance of size or place that the symbols explain
_MOST_SHAPES = 1000  # symbols
_FEWEST_STEPS = 1500  # CTC writes nothing but blanks for the first hundreds


def plan(train: HandwritingData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these samples, beside the settings that were given."""
    samples, texts = len(train), train.texts
    kind = given.get("kind", "auto")
    if kind == "auto":
        kind = "symbol" if are_symbols(texts) else "text"
    writers = len({writer for writer in train.samples.writers or () if writer})
    by = f" by {writers:,} writers" if writers else ""
    batch_size = given.get("batch_size") or int(np.clip(samples // 16, 8, 50))
    an_epoch = samples / batch_size
    chosen: dict[str, Any] = {"kind": kind, "batch_size": batch_size}
    if kind == "symbol":
        classes = max(2, len(set(texts)))
        what = f"{samples:,} symbols of {classes} kinds{by}"
        hard = min(max(1.0, (classes / 10) ** 0.5), 2.5)
        steps = max(float(np.clip(15 * an_epoch, 1000 * hard, 1600 * hard)), 3 * an_epoch)
        chosen["shape_model"] = classes <= _MOST_SHAPES
        chosen["keep_size"] = is_told_by_size(train.samples.inks, texts)
        size = 96 if classes <= 20 else 128
    else:
        characters = len(set("".join(texts)))
        what = f"{samples:,} texts of {characters} characters{by}"
        steps = max(float(np.clip(30 * an_epoch, _FEWEST_STEPS, 4000)), 3 * an_epoch)
        size = 128
    chosen |= length(samples, batch_size, steps=steps, preset=preset, longest=300)
    chosen["hidden_size"] = units(size, preset)
    return Plan(what, chosen)


def are_symbols(texts: list[str]) -> bool:
    """Whether samples are symbols of a set: single characters, or labels that come again.

    >>> are_symbols(["a", "b", "a"]), are_symbols(["one line", "another"])
    (True, False)
    """
    kinds = set(texts)
    return all(len(text) == 1 for text in kinds) or len(texts) >= _SYMBOLS * len(kinds)


def is_told_by_size(inks: list[Ink], labels: list[str]) -> bool:
    """Whether symbols differ in size or in the place on the page, beside their shape."""
    boxes = np.array([ink.box for ink in inks])
    size = (boxes[:, 2:] - boxes[:, :2]).max(1)
    usual = float(np.median(size)) or 1.0
    kinds = np.unique(labels, return_inverse=True)[1]
    place = (boxes[:, 1] + boxes[:, 3]) / 2
    values = (np.log(size / usual + 0.05), place / usual)
    return max(explained(each, kinds) for each in values) >= _TOLD_BY_SIZE


def explained(values: np.ndarray, groups: np.ndarray) -> float:
    """The share of the variance of values (N,) that lies between groups (N,) of them (eta²).

    >>> explained(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1]))
    1.0
    """
    total = values.var()
    if total == 0:
        return 0.0
    counts = np.bincount(groups)
    means = np.bincount(groups, values) / counts.clip(min=1)
    within = ((values - means[groups]) ** 2).mean()
    return float(1 - within / total)
