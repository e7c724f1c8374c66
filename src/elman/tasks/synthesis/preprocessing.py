"""What synthesis learns of the training data before its weights: scale, characters, pace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from elman.data import Ink
from elman.data.ink.preparation import resampled
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.storage import Saved
from elman.tasks.synthesis.mixture import DRAW, END, LIFT
from elman.tasks.synthesis.settings import SynthesisSettings

_FIRST = 1  # the first character's id; 0 is the end of a text


class Strokes(NamedTuple):
    """A sample's offsets in the data's units, (N, 2), the first 0, and pen states, (N,) int64."""

    offsets: NDArray[np.float64]
    pens: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SynthesisPreprocessing:
    """From ink to offsets, and back.

    - `scale`: the standard deviation of an offset, in the data's units, by which it is divided.
    - `spacing`: distance to resample points to, in the data's units; 0 for the pen's own points.
    - `is_integer`: whether all coordinates are whole numbers, so that offsets are dequantised.
    - `characters`: those of texts, sorted; "" to write without texts.
    - `pace`: characters a point, 0 without texts.
    - `longest`: points of the longest sample trained on.
    - `unit`: millimetres that 1 is, where all samples agree on it.
    """

    scale: float
    spacing: float
    is_integer: bool
    characters: str
    pace: float
    longest: int
    unit: float | None = None

    @classmethod
    def learn(cls, train: HandwritingData, settings: SynthesisSettings, start: Self | None) -> Self:
        """From the data to train on, or what the model to start from has learnt."""
        has_text = settings.condition == "text"
        if start is not None:
            if has_text:
                start.check_texts(train)
            return start
        inks = train.samples.inks
        heights = [box[3] - box[1] for box in (ink.box for ink in inks)]
        spacing = settings.spacing * (float(np.median(heights)) or 1.0)
        is_integer = not spacing and all((ink.points == np.rint(ink.points)).all() for ink in inks)
        rough = cls(1.0, spacing, is_integer, "", 0.0, 0)
        strokes = [rough.strokes(ink) for ink in inks]
        offsets = np.concatenate([each.offsets[1:] for each in strokes])
        scale = float(offsets.std()) if len(offsets) else 0.0
        if not scale > 0:
            raise DataError("the ink to train on never moves: no sample has two different points")
        points = sum(len(each.pens) for each in strokes)
        texts = train.texts if has_text else []
        units = {ink.unit for ink in inks}
        return cls(
            scale,
            spacing,
            is_integer,
            "".join(sorted(set("".join(texts)))),
            sum(map(len, texts)) / points,
            max(len(each.pens) for each in strokes),
            units.pop() if len(units) == 1 else None,
        )

    @property
    def has_text(self) -> bool:
        """Whether texts are written."""
        return bool(self.characters)

    def strokes(self, ink: Ink) -> Strokes:
        """The offsets and pen states of ink with one point or more."""
        if self.spacing:
            ink = resampled(ink, self.spacing)
        pens = np.zeros(len(ink), np.int64)
        pens[ink.lasts] = LIFT
        pens[-1] = END
        return Strokes(np.diff(ink.points, axis=0, prepend=ink.points[:1]), pens)

    def ink(self, offsets: NDArray[np.float64], pens: NDArray[np.int64]) -> Ink:
        """Ink of offsets in the data's units, (N, 2), and pen states, (N,), one or more."""
        starts = np.flatnonzero(np.concatenate([[True], pens[:-1] != DRAW]))
        return Ink(np.cumsum(offsets, axis=0), starts.astype(np.int64), unit=self.unit)

    def ids(self, text: str) -> list[int]:
        """The ids of a text's characters, and the end of the text."""
        try:
            return [self.characters.index(each) + _FIRST for each in text] + [0]
        except ValueError:
            lacking = next(each for each in text if each not in self.characters)
            raise SettingsError(
                f"{shown(lacking)} is not among the characters of the training data:"
                f" {self.characters!r:.100}"
            ) from None

    def check_texts(self, data: HandwritingData) -> None:
        """Raise `DataError` for a character that was not in the training data."""
        for name, text in zip(data.samples.names, data.texts, strict=True):
            for character in text:
                if character not in self.characters:
                    raise DataError(
                        f"{name}: {character!r} is not among the model's characters"
                        f" {self.characters!r:.80}"
                    )

    def to_config(self) -> dict[str, Any]:
        """All of it."""
        return {
            "scale": self.scale,
            "spacing": self.spacing,
            "is_integer": self.is_integer,
            "characters": self.characters,
            "pace": self.pace,
            "longest": self.longest,
            "unit": self.unit,
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """None."""
        return {}

    @classmethod
    def from_saved(cls, saved: Saved, settings: SynthesisSettings) -> Self:  # noqa: ARG003
        """From a model's configuration, which `SynthesisConfig` has checked."""
        names = ("scale", "spacing", "is_integer", "characters", "pace", "longest", "unit")
        return cls(**{name: saved.config[name] for name in names})
