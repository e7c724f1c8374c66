"""Real speech: a short training learns, streams are the whole, memory stays flat."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from elman.data import joined_strings, read_utterances
from elman.tasks import Speech
from elman.tasks.speech.stream import Listener

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.usefixtures("dataset_root")]


@pytest.fixture(scope="module")
def digits() -> Speech:
    """Strings of digits, learnt for some seconds."""
    recordings = list(read_utterances("sp_fsdd:train"))
    parts = recordings[0::2], recordings[1::20]
    train, validation = (list(joined_strings(part, n, seed=n)) for part, n in zip(parts, (200, 20)))
    settings = {"hidden_size": 64, "num_layers": 2, "epochs": 6, "lr": 8e-3, "speed": 0.0}
    return Speech(**settings, rate=8000, batch_size=8).fit(train, validation, progress=False)


def test_digit_strings(digits: Speech) -> None:
    test = list(joined_strings(list(read_utterances("sp_fsdd:test")), 40, seed=1))
    found = digits.report(test)
    assert found.cer.rate < 0.5
    assert found.real_time_factor < 0.5


def test_streams_are_the_whole_on_all_of_an4() -> None:
    train = read_utterances("sp_an4_mfcc:train")[:200]
    settings = {"hidden_size": 48, "num_layers": 2, "max_steps": 25, "beam": 4, "deltas": 2}
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
        parts = [listener.accept(piece) for piece in pieces]
        scores = np.concatenate([*parts, listener.finish()])
        np.testing.assert_allclose(scores, whole, atol=1e-5, err_msg=utterance.name)
        for piece in pieces:
            session.accept(piece)
        assert session.finish().text == text


def test_memory_is_flat(digits: Speech) -> None:
    """Eight minutes after two take no more."""
    recordings = list(read_utterances("sp_fsdd:test"))
    strings = [each.samples(8000) for each in joined_strings(recordings, 60, seed=2)]
    sound = np.concatenate([np.pad(each, (0, 8000)) for each in strings])
    session, resident = digits.stream(pause=0.8), []
    heard = 0
    while heard < 600 * 8000:
        for at in range(0, len(sound), 4000):
            session.accept(sound[at : at + 4000])
        heard += len(sound)
        resident.append(_resident())
    assert max(resident) < 1.05 * resident[0]
    assert len(session.segments) > 60
    assert session.seconds < 600


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
