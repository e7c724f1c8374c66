"""Lines of handwriting, joined from single characters of one writer."""

from collections.abc import Iterable

import numpy as np

from elman.data.ink.ink import Ink
from elman.data.ink.inks import Inks
from elman.errors import DataError

_SPACE = 0.8  # of a word's gap, in usual heights
_GAP = 0.05, 0.35  # between characters
_SIZES = 0.85, 1.15  # of one line's characters


def joined_lines(characters: Inks, texts: Iterable[str], *, seed: int = 0) -> Inks:
    """The characters of one writer laid side by side along each text.

    The layout is made, not written: gaps and sizes are drawn evenly, and each character keeps the
    height on the page at which it was drawn. The writer of a line is drawn among those of whom all
    its characters are known; a text that no writer can write is an error.

    **Arguments:** `characters`: samples of single characters with texts; `seed`: the same makes
    the same lines.

    >>> one = Ink.of_strokes([[(0.0, 0.0), (1.0, 2.0)]])
    >>> lines = joined_lines(Inks([one], ["a"], ["w"], ["1"]), ["a a"])
    >>> lines.texts, lines.writers, len(lines.inks[0])
    (['a a'], ['w'], 4)
    """
    if characters.texts is None:
        raise DataError("characters need texts to make lines of")
    random = np.random.default_rng(seed)
    writers = characters.writers or [""] * len(characters)
    known: dict[str, dict[str, list[Ink]]] = {}
    for ink, text, writer in zip(characters.inks, characters.texts, writers, strict=True):
        if len(ink):
            known.setdefault(writer, {}).setdefault(text, []).append(ink)
    heights = [box[3] - box[1] for box in (ink.box for ink in characters.inks if len(ink))]
    usual = float(np.median(heights)) or 1.0
    inks, lines, hands = [], [], []
    for text in texts:
        able = sorted(w for w, own in known.items() if set(text) - {" "} <= own.keys())
        if not able:
            raise DataError(f"no writer has drawn every character of {text!r:.60}")
        writer = able[int(random.integers(len(able)))]
        inks.append(_line(text, known[writer], usual, random))
        lines.append(text)
        hands.append(writer)
    return Inks(inks, lines, hands, [f"line {i} of {hand}" for i, hand in enumerate(hands)])


def _line(text: str, own: dict[str, list[Ink]], usual: float, random: np.random.Generator) -> Ink:
    strokes, at = [], 0.0
    for character in text:
        if character == " ":
            at += usual * _SPACE * random.uniform(0.7, 1.5)
            continue
        choice = own[character]
        ink = choice[int(random.integers(len(choice)))]
        left, top, right, bottom = ink.box
        size, middle = random.uniform(*_SIZES), (top + bottom) / 2
        strokes += [(stroke - [left, middle]) * size + [at, middle] for stroke in ink.strokes]
        at += (right - left) * size + usual * random.uniform(*_GAP)
    return Ink.of_strokes(strokes)
