"""A synthesiser's part of a run's report: what it writes, beside what it learnt from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elman import html
from elman.data import Ink
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.run_report.data import lengths, shortened
from elman.tasks.run_report.ink import drawings
from elman.tasks.run_report.run import Own

if TYPE_CHECKING:
    from elman.tasks.synthesis.task import Synthesis

_DRAWN = 12
_BIASES = (0.0, 1.0)


@dataclass(frozen=True)
class SynthesisRun:
    """A trained synthesiser with its training and validation data."""

    task: "Synthesis"
    train: HandwritingData
    held_out: HandwritingData

    def own(self) -> Own:
        """The sections."""
        return Own({"Written": self.written, "Samples": self.samples, "Data": self.data})

    def written(self) -> list[str]:
        """What the model writes, as it is drawn and with a bias."""
        parts = []
        for bias in _BIASES:
            words = "as it is drawn" if not bias else f"with bias {bias:g}: tidier, less varied"
            parts += [
                html.text(f"What the model writes, {words}."),
                drawings(self._written(bias), wide=self._has_text),
            ]
        return parts

    def samples(self) -> list[str]:
        """Some of the training data, drawn."""
        inks, texts = self.train.samples.inks, self.train.samples.texts
        places = np.linspace(0, len(inks) - 1, min(len(inks), _DRAWN)).astype(int).tolist()
        drawn = [(inks[i], "" if texts is None else shortened(texts[i], 40)) for i in places]
        return [html.text("Training samples."), drawings(drawn, wide=self._has_text)]

    def data(self) -> list[str]:
        """Lengths, and what was left out."""
        strokes = self.task.strokes(self.train)
        parts = lengths([len(each.pens) for each in strokes], "points")
        if left_out := list(self.train.left_out.values()):
            parts += [
                html.text(f"{len(left_out):,} samples could not be read and were left out."),
                html.table(["some of the reasons"], [[shortened(each)] for each in left_out[:5]]),
            ]
        return parts

    @property
    def _has_text(self) -> bool:
        return bool(self.task.preprocessing.has_text)

    def _written(self, bias: float) -> list[tuple[Ink, str]]:
        task, texts = self.task, [""] * _DRAWN
        if self._has_text:
            known = set(task.preprocessing.characters)
            texts = [t for t in dict.fromkeys(self.held_out.texts) if set(t) <= known][:_DRAWN]
        found = task._written(texts, task.settings.seed, bias=bias)
        return list(zip(found.inks, texts, strict=True))
