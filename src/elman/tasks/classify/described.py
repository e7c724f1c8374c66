"""What a program has to do before and after a classifier's graphs, as plain data."""

from typing import TYPE_CHECKING, Any

import numpy as np

from elman.baselines import text_features
from elman.data.sound import described as of_sound
from elman.data.text import described as of_text
from elman.tasks import summary_export, word_encoder
from elman.tasks.classify.ngram_model import NgramModel
from elman.tasks.classify.preprocessing import ClassifyPreprocessing

if TYPE_CHECKING:
    from elman.tasks.classify.task import Classify

_LOUDNESS = {
    "log_mel": "take off the mean of all numbers of the recording",
    "mfcc": "take off the mean of the first number over the recording from the first number",
}
_HASH = (
    "64 bits, unsigned: h = 0xcbf29ce484222325 xor n; for each of the n codes: h = (h xor code) *"
    " 0x100000001b3; then h = h xor (h >> 32); the bucket is h mod `buckets`"
)


def described(task: "Classify") -> dict[str, Any]:
    """Labels, and the way from a text or sound to the graphs' inputs."""
    known: ClassifyPreprocessing = task.preprocessing
    found: dict[str, Any] = {
        "task": task.name,
        "labels": known.labels,
        "several_labels": known.several,
    }
    if known.vocabulary is not None:
        found["text"] = of_text.described(known.vocabulary)
    if known.ngram_buckets:
        found["ngrams"] = {
            "of": "each word with a space before and after it, its first `longest` characters",
            "orders": list(word_encoder.ORDERS),
            "longest": word_encoder.LONGEST,
            "codes": "code points",
            "hash": _HASH,
            "buckets": known.ngram_buckets,
            "padding": known.ngram_buckets,
        }
    if known.sound is not None:
        found["sound"] = {
            **of_sound.described(known.sound),
            "loudness": _LOUDNESS[known.sound.kind],
        }
    if known.ngrams is not None:
        found["ngram_columns"] = _columns(known.ngrams)
    if known.summary is not None:
        found["statistics"] = summary_export.described(
            known.summary, "the features of the real steps, as the graphs take them"
        )
    return found


def _columns(ngrams: NgramModel) -> dict[str, Any]:
    columns = ngrams.vectors.columns
    return {
        "text": f"its first {text_features.LONGEST} characters, case folded",
        "words": {
            "pattern": text_features.WORD.pattern,
            "orders": list(range(1, text_features.WORD_ORDER + 1)),
            "codes": "the CRC-32 of each word's UTF-8",
            "first_bucket": 0,
        },
        "characters": {
            "of": "each part between white space, with a space before and after it",
            "orders": list(text_features.CHARACTER_ORDERS),
            "codes": "code points",
            "first_bucket": text_features.BUCKETS,
        },
        "hash": _HASH,
        "buckets": text_features.BUCKETS,
        "column_of": "a bucket's place in `known`; others are left out",
        "known": np.flatnonzero(columns >= 0).tolist(),
        "idf": [float(f"{value:.8g}") for value in ngrams.vectors.idf],
        "values": "(1 + ln count) * idf, divided by the root of the sum of squares, of words and of"
        " characters apart; rows are filled up with column 0, value 0",
    }
