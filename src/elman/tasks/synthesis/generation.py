"""Writing: points drawn one after another, each read before the next."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data import Ink, read_inks
from elman.errors import DataError, SettingsError
from elman.nn.state import State
from elman.tasks.synthesis.batches import texts_of
from elman.tasks.synthesis.mixture import END, LIFT, PEN_STATES, draw
from elman.tasks.synthesis.network import CHANNELS, Texts, WriterNetwork, inputs_of
from elman.tasks.synthesis.preprocessing import Strokes, SynthesisPreprocessing

_ALIKE = 3.0  # times larger or smaller, from which on a style has another scale
_LAST = 2  # the last character's place before the length, which counts the end of the text
_SPARE = 50  # points beyond three times the usual


@dataclass(frozen=True)
class Style:
    """A sample whose hand is written on in: its points, and the text that they say, if any."""

    strokes: Strokes
    text: str

    @classmethod
    def of(cls, source: Any, known: SynthesisPreprocessing) -> "Style":
        """From whatever `read_inks` reads, one sample; an `Ink` or `(Ink, text)` too."""
        found = read_inks(source, labelled=None)
        if len(found) != 1:
            raise SettingsError(f"style must be one sample of ink, got {len(found)}")
        if not len(found.inks[0]):
            raise DataError("the style's ink has no point")
        if known.has_text and found.texts is None:
            raise SettingsError("style: its text is missing: give (ink, text)")
        strokes = known.strokes(found.inks[0])
        spread = float(np.sqrt((strokes.offsets[1:] ** 2).mean())) if len(strokes.pens) > 1 else 0
        if not known.scale / _ALIKE < spread < known.scale * _ALIKE:
            warnings.warn(
                f"the style's points are {spread:.3g} apart, those of the training data"
                f" {known.scale:.3g}: scale it, or the result may be illegible",
                stacklevel=4,
            )
        return cls(strokes, found.texts[0] if known.has_text and found.texts else "")


class Written(NamedTuple):
    """What was written, and how many had not come to their end after `most` points."""

    inks: list[Ink]
    unfinished: int
    most: int


@torch.inference_mode()
def write(
    network: WriterNetwork,
    known: SynthesisPreprocessing,
    texts: Sequence[str],
    *,
    bias: float,
    style: Style | None,
    generator: torch.Generator,
    most: int | None,
) -> Written:
    """Ink of each text; where the model knows no texts, one for each that is there."""
    count, device = len(texts), next(network.parameters()).device
    if most is None:
        longest = max(map(len, texts))
        most = round(3 * longest / known.pace) if known.has_text else 3 * known.longest
        most += _SPARE
    ids = _ids(known, texts, style) if known.has_text else None
    points = _begin(known, style, count).to(device)
    state: State | None = None
    drawn: list[tuple[Tensor, Tensor]] = []
    ends, is_over = torch.full((count,), most), torch.zeros(count, dtype=torch.bool)
    for number in range(most):
        scores, state = network(points, None if ids is None else _on(ids, device), state)
        last = scores[-1].cpu()
        if ids is not None:  # no text is over before the window has come to its last character
            is_early = network.place(state).cpu() < ids.lengths - _LAST
            last[is_early, END - PEN_STATES] = -torch.inf
        offsets, pens = draw(last, bias, generator)
        if known.is_integer:
            offsets = (offsets * known.scale).round() / known.scale
        if number == 0 and style is None:
            offsets = torch.zeros_like(offsets)
        drawn.append((offsets, pens))
        ends_here = pens == END
        if ids is not None:
            ends_here |= network.place(state).cpu() > ids.lengths
        ends[ends_here & ~is_over] = number + 1
        is_over |= ends_here
        if is_over.all():
            break
        points = inputs_of(offsets, pens).unsqueeze(0).to(device)
    steps = torch.stack([each for each, _ in drawn]).double().numpy() * known.scale
    states = torch.stack([each for _, each in drawn]).numpy()
    if known.is_integer:
        steps = np.rint(steps)
    inks = [known.ink(steps[:end, i], states[:end, i]) for i, end in enumerate(ends.tolist())]
    return Written(inks, unfinished=int((~is_over).sum()), most=most)


def _ids(known: SynthesisPreprocessing, texts: Sequence[str], style: Style | None) -> Texts:
    before = ""
    if style is not None:
        before = style.text + (" " if " " in known.characters else "")
    return texts_of([known.ids(before + text) for text in texts])


def _on(texts: Texts, device: torch.device) -> Texts:
    return Texts(texts.ids.to(device), texts.lengths.to(device))


def _begin(known: SynthesisPreprocessing, style: Style | None, count: int) -> Tensor:
    """What the network reads before the first point it writes, (T, count, 5)."""
    start = torch.zeros(1, count, CHANNELS)
    if style is None:
        return start
    pens = style.strokes.pens.copy()
    pens[-1] = LIFT
    offsets = torch.from_numpy((style.strokes.offsets / known.scale).astype(np.float32))
    read = inputs_of(offsets, torch.from_numpy(pens)).unsqueeze(1).expand(-1, count, -1)
    return torch.cat([start, read])
