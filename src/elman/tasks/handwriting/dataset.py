"""Handwriting as the task `Handwriting` takes it: with or without texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor

from elman.data import Inks, read_inks
from elman.errors import DataError
from elman.tasks.handwriting.steps import Steps

if TYPE_CHECKING:
    from elman.tasks.handwriting.settings import HandwritingSettings
    from elman.tasks.synthesis.settings import SynthesisSettings


@dataclass(frozen=True, eq=False)
class HandwritingData:
    """Samples of ink that could be read, and why others could not."""

    samples: Inks
    _made: dict[Steps, list[Tensor]] = field(default_factory=dict, repr=False)

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

    def sequences(self, steps: Steps) -> list[Tensor]:
        """The steps of each sample, (T, 6), made once: a training asks for them several times."""
        if steps not in self._made:
            self._made[steps] = [steps.read(ink)[0] for ink in self.samples.inks]
        return self._made[steps]

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
    return HandwritingData(found.with_points())


def of_known(
    held_out: HandwritingData, train: HandwritingData, *, is_text: bool
) -> HandwritingData:
    """The held-out samples whose symbols or characters occur in the training data."""
    known = set(train.texts)
    if is_text:
        letters = set("".join(known))
        kept = [i for i, text in enumerate(held_out.texts) if set(text) <= letters]
    else:
        kept = [i for i, text in enumerate(held_out.texts) if text in known]
    if len(kept) == len(held_out):
        return held_out
    return HandwritingData(held_out.samples.select(kept))
