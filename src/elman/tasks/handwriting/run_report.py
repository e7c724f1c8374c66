"""A handwriting recogniser's part of a run's report: drawn mistakes, confusions, the data."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from elman import html
from elman.tasks.handwriting.baselines import character_errors
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.metrics import confusion
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.confusions import confused_pairs
from elman.tasks.run_report.data import left_out, lengths, shortened
from elman.tasks.run_report.ink import drawings
from elman.tasks.run_report.run import Own

if TYPE_CHECKING:
    from elman.tasks.handwriting.task import Handwriting

_MOST_CLASSES = 20  # of a confusion matrix; of more the most confused pairs are shown
_DRAWN = 24
_FEW = 10  # samples of a symbol


@dataclass(frozen=True)
class HandwritingRun:
    """A trained recogniser with its training and validation data."""

    task: "Handwriting"
    train: HandwritingData
    held_out: HandwritingData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {"Mistakes": self.mistakes, "Samples": self.samples, "Data": self.data}
        if not self._is_text:
            sections = {"Confusions": self.confusions, **sections}
        return Own(sections, self.advice)

    @property
    def _is_text(self) -> bool:
        return bool(self.task.settings.kind == "text")

    @cached_property
    def _found(self) -> list[Prediction]:
        """The answers for the validation data."""
        task = self.task
        return task.decode(task._outputs(self.held_out), task.preprocessing, {})

    def confusions(self) -> list[str]:
        """The confusion matrix, or the most confused pairs."""
        labels = self.task.labels
        index = {label: i for i, label in enumerate(labels)}
        true = torch.tensor([index[text] for text in self.held_out.texts])
        chosen = torch.tensor([index[each.value] for each in self._found])
        counts = confusion(chosen, true, len(labels)).numpy()
        if len(labels) <= _MOST_CLASSES:
            caption = "How many validation samples of each symbol (rows) are taken for which."
            return [html.confusion(labels, counts, caption=caption)]
        rows = confused_pairs(labels, counts)
        if not rows:
            return [html.text("No validation sample is mistaken.")]
        header = ["symbol", "taken for", "samples", "of the symbol"]
        caption = f"The most confused pairs of {len(labels)} symbols, in the validation data."
        return [html.table(header, rows, caption=caption)]

    def mistakes(self) -> list[str]:
        """Drawn validation samples that are read wrongly, the surest first."""
        texts, inks = self.held_out.texts, self.held_out.samples.inks
        wrong = [i for i, each in enumerate(self._found) if each.value != texts[i]]
        words = f"{len(wrong):,} of {len(texts):,} validation samples are read wrongly."
        if not wrong:
            return [html.text(words)]
        if self._is_text:
            errors = {i: character_errors(texts[i], self._found[i].value)[0] for i in wrong}
            order = sorted(wrong, key=lambda i: (-errors[i], i))[: _DRAWN // 2]
            which = "Those with the most wrong characters:"
        else:
            order = sorted(wrong, key=lambda i: (-self._found[i].details["probability"], i))
            order, which = order[:_DRAWN], "Those that the model is surest of:"
        drawn = [(inks[i], f"{texts[i]} read as {self._found[i].value}") for i in order]
        return [html.text(f"{words} {which}"), drawings(drawn, wide=self._is_text)]

    def samples(self) -> list[str]:
        """Some of the training data, drawn, so that wrong axes and labels are seen."""
        texts, inks = self.train.texts, self.train.samples.inks
        if self._is_text:
            places = np.linspace(0, len(texts) - 1, min(len(texts), 6)).astype(int).tolist()
        else:
            places = sorted(
                dict(zip(reversed(texts), range(len(texts) - 1, -1, -1), strict=True)).values()
            )
            places = places[:_DRAWN]
        drawn = [(inks[i], texts[i]) for i in places]
        words = "Training samples as they were read; they must be upright and match the text below."
        return [html.text(words), drawings(drawn, wide=self._is_text)]

    def data(self) -> list[str]:
        """Lengths and counts of symbols or characters."""
        train = self.train
        parts = lengths([len(s) for s in self.task.preprocessing.sequences(train)], "steps")
        parts += left_out(train.left_out, "samples")
        ours, theirs = self._counts(train), self._counts(self.held_out)
        order = sorted(ours, key=lambda label: (-ours[label], label))
        shown = order if len(order) <= 40 else [*order[:20], *order[-20:]]
        what = "character" if self._is_text else "symbol"
        caption = f"How often each {what} occurs"
        caption += "." if shown is order else ": the 20 most and least frequent."
        rows = [(shortened(repr(label)[1:-1], 80), ours[label], theirs[label]) for label in shown]
        shares = [ours[label] / max(ours.values()) for label in shown]
        return [*parts, html.bars([what, "training", "validation"], rows, shares, caption=caption)]

    def _counts(self, data: HandwritingData) -> Counter[str]:
        return Counter("".join(data.texts) if self._is_text else data.texts)

    def advice(self) -> list[str]:
        """On writers that are not known, and on rare symbols."""
        found = []
        if not any(self.train.samples.writers or ()):
            found.append(
                "No writers are named: samples of one hand may be in both parts, and strangers'"
                " handwriting be read worse than the figures say. Name them in a column `writer`."
            )
        counts = self._counts(self.train)
        if few := [label for label, count in counts.items() if count < _FEW]:
            some = ", ".join(shortened(label, 40) for label in sorted(few)[:5])
            found.append(
                f"{len(few)} of {len(counts)} symbols or characters occur fewer than {_FEW} times"
                f" ({some}): more of these would help most."
            )
        return found
