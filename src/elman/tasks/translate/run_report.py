"""A translator's part of a run's report: translations with their attention, and the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elman import html
from elman.data import check_pairs
from elman.heat_map import heat_map
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.data import Duplicates, lengths, shortened
from elman.tasks.run_report.run import Own
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.metrics import sentence_chrf

if TYPE_CHECKING:
    from elman.tasks.translate.task import Translate

_LOOKED_AT = 500  # validation pairs that are translated by the beam
_SHOWN = 6  # of the worst, the median and the best
_END = "(end)"


@dataclass(frozen=True)
class TranslateRun:
    """A trained translator with its training and validation pairs."""

    task: "Translate"
    train: TranslateData
    held_out: TranslateData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {
            "Translations": self.translations,
            "Attention": self.attention,
            "Data": self.data,
        }
        return Own(sections, lambda: self._duplicates.advice)

    @cached_property
    def _found(self) -> list[Prediction]:
        return self.task.predictions(self.held_out.sources[:_LOOKED_AT], alignments=True)

    @cached_property
    def _references(self) -> list[str]:
        """Their targets, in the form that the model writes."""
        normal = self.task.preprocessing.target.normal
        return [normal(text) for text in self.held_out.targets[:_LOOKED_AT]]

    @cached_property
    def _scores(self) -> NDArray[np.float64]:
        """chrF of each validation sentence that was translated."""
        targets = self._references
        return np.array(sentence_chrf([e.value for e in self._found], [[t] for t in targets]))

    @cached_property
    def _order(self) -> list[int]:
        """Their numbers, the worst first."""
        return [int(i) for i in np.argsort(self._scores, kind="stable")]

    def translations(self) -> list[str]:
        """The worst, some in the middle and the best, with their references."""
        order, count = self._order, min(_SHOWN, len(self._order))
        middle = max(0, (len(order) - count) // 2)
        parts = {
            "The worst": order[:count],
            "In the middle": order[middle : middle + count],
            "The best": order[::-1][:count],
        }
        words = (
            f"{len(order):,} validation texts, translated with a beam of"
            f" {self.task.settings.beam}, by their chrF."
        )
        return [html.text(words), *(self._table(name, part) for name, part in parts.items())]

    def _table(self, caption: str, numbers: Sequence[int]) -> str:
        rows = [
            (
                shortened(self.held_out.sources[i]),
                shortened(self._found[i].value),
                shortened(self._references[i]),
                round(float(self._scores[i]), 1),
            )
            for i in numbers
        ]
        header = ["source", "translation", "reference", "chrF"]
        return html.table(header, rows, caption=f"{caption}.", stacked=True)

    def attention(self) -> list[str]:
        """The weights for the worst, the median and the best translation."""
        if self.task.settings.attention == "none" or not self._order:
            return []
        order = self._order
        chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
        figures = [
            attention_map(self.task, self._found[i], f"The {name} translation, chrF {s:.0f}.")
            for name, i in chosen.items()
            if (s := float(self._scores[i])) >= 0
        ]
        words = (
            "Each row is a token of the translation, each column one of the source: the darker, the"
            " more of the attention it got when the token was written."
        )
        return [html.text(words), html.charts(*figures)]

    def data(self) -> list[str]:
        """Lengths, problems of the pairs, and sources that validation and training share."""
        read, written = self.task.preprocessing.training_ids(self.train.sources, self.train.targets)
        problems = check_pairs(self.train.pairs, self.held_out.pairs)
        return [
            *lengths([len(ids) for ids in read], "tokens of a source"),
            *lengths([len(ids) for ids in written], "tokens of a target"),
            *(html.preformatted(note) for note in self.train.notes),
            html.text("A check of the training pairs, beside those of validation:"),
            html.preformatted(problems.summary()),
            *self._duplicates.parts("sources", lambda i: self.held_out.sources[i]),
        ]

    @cached_property
    def _duplicates(self) -> Duplicates:
        return Duplicates.of_inputs(self.train.sources, self.held_out.sources)


def attention_map(task: "Translate", found: Prediction, caption: str) -> str:
    """The attention of a prediction with `alignments`, as a figure."""
    columns = [*task.preprocessing.source_symbols(found.input), _END]
    return heat_map(found.details["attention"], found.details["tokens"], columns, caption)
