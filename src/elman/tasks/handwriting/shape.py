"""How much ink of each direction lies where in a symbol, whatever the order of its strokes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines import sample
from elman.baselines.summary_linear import fit_standardised
from elman.data import Ink
from elman.data.ink.augment import augmented
from elman.nn import Ragged
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.handwriting.graph import DOT, FAR, MAPS, OWN, PLACES
from elman.tasks.handwriting.settings import HandwritingSettings
from elman.tasks.handwriting.steps import Steps
from elman.tasks.linear_model import LinearModel

SHAPE = "shape.safetensors"
_MOST_NUMBERS = 4e9  # of all samples' maps, times symbols: some seconds
_STRENGTH = 10.0  # of the L2 penalty: by it unseen writers' symbols are as likely as said
_NEAR = 1.0  # of the distance that a writer's samples move it
_TOGETHER = 128  # samples


class ShapeModel(LinearModel):
    """Scores of symbols from the `shape` of their steps."""

    @classmethod
    def learn(
        cls,
        data: HandwritingData,
        classes: Sequence[str],
        steps: Steps,
        settings: HandwritingSettings,
    ) -> Self:
        """From the samples of these symbols, of very many some, and each of them once more, varied
        as while the network learns."""
        texts, known, keep_size = data.texts, set(classes), settings.keep_size
        kept = np.flatnonzero([text in known for text in texts])
        most = int(_MOST_NUMBERS / 2 / _width(keep_size) / max(1, len(classes)))
        some = sample.stratified([texts[i] for i in kept], max(1, most), settings.seed)
        chosen = kept[some].tolist()
        sequences, inks = data.sequences(steps), data.samples.inks
        others = _varied([inks[i] for i in chosen], settings)
        both = [*(sequences[i] for i in chosen), *(steps.read(ink)[0] for ink in others)]
        found = fit_standardised(
            shapes(both, steps.resolution, keep_size=keep_size),
            [texts[i] for i in chosen] * 2,
            several=False,
            strength=_STRENGTH,
        )
        return cls.of(found, classes)

    def scores(self, sequences: Sequence[Tensor], resolution: int) -> Tensor:
        """The scores (logits) of each symbol, (N, symbols)."""
        return self.scores_of(shapes(sequences, resolution, keep_size=self.keep_size))

    def of_writer(self, sequences: Sequence[Tensor], targets: Tensor, resolution: int) -> Self:
        """One for a writer, from the steps and the symbols' numbers of a few samples."""
        values = shapes(sequences, resolution, keep_size=self.keep_size)
        return self.adapted(values, targets, _NEAR)

    @property
    def keep_size(self) -> bool:
        """Whether sizes and places count, too."""
        return len(self.mean) == _width(keep_size=True)

    @classmethod
    def load(cls, path: Path, classes: int, *, keep_size: bool) -> Self:
        """Read what `save` wrote; ModelError if it does not fit so many symbols."""
        return cls.read(path, classes, _width(keep_size), "shapes")


def _varied(inks: Sequence[Ink], settings: HandwritingSettings) -> list[Ink]:
    """Ink turned, slanted and, where the size counts, scaled as strongly as the settings say."""
    random, even = np.random.default_rng(settings.seed), 3**0.5  # of an even draw's deviation
    options = {
        "rotation": min(even * settings.rotation, 180.0),
        "shear": math.degrees(math.atan(even * settings.shear)),
        "scale": math.expm1(even * settings.scale) if settings.keep_size else 0.0,
    }
    return [augmented(ink, random, **options) for ink in inks]


def _width(keep_size: bool) -> int:
    return MAPS * PLACES**2 + (OWN if keep_size else 0)


def shapes(sequences: Sequence[Tensor], resolution: int, *, keep_size: bool) -> NDArray[np.float32]:
    """The `shape` of samples, (N, 320), or (N, 324) with `keep_size`, from their steps (T, 6)."""
    found = [np.zeros((0, _width(keep_size)), np.float32)]
    for i in range(0, len(sequences), _TOGETHER):
        steps, _ = Ragged.from_list(sequences[i : i + _TOGETHER]).pad()
        found.append(shape(steps, resolution, keep_size=keep_size).numpy())
    return np.concatenate(found)


def shape(steps: Tensor, resolution: int, *, keep_size: bool) -> Tensor:
    """The maps of ink, (B, 320), from steps (T, B, 6) as `Steps.read` makes them; padding is 0.

    With `keep_size` four numbers more: the height on the page, the logarithms of width and height,
    the size.
    """
    maps = shape_maps(steps, resolution)
    if not keep_size:
        return maps
    points, real = steps[..., :2], steps[..., 3:4] > 0
    high, low = (points.masked_fill(~real, end) for end in (-FAR, FAR))
    top, size = steps[0, :, 4:5], steps[0, :, 5:6]
    sides = ((high.amax(0) - low.amin(0)) * size + DOT).log()
    return torch.cat([maps, top, sides, size.clamp(max=10)], -1)


def shape_maps(steps: Tensor, resolution: int) -> Tensor:
    """How much ink of each direction lies where, (B, 320), from steps (T, B, 6).

    Each way from a step to the next lies between places of a grid of 8 x 8 over the box, and
    between the directions across, falling, down and rising, forwards and backwards alike (as the
    directional features of Bai & Huo 2005, *A study on the use of 8-directional features for online
    handwritten Chinese character recognition*, but without the pen's sense); each map is the square
    root of the length in units of the size. In the fifth, each step counts as one of `resolution`,
    so that dots are in it.
    """
    start, real = steps[..., 2:3], steps[..., 3:4]
    points = torch.where(real > 0, steps[..., :2], 0)
    before = torch.cat([points[:1], points[:-1]])[: len(points)]
    drawn = real * (1 - start)
    way = (points - before) * drawn
    length = way.norm(dim=-1, keepdim=True)
    unit = way / length.clamp(min=1e-6)
    across, down = unit.unbind(-1)
    twice = torch.stack([across**2 - down**2, 2 * across * down], -1)
    directions = torch.cat([twice.clamp(min=0), (-twice).clamp(min=0)], -1)
    amounts = torch.cat([directions * length, real / resolution], -1)  # (T, B, 5)
    middle = points - way / 2
    at = (middle + 0.5) * (PLACES - 1)
    near = (1 - (at.clamp(0, PLACES - 1).unsqueeze(-1) - torch.arange(PLACES)).abs()).clamp(min=0)
    columns, rows = near.unbind(2)  # (T, B, 8)
    where = (amounts.unsqueeze(-1) * rows.unsqueeze(2)).flatten(2)  # (T, B, 40)
    found = where.permute(1, 2, 0) @ columns.transpose(0, 1)
    return found.sqrt().flatten(1)
