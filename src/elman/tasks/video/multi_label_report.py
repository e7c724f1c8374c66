"""The part of a run's report for clips with several labels: each label, mistakes, the data."""

from dataclasses import dataclass
from functools import cached_property

import torch

from elman import html
from elman.tasks.metrics import f1
from elman.tasks.run_report.data import shortened
from elman.tasks.run_report.run import Own
from elman.tasks.video.heads import Scored
from elman.tasks.video.run_report import VideoRun

_MOST_LABELS = 40
_MOST_SHOWN = 20


@dataclass(frozen=True)
class MultiLabelRun(VideoRun):
    """A trained model with its training and validation data, decoded."""

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {"Label by label": self.labels, "Mistakes": self.mistakes, "Data": self.data}
        return Own(sections, self.advice)

    @cached_property
    def _outputs(self) -> list[Scored]:
        return self.task._outputs(self.held_out)

    def labels(self) -> list[str]:
        """For each label: how many clips have it, for how many it is predicted, and the F1."""
        told = torch.stack([each.is_told for each in self._outputs])
        true = self.task._known.targets(self.held_out) > 0.5
        counts = [each.sum(0) for each in (true & told, told, true)]
        quality = f1(*counts)
        limits = self._outputs[0].thresholds.sigmoid()
        order = counts[2].argsort(descending=True, stable=True).tolist()[:_MOST_LABELS]
        rows = [
            (
                shortened(self.task.labels[i], 60),
                *(int(each[i]) for each in reversed(counts)),
                f"{float(quality[i]):.3f}",
                f"{float(limits[i]):.2f}",
            )
            for i in order
        ]
        header = ["label", "validation clips", "predicted", "right", "F1", "threshold"]
        caption = "The probability threshold of each label was chosen on these clips."
        return [html.table(header, rows, caption=caption)]

    def mistakes(self) -> list[str]:
        """Validation clips with a label too many or too few, those with the most first."""
        found = self.task.decode(self._outputs, self.task.preprocessing, {})
        pairs = [
            (set(labels), set(each.value))
            for labels, each in zip(self.held_out.label_sets, found, strict=True)
        ]
        wrong = [i for i, (true, told) in enumerate(pairs) if true != told]
        wrong.sort(key=lambda i: (-len(pairs[i][0] ^ pairs[i][1]), i))
        words = f"{len(wrong):,} of {len(pairs):,} validation clips have a wrong set of labels."
        if not wrong:
            return [html.text(words)]
        rows = [
            (
                shortened(self.held_out.shown(i), 80),
                "; ".join(sorted(pairs[i][0] - pairs[i][1])),
                "; ".join(sorted(pairs[i][1] - pairs[i][0])),
            )
            for i in wrong[:_MOST_SHOWN]
        ]
        return [html.text(words), html.table(["clip", "missing", "too many"], rows)]
