"""A video classifier's part of a run's report: confusions, mistakes, the data."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from elman import html
from elman.tasks.metrics import confusion
from elman.tasks.prediction import Prediction
from elman.tasks.run_report.data import Duplicates, key_of, left_out, lengths, shortened
from elman.tasks.run_report.run import Own
from elman.tasks.video.dataset import VideoData

if TYPE_CHECKING:
    from elman.tasks.video.task import Video

_MOST_CLASSES = 20  # of a confusion matrix
_MOST_SHOWN = 20
_FEW = 10  # clips of a class


@dataclass(frozen=True)
class VideoRun:
    """A trained classifier with its training and validation data, decoded."""

    task: "Video"
    train: VideoData
    held_out: VideoData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {
            "Confusions": self.confusions,
            "Mistakes": self.mistakes,
            "Data": self.data,
        }
        return Own(sections, self.advice)

    @cached_property
    def _found(self) -> list[Prediction]:
        """The answers for the validation data."""
        task = self.task
        return task.decode(task._outputs(self.held_out), task.preprocessing, {})

    def confusions(self) -> list[str]:
        """The confusion matrix, of the commonest classes where there are many."""
        true, chosen = self.held_out.labels, [each.value for each in self._found]
        common = Counter(true).most_common(_MOST_CLASSES)
        labels = sorted(label for label, _ in common)
        if len(self.task.labels) <= _MOST_CLASSES:
            labels = self.task.labels
        index = {label: i for i, label in enumerate(labels)}
        pairs = [
            (index[a], index[b])
            for a, b in zip(true, chosen, strict=True)
            if a in index and b in index
        ]
        actual, told = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).unbind(1)
        counts = confusion(told, actual, len(labels)).numpy()
        caption = "How many validation clips of each class (rows) are taken for which."
        return [html.confusion(labels, counts, caption=caption)]

    def mistakes(self) -> list[str]:
        """Validation clips that are classified wrongly, the most confident first."""
        labels = self.held_out.labels
        wrong = [i for i, each in enumerate(self._found) if each.value != labels[i]]
        wrong.sort(key=lambda i: (-self._found[i].details["probability"], i))
        words = f"{len(wrong):,} of {len(labels):,} validation clips are classified wrongly."
        if not wrong:
            return [html.text(words)]
        rows = [
            (
                shortened(self.held_out.shown(i), 80),
                labels[i],
                self._found[i].value,
                f"{self._found[i].details['probability']:.2f}",
            )
            for i in wrong[:_MOST_SHOWN]
        ]
        header = ["clip", "label", "taken for", "probability"]
        return [html.text(words), html.table(header, rows, caption="The surest ones first.")]

    def data(self) -> list[str]:
        """Lengths, equal clips and counts of classes."""
        train, held_out = self.train, self.held_out
        assert train.frames is not None
        assert held_out.frames is not None
        parts = lengths([len(each) for each in train.frames], "frames")
        parts += self._duplicates.parts("clips", held_out.shown)
        parts += left_out(train.left_out, "clips")
        ours, theirs = (_counts(each) for each in (train, held_out))
        order = sorted(ours, key=lambda label: (-ours[label], label))[: 2 * _MOST_SHOWN]
        rows = [(shortened(label, 80), ours[label], theirs[label]) for label in order]
        shares = [ours[label] / max(ours.values()) for label in order]
        return [*parts, html.bars(["class", "training", "validation"], rows, shares)]

    @cached_property
    def _duplicates(self) -> Duplicates:
        train, held_out = self.train.frames or (), self.held_out.frames or ()
        ours, theirs = ([key_of(np.asarray(f)) for f in each] for each in (train, held_out))
        return Duplicates.of_inputs(ours, theirs, self.train.label_sets)

    def advice(self) -> list[str]:
        """On equal clips, and on rare classes."""
        found = list(self._duplicates.advice)
        counts = _counts(self.train)
        if few := [label for label, count in counts.items() if count < _FEW]:
            some = ", ".join(shortened(label, 40) for label in sorted(few)[:5])
            found.append(
                f"{len(few)} of {len(counts)} classes have fewer than {_FEW} clips ({some}): more"
                " of these would help most."
            )
        return found


def _counts(data: VideoData) -> Counter[str]:
    """How many clips have each label."""
    return Counter(label for own in data.label_sets for label in own)
