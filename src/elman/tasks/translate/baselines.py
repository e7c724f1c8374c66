"""The baseline of a translator: the translation of the nearest training source."""

import time

import numpy as np

from elman.baselines import Baseline
from elman.baselines.nearest_text import nearest
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.metrics import scores, sentence_chrf

MOST = 100_000  # training pairs that are searched


def baselines(train: TranslateData, held_out: TranslateData) -> list[Baseline]:
    """What a translation memory would answer."""
    began = time.perf_counter()
    found = nearest(train.sources[:MOST], held_out.sources)
    texts = [train.targets[i] for i in found]
    references = [[text] for text in held_out.targets]
    each = np.array(sentence_chrf(texts, references), np.float64)
    measured = scores(texts, references, ter=False)
    return [
        Baseline(
            "nearest source",
            {"sentence_chrf": float(each.mean()), **measured.metrics},
            each,
            time.perf_counter() - began,
            metric="sentence_chrf",
            note=f"the first {MOST:,} pairs were searched" if len(train) > MOST else "",
        )
    ]
