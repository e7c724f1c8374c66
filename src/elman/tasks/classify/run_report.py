"""A classifier's part of a run's report: confusions, calibration, mistakes, labels, the data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman import html
from elman.tasks.classify.batches import in_order
from elman.tasks.classify.dataset import ClassifyData
from elman.tasks.metrics import confusion, fit_temperature
from elman.tasks.run_report.confusions import confused_pairs
from elman.tasks.run_report.data import Duplicates, key_of, left_out, lengths, shortened
from elman.tasks.run_report.run import Own
from elman.train.inference import infer

if TYPE_CHECKING:
    from elman.tasks.classify.task import Classify

Array = NDArray[np.float32]
_MOST_CLASSES = 20  # of a confusion matrix; of more the most confused pairs are shown
_MISTAKES = 20
_SUSPICIOUS = 10
_SURE = 0.9  # probability from which a contradicted label of the training data is suspicious
_LOOKED_AT = 5000  # training examples that are looked at for suspicious labels
_BINS = 10  # of confidence
_SPARSE = 10  # training examples below which a class has few
_UNEVEN = 10  # times the rarest class that the most frequent one has


@dataclass(frozen=True)
class ClassifyRun:
    """A trained classifier with its training and validation data."""

    task: "Classify"
    train: ClassifyData
    held_out: ClassifyData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {
            "Labels one by one" if self.task.several else "Confusions": self.confusions,
            "Calibration": self.calibration,
            "Mistakes": self.mistakes,
            "Suspicious labels": self.suspicious,
            "Data": self.data,
        }
        return Own(sections, self.advice)

    @cached_property
    def probabilities(self) -> Array:
        """Of the validation data, (N, classes)."""
        known: Any = self.task.preprocessing
        found: Array = known.probabilities(self.task._outputs(self.held_out))
        return found

    @cached_property
    def targets(self) -> NDArray[Any]:
        """Of the validation data: classes (N,), or with several labels 0 and 1, (N, classes)."""
        return self.task.preprocessing.targets(self.held_out).numpy()  # type: ignore[no-any-return]

    def _by_the_network(self, data: ClassifyData) -> Array:
        """The probabilities without the linear model, which has the training labels by heart."""
        task = self.task
        known = task.preprocessing.without_linear

        def scores(data: ClassifyData) -> Tensor:
            return torch.stack(infer(task.model, in_order(known, data), task.answers))

        found = scores(data)
        if task.preprocessing.linear is not None:  # the two together were calibrated
            found = found / fit_temperature(scores(self.held_out), known.targets(self.held_out))
        probabilities: Array = known.probabilities(list(found))
        return probabilities

    def confusions(self) -> list[str]:
        """The confusion matrix, or the most confused pairs; of several labels counts of each."""
        labels = self.task.labels
        if self.task.several:
            return [self._several()]
        counts = self._confusion()
        if len(labels) <= _MOST_CLASSES:
            caption = "How many validation examples of each class (rows) are taken for which."
            return [html.confusion(labels, counts, caption=caption)]
        rows = confused_pairs(labels, counts)
        if not rows:
            return [html.text(f"No validation example of the {len(labels)} classes is mistaken.")]
        header = ["true class", "taken for", "examples", "of the class"]
        caption = f"The most confused pairs of {len(labels)} classes, in the validation data."
        return [html.table(header, rows, caption=caption)]

    def _confusion(self) -> NDArray[np.int64]:
        import torch

        chosen, true = self.probabilities.argmax(-1), self.targets
        table = confusion(
            torch.from_numpy(chosen), torch.from_numpy(true), self.probabilities.shape[1]
        )
        found: NDArray[np.int64] = table.numpy()
        return found

    def _several(self) -> str:
        predicted, true = self.probabilities > 0.5, self.targets > 0.5
        hits = (predicted & true).sum(0)
        both = predicted.sum(0) + true.sum(0)
        order = np.argsort(-true.sum(0), kind="stable")[: 2 * _MOST_CLASSES]
        rows = [
            (
                shortened(self.task.labels[i], 80),
                int(true[:, i].sum()),
                int(predicted[:, i].sum()),
                int(hits[i]),
                float(2 * hits[i] / max(int(both[i]), 1)),
            )
            for i in order
        ]
        caption = "Validation examples with each label, the most frequent first."
        return html.table(["label", "true", "predicted", "right", "F1"], rows, caption=caption)

    def calibration(self) -> list[str]:
        """Confidence against accuracy, in bins."""
        if self.task.several:
            confidence = np.maximum(self.probabilities, 1 - self.probabilities).ravel()
            right = ((self.probabilities > 0.5) == (self.targets > 0.5)).ravel()
        else:
            confidence = self.probabilities.max(-1)
            right = self.probabilities.argmax(-1) == self.targets
        index = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
        rows, shares = [], []
        for i in range(_BINS):
            own = index == i
            if own.any():
                name = f"{100 * i // _BINS} to {100 * (i + 1) // _BINS} %"
                values = f"{confidence[own].mean():.1%}", f"{right[own].mean():.1%}"
                rows.append((name, *values, int(own.sum())))
                shares.append(float(right[own].mean()))
        what = "decisions on a label" if self.task.several else "examples"
        return [
            html.text(
                "How often answers of a confidence are right; where the model is calibrated, both"
                " agree. The temperature that makes probabilities agree was found on these very"
                " data, so that on others they will agree a little less."
            ),
            html.bars(
                ["confidence", "its mean", "right", what],
                rows,
                shares,
                caption="Bars: the share that is right, in bins of the confidence.",
            ),
        ]

    def mistakes(self) -> list[str]:
        """The validation examples that the model is surest of, and wrong."""
        if self.task.several:
            return []
        worst = _contradicted(self.probabilities, self.targets)
        wrong = int((self.probabilities.argmax(-1) != self.targets).sum())
        words = f"{wrong:,} of {len(self.held_out):,} validation examples are classified wrongly."
        if not wrong:
            return [html.text(words)]
        table = self._table(self.held_out, self.probabilities, self.targets, worst[:_MISTAKES])
        return [html.text(f"{words} Those it was surest of:"), table]

    def suspicious(self) -> list[str]:
        """Training examples whose label the trained network contradicts with confidence."""
        if self.task.several:
            return []
        train = self.train
        if len(train) > _LOOKED_AT:
            places = np.linspace(0, len(train) - 1, _LOOKED_AT).astype(int)
            some = train.examples.select(places.tolist())
            train = ClassifyData(some, train.sound, train.labels, train.several)
        probabilities = self._by_the_network(train)
        targets = self.task.preprocessing.targets(train).numpy()
        found = [
            i for i in _contradicted(probabilities, targets) if probabilities[i].max() >= _SURE
        ]
        looked = f"{len(train):,} training examples looked at"
        if not found:
            return [
                html.text(
                    f"Of the {looked} the model contradicts no label with a probability of"
                    f" {_SURE:.0%} or more."
                )
            ]
        return [
            html.text(
                f"Of the {looked} the model, although it was trained on their labels, gives"
                f" {len(found):,} another one with a probability of {_SURE:.0%} or more. These may"
                " be labelled wrongly, or be hard ones that the model has not learnt: look before"
                " anything is changed."
            ),
            self._table(train, probabilities, targets, found[:_SUSPICIOUS]),
        ]

    def _table(
        self, data: ClassifyData, probabilities: Array, targets: Any, places: Sequence[int]
    ) -> str:
        labels = self.task.labels
        rows = [
            (
                shortened(data.shown(i)),
                shortened(labels[targets[i]], 80),
                shortened(labels[int(probabilities[i].argmax())], 80),
                f"{probabilities[i].max():.1%}",
                shortened(data.examples.names[i].rpartition("/")[2], 80),
            )
            for i in places
        ]
        header = ["input", "label", "predicted", "probability", "where"]
        return html.table(header, rows, stacked=True)

    def data(self) -> list[str]:
        """Lengths, counts of classes, empty inputs and duplicates."""
        train, held_out = self.train, self.held_out
        unit = self._unit
        parts = lengths(self._lengths, unit)
        short = sum(length <= 1 for length in self._lengths)
        if short:
            parts.append(
                html.text(f"{short:,} training inputs are empty or have one of the {unit}.")
            )
        parts += left_out(train.left_out, "inputs")
        kind = "texts" if train.examples.is_text else "inputs"
        parts += self._duplicates.parts(kind, held_out.shown)
        ours, theirs = self._counts(train), self._counts(held_out)
        order = sorted(ours | theirs, key=lambda label: -ours[label])
        shown = order if len(order) <= 2 * _MOST_CLASSES else order[:_MOST_CLASSES]
        rest = [] if shown is order else order[-_MOST_CLASSES:]
        caption = "Examples of each class"
        caption += "." if not rest else f": the {_MOST_CLASSES} most and least frequent."
        rows = [(shortened(label, 80), ours[label], theirs[label]) for label in [*shown, *rest]]
        most = max(ours.values())
        shares = [ours[label] / most for label in [*shown, *rest]]
        header = ["class", "training", "validation"]
        return [*parts, html.bars(header, rows, shares, caption=caption)]

    @property
    def _unit(self) -> str:
        if self.task.vocabulary is None:
            return "steps"
        kind: str = self.task.settings.tokens
        return {"bpe": "byte pairs", "unigram": "pieces"}.get(kind, kind)

    @cached_property
    def _lengths(self) -> list[int]:
        return [len(each) for each in self.task.preprocessing.sequences(self.train)]

    @cached_property
    def _duplicates(self) -> Duplicates:
        train, held_out = self.train.examples, self.held_out.examples
        keys, unseen = ([key_of(e) for e in part.inputs] for part in (train, held_out))
        return Duplicates.of_inputs(keys, unseen, train.labels or ())

    def _counts(self, data: ClassifyData) -> Counter[str]:
        labels = data.examples.labels or ()
        return Counter(
            each for label in labels for each in (label if isinstance(label, tuple) else (label,))
        )

    def advice(self) -> list[str]:
        """On duplicates, contradicting labels and classes with few examples."""
        found = self._duplicates.advice
        if count := len(self._duplicates.contradicting):
            found.append(
                f"{count:,} training inputs have equal ones with other labels: no model can tell"
                " them apart; correct the labels."
            )
        counts = self._counts(self.train)
        few = [label for label in self.task.labels if counts[label] < _SPARSE]
        uneven = max(counts.values()) >= _UNEVEN * max(1, min(counts.values()))
        if few:
            some = ", ".join(shortened(label, 40) for label in few[:3])
            more = ", ..." if len(few) > 3 else ""
            found.append(
                f"{len(few)} of {len(self.task.labels)} classes have fewer than {_SPARSE} training"
                f" examples ({some}{more}): more of these would help most."
            )
        if uneven and self.task.settings.class_weights == "none":
            found.append(
                "The classes are uneven: where the rare ones matter as much, try --class-weights"
                " balanced with --metric macro_f1."
            )
        return found


def _contradicted(probabilities: Array, targets: NDArray[Any]) -> list[int]:
    """The examples whose most likely class is not the target, the surest first."""
    wrong = np.flatnonzero(probabilities.argmax(-1) != targets)
    order: list[int] = wrong[np.argsort(-probabilities[wrong].max(-1), kind="stable")].tolist()
    return order
