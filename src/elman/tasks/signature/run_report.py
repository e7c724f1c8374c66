"""A verifier's part of a run's report: the DET curve, persons, and its errors drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from elman import html
from elman.tasks.run_report.run import Own
from elman.tasks.signature.baselines import hardest
from elman.tasks.signature.metrics import KIND_NAMES, Curve
from elman.tasks.signature.plot import draw
from elman.tasks.signature.report import Report

if TYPE_CHECKING:
    from elman.tasks.signature.dataset import SignatureData
    from elman.tasks.signature.task import Signature

_PERSONS = 30


@dataclass(frozen=True)
class SignatureRun:
    """A trained verifier with the persons held out."""

    task: "Signature"
    held_out: "SignatureData"

    def own(self) -> Own:
        """The sections and the advice."""
        return Own(
            {"Errors by threshold": self.curve, "Person by person": self.persons}, self.advice
        )

    @cached_property
    def report(self) -> Report:
        """Of the held-out persons."""
        return self.task.report(self.held_out)

    def curve(self) -> list[str]:
        """The DET curve of both kinds of forgeries, beside dynamic time warping."""
        found = self.report
        ax = html.axes("false acceptance rate", "false rejection rate", height=5.0)
        draw(ax, found.scores, "model", colours=html.SERIES)
        draw(ax, found.warping_scores, "DTW", style="--", colours=html.SERIES)
        rows = [
            (name.replace("_", " "), f"{value:.2%}", f"{found.warping[name]:.2%}")
            for name, value in found.metrics.items()
            if name != "loss"
        ]
        words = (
            "Skilled forgeries are made by somebody who saw the signature, random ones are"
            " signatures of other persons. FAR and FRR are at the probability"
            f" {self.task.settings.threshold:g}, those of DTW at its equal error rate. None of it"
            " is a legal proof of who wrote a signature."
        )
        header = ["error rate", "model", "DTW"]
        caption = "Detection error trade-off of the held-out persons, axes of normal deviates."
        return [html.text(words), html.table(header, rows), html.chart(ax, caption)]

    def persons(self) -> list[str]:
        """The equal error rate of each person, the worst first."""
        scores, kind = self.report.scores, hardest(self.report.scores)
        rows: list[tuple[str, float, float, float]] = []
        for number, name in enumerate(self.report.persons):
            own = scores.person == number
            genuine, forged = (scores.scores[own & (scores.kind == each)] for each in (0, kind))
            if len(genuine) and len(forged):
                curve = Curve.of(genuine, forged)
                rows.append((name, curve.eer, float(np.median(genuine)), float(np.median(forged))))
        rows.sort(key=lambda row: -row[1])
        shown = [(n, f"{eer:.1%}", f"{g:+.2f}", f"{f:+.2f}") for n, eer, g, f in rows[:_PERSONS]]
        header = ["person", "equal error rate", "median score, genuine", "forged"]
        caption = f"Held-out persons against {KIND_NAMES[kind]} forgeries, the worst first."
        return [html.table(header, shown, caption=caption)]

    def advice(self) -> Sequence[str]:
        """What would help."""
        found = []
        if not self.task.preprocessing.has_forgeries:
            found.append(
                "Add skilled forgeries to the training data: the model has seen none, and it"
                " is not known whether it detects them."
            )
        if len(self.report.persons) < 10:
            found.append(
                f"Only {len(self.report.persons)} persons are held out: their error rates may be"
                " far from those of others."
            )
        return found
