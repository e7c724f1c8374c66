"""Handwriting as the task `Handwriting` takes it: with or without texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from elman.data import Inks, read_inks
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.tasks.handwriting.settings import HandwritingSettings
    from elman.tasks.synthesis.settings import SynthesisSettings


@dataclass(frozen=True, eq=False)
class HandwritingData:
    """Samples of ink that could be read, and why others could not."""

    samples: Inks

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def left_out(self) -> Mapping[int, str]:
        """Position in the source -> why the ink there is left out."""
        return self.samples.left_out

    @property
    def texts(self) -> list[str]:
        """The text of each sample; DataError where there are none."""
        if self.samples.texts is None:
            raise DataError("the ink has no texts")
        return self.samples.texts

    def shown(self, number: int) -> str:
        """Where a sample comes from."""
        return self.samples.names[number]

    def split(self, share: float, seed: int) -> tuple[Self, Self]:
        """Two parts; writers, where they are known, are in one of them only."""
        first, second = self.samples.split(share, seed)
        return type(self)(first), type(self)(second)


def read_data(
    data: Any, settings: "HandwritingSettings | SynthesisSettings", *, labelled: bool | None
) -> HandwritingData:
    """Whatever `elman.data.read_inks` reads; ink without a point is left out.

    `labelled`: whether texts are needed; None to take them where all samples have one.
    """
    if isinstance(data, HandwritingData):
        return data
    found = read_inks(
        data,
        labelled=labelled,
        text=settings.text,
        writer=settings.writer,
        path=settings.path,
    )
    if all(len(ink) for ink in found.inks):
        return HandwritingData(found)
    kept = [i for i, ink in enumerate(found.inks) if len(ink)]
    reasons = dict(found.left_out)
    positions = [p for p in range(len(found) + len(reasons)) if p not in reasons]
    for place, ink in enumerate(found.inks):
        if not len(ink):
            reasons[positions[place]] = f"{found.names[place]}: the ink has no point"
    if not kept:
        raise DataError(next(iter(reasons.values())))
    part = found.select(kept)
    whole = Inks(part.inks, part.texts, part.writers, part.names, dict(sorted(reasons.items())))
    return HandwritingData(whole)
