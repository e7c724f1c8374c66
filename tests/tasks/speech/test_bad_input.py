"""Whatever is given: an answer or an error of elman's own, on one line."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
import torch

from elman.data import (
    AcousticFeatures,
    Audio,
    Utterance,
    Utterances,
    check_utterances,
    read_audio,
    read_utterances,
    resampled,
)
from elman.decode.alphabet import Alphabet
from elman.decode.arpa import read_arpa
from elman.decode.ctc_beam import CTCBeam
from elman.decode.ctc_greedy import CTCGreedy
from elman.decode.error_rates import wer
from elman.decode.ngram import estimate
from elman.decode.scorers import HotWords, Lexicon, NGramScorer
from elman.errors import ElmanError
from elman.tasks import Speech

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
WRONG: list[Any] = [
    *(None, 0, -1, 1.5, True, 10**5000, float("nan"), float("inf")),
    *("", "x", "a\0b", "y" * 5000, "\ud800", b"bytes"),
    *([], [None], [[]], {}, {"a": 1}, {"path": [None], "text": ["x"]}, {"path": ["q" * 5000]}),
    *((), (1, 2), ("a", "b", "c"), object(), set(), iter([])),
    *(np.zeros(0), np.zeros((3, 3)), np.array(5), np.array(["a"]), np.zeros(5, complex)),
    *(torch.zeros(3, requires_grad=True), pandas.DataFrame(), pandas.Series([1])),
    *([Audio(SOUND, 8000)], [("nowhere.wav", "a")], [("a\0.wav", "a")]),
]
ALPHABET = Alphabet(" ab")
MODEL = estimate(["a b", "ab a"], order=2)
LOG_PROBS = np.log(np.full((4, 4), 0.25))
PARTS: dict[str, Callable[[Any], Any]] = {
    "read_utterances": lambda x: [u.load() for u in read_utterances(x)],
    "read_audio": read_audio,
    "samples": lambda x: Audio(x, 8000).seconds,
    "rate": lambda x: Audio(SOUND, x).resampled(8000),
    "resampled": lambda x: resampled(x, 8000, 16000),
    "Utterances": Utterances,
    "check_utterances": check_utterances,
    "Alphabet": Alphabet,
    "Alphabet.build": Alphabet.build,
    "Alphabet.encode": ALPHABET.encode,
    "Alphabet.decode": ALPHABET.decode,
    "Alphabet.load": Alphabet.load,
    "read_arpa": read_arpa,
    "estimate": estimate,
    "estimate order": lambda x: estimate(["a b"], order=x),
    "CTCBeam": CTCBeam,
    "CTCGreedy": CTCGreedy,
    "beam.decode": CTCBeam(ALPHABET, lm=MODEL).decode,
    "greedy.decode": CTCGreedy(ALPHABET).decode,
    "NGramScorer": lambda x: NGramScorer(ALPHABET, x),
    "Lexicon": lambda x: Lexicon(ALPHABET, x),
    "HotWords": lambda x: HotWords(ALPHABET, x),
    "wer": lambda x: wer(x, ["a"]),
    **{
        f"CTCBeam {name}": lambda x, name=name: CTCBeam(
            ALPHABET, **({"lm": MODEL} | {name: x})
        ).decode(LOG_PROBS)
        for name in inspect.signature(CTCBeam).parameters
        if name not in ("alphabet", "scorers")
    },
    **{
        f"AcousticFeatures {name}": lambda x, name=name: AcousticFeatures(**{name: x})
        for name in AcousticFeatures.model_fields
    },
    **{
        f"Utterance {name}": lambda x, name=name: Utterance(
            **({"name": "u", "path": "nowhere.wav"} | {name: x})
        )
        for name in ("text", "path", "start", "end", "channel", "audio", "features")
    },
    **{
        f"Speech {name}": lambda x, name=name: Speech(**{name: x})
        for name in ("rate", "beam", "lm", "channel", "audio_folder", "lm_weight", "word_bonus")
    },
}


def survives(call: Callable[[Any], Any], value: Any) -> None:
    """An answer will do, and an error of elman's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call(value)
        except ElmanError as error:
            message = str(error)
        else:
            message = "an answer"
    assert "\n" not in message
    assert len(message) < 12_000


@pytest.mark.parametrize("part", PARTS)
def test_no_part_fails_raw(part: str) -> None:
    for value in WRONG:
        survives(PARTS[part], value)


def test_a_recogniser_never_fails_raw(forward: Speech) -> None:
    def streamed(value: Any) -> None:
        session = forward.stream()
        session.accept(value)
        session.finish()

    (found,) = forward.predictions([Audio(SOUND, 8000)])
    calls: list[Callable[[Any], Any]] = [
        found.to,
        *(forward.predict, forward.evaluate, forward.report, forward.rows, forward.log_probs),
        *(forward.transcribe, forward.predictions, streamed),
        *(
            lambda x, name=name: forward.transcribe([Audio(SOUND, 8000)], **{name: x})
            for name in inspect.signature(forward.transcribe).parameters
            if name != "data"
        ),
        *(
            lambda x, name=name: forward.stream(**{name: x})
            for name in inspect.signature(forward.session).parameters
        ),
    ]
    for call in calls:
        for value in WRONG:
            survives(call, value)


def test_no_data_fails_raw_in_training() -> None:
    for value in WRONG:
        task = Speech(hidden_size=4, num_layers=1, max_steps=1, batch_size=4, bins=8, beam=2)
        survives(lambda x, task=task: task.fit(x, progress=False), value)
