"""What one command with nothing but data reaches, beside its baseline and an expert's settings.

    ELMAN_DATA=their/folder python benchmarks/first_time.py [--budget 5m] [--share 0.1] [NAME ...]

trains each dataset as a new user would, `elman train TASK --data ...`, measures the model on data
that training has not seen, and prints a table. The baselines learn from the same training data and
are measured on the same unseen data. `expert`: what docs/tasks.md and docs/speech.md reach with
settings that were chosen for the dataset. `--share` trains on a part of the examples.
"""

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

import elman
from elman.tasks import Classify


@dataclass(frozen=True)
class Case:
    """A dataset: `flags` are what a user must say, `test` is not seen in training."""

    task: str
    train: str
    test: str
    metric: str = "accuracy"
    expert: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def is_higher_better(self) -> bool:
        return self.metric == "accuracy"


CASES = {
    "sst2": Case("classify", "text_sst2:train", "text_sst2:test", expert=0.8144),
    "snips": Case("classify", "text_snips:train", "text_snips:validation", expert=0.9814),
    "sentences": Case("classify", "text_sentiment_labelled:amazon", "text_sentiment_labelled:yelp"),
    "vowels": Case(
        "classify",
        "mv_uea_small/JapaneseVowels:train",
        "mv_uea_small/JapaneseVowels:test",
        expert=0.9811,
    ),
    "motions": Case(
        "classify", "mv_uea_small/BasicMotions:train", "mv_uea_small/BasicMotions:test"
    ),
    "digits": Case("classify", "sp_fsdd:train", "sp_fsdd:test", expert=0.9900),
    "shakespeare": Case(
        "language", "lm_tinyshakespeare:train", "lm_tinyshakespeare:validation", "loss", 1.4992
    ),
    "an4": Case("speech", "sp_an4_mfcc:train", "sp_an4_mfcc:test", "wer", 0.0802),
}
