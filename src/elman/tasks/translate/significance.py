"""Whether two translators differ by more than chance: paired bootstrap resampling (Koehn 2004)."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from elman.errors import SettingsError
from elman.tasks.commands import Note
from elman.tasks.translate.metrics import corpus_metrics, reference_columns

if TYPE_CHECKING:
    from rich.table import Table

    from elman.tasks.translate.task import TranslationReport

_SAMPLES = 1000
_SIGNIFICANT = 0.05


def against(
    report: "TranslationReport", model: str, data: str, **options: Any
) -> "Iterator[Table | Note]":
    """A table of this model's report and that of another model on the same data.

    Raises `SettingsError` where the other model is of another task.
    """
    from rich.table import Table

    from elman.tasks.load import load
    from elman.tasks.translate.task import Translate

    other = load(model)
    if not isinstance(other, Translate):
        raise SettingsError(f"--against: {model} is a model of the task {other.name}")
    theirs = other.report(data, **options)
    if theirs.sources != report.sources:
        raise SettingsError(f"--against: {model} reads other sources from {data}")
    table = Table("metric", "this model", model, "p of the difference")
    for name, (own, others, p) in paired(report, theirs).items():
        table.add_row(name, f"{own:.2f}", f"{others:.2f}", f"{p:.3f}")
    yield table
    yield Note(
        f"paired bootstrap of {_SAMPLES:,} samples (Koehn 2004): a difference of p below"
        f" {_SIGNIFICANT} is hardly chance"
    )


def paired(
    own: "TranslationReport", other: "TranslationReport", *, seed: int = 12345
) -> dict[str, tuple[float, float, float]]:
    """BLEU, chrF and TER of both and the p value of their difference, by paired bootstrap."""
    from sacrebleu.significance import PairedTest

    os.environ.setdefault("SACREBLEU_SEED", str(seed))
    systems: Any = [("own", own.translations), ("other", other.translations)]
    references: Any = reference_columns(own.references)
    test = PairedTest(
        systems,
        metrics=corpus_metrics(own.references),
        references=references,
        test_type="bs",
        n_samples=_SAMPLES,
    )
    _, scores = test()
    found = {}
    for name, (first, second) in _of_metrics(scores).items():
        found[name] = (float(first.score), float(second.score), float(second.p_value))
    return found


def _of_metrics(scores: dict[str, Any]) -> dict[str, Any]:
    """The results of both systems, by our metrics' names."""
    named = {name.lower().rstrip("2"): each for name, each in scores.items() if name != "System"}
    return {name: named[name] for name in ("bleu", "chrf", "ter")}
