"""Whether two translators differ by more than chance: paired bootstrap resampling (Koehn 2004)."""

import os
from typing import TYPE_CHECKING, Any

from elman.tasks.significance import Difference
from elman.tasks.translate.metrics import corpus_metrics, reference_columns

if TYPE_CHECKING:
    from elman.tasks.translate.report import TranslationReport

_SAMPLES = 1000


def paired(
    own: "TranslationReport", other: "TranslationReport", *, seed: int = 12345
) -> list[Difference]:
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
    return [
        Difference(
            name,
            float(first.score),
            float(second.score),
            float(second.p_value),
            own.signatures[name],
        )
        for name, (first, second) in _of_metrics(scores).items()
    ]


def _of_metrics(scores: dict[str, Any]) -> dict[str, Any]:
    """The results of both systems, by our metrics' names."""
    named = {name.lower().rstrip("2"): each for name, each in scores.items() if name != "System"}
    return {name: named[name] for name in ("bleu", "chrf", "ter")}
