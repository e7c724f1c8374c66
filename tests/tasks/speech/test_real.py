"""Real speech: a short training learns, streams are the whole."""

from itertools import pairwise

import numpy as np
import pytest

from elman.data import read_utterances
from elman.tasks import Speech
from elman.tasks.speech.stream import Listener
from elman.tasks.steps import alone

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.usefixtures("dataset_root")]


def test_digits_are_learnt() -> None:
    recordings = read_utterances("sp_fsdd:train")
    train, validation = recordings.select(range(0, 2700, 3)), recordings.select(range(1, 2700, 90))
    settings = {"hidden_size": 48, "num_layers": 1, "epochs": 6, "lr": 1e-2, "speed": 0.0}
    settings |= dict.fromkeys(("feature_masks", "time_masks", "input_dropout"), 0)
    settings |= {"dropout": 0.1, "output_dropout": 0.1}
    task = Speech(**settings).fit(train, validation, progress=False)
    found = task.report(read_utterances("sp_fsdd:test"))
    assert found.wer.length == 300
    assert found.wer.rate < 0.6


def test_streams_are_the_whole_on_all_of_an4() -> None:
    train = read_utterances("sp_an4_mfcc:train")[:200]
    settings = {"hidden_size": 48, "num_layers": 2, "max_steps": 25, "beam": 4, "deltas": 2}
    settings["bidirectional"] = False
    task = Speech(**settings, lm_weight=0.5, word_bonus=0.0).fit(train, train[:10], progress=False)
    test = read_utterances("sp_an4_mfcc:test")
    assert len(test) == 130
    random = np.random.default_rng(0)
    wholes, texts = task.log_probs(test), task.predict(test)
    for utterance, whole, text in zip(test, wholes, texts, strict=True):
        frames = utterance.features
        assert frames is not None
        inner = sorted(random.integers(0, len(frames), 6).tolist())
        pieces = [frames[a:b] for a, b in pairwise([0, *inner, len(frames)])]
        listener, session = Listener(task), task.stream()
        parts = [alone(listener.accepting(piece)) for piece in pieces]
        scores = np.concatenate([*parts, alone(listener.finishing())])
        np.testing.assert_allclose(scores, whole, atol=1e-5, err_msg=utterance.name)
        for piece in pieces:
            session.accept(piece)
        assert session.finish().text == text
