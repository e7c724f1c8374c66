import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data import Audio, resampled
from elman.errors import DataError, SettingsError
from elman.tasks import Speech
from elman.tasks.speech.stream import Listener
from elman.tasks.steps import alone

Say = Callable[..., Audio]


@pytest.fixture(params=["forward", "ahead"])
def task(request: pytest.FixtureRequest) -> Speech:
    """Each model that can stream."""
    found: Speech = request.getfixturevalue(request.param)
    return found


def pieces(samples: Any, sizes: list[int]) -> list[Any]:
    """The samples cut into pieces of these sizes, again and again."""
    edges = [0]
    while edges[-1] < len(samples):
        edges.append(edges[-1] + sizes[(len(edges) - 1) % len(sizes)])
    return [samples[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("sizes", [[1000], [80], [1, 2000, 333, 0, 1], [10**6]], ids=str)
def test_pieces_give_the_scores_and_the_text_of_the_whole(
    task: Speech, say: Say, sizes: list[int]
) -> None:
    samples = say("ab cab ca bc", 7).samples
    whole = task.log_probs([Audio(samples, 8000)])[0]
    listener = Listener(task)
    parts = [alone(listener.accepting(piece)) for piece in pieces(samples, sizes)]
    scores = np.concatenate([*parts, alone(listener.finishing())])
    assert scores.shape == whole.shape
    np.testing.assert_allclose(scores, whole, atol=1e-5)

    session = task.stream()
    texts = [session.accept(piece) for piece in pieces(samples, sizes)]
    found = session.finish()
    at_once = task.transcribe([Audio(samples, 8000)])[0].hypotheses[0]
    assert found.text == at_once.text
    assert found.text.startswith("ab ca")
    assert [word.text for word in found.words] == found.text.split()
    assert [(w.start, w.end) for w in found.words] == [(w.start, w.end) for w in at_once.words]
    assert max(map(len, texts)) <= len(found.text) + 3


def test_what_was_said_is_known_before_the_end(forward: Speech, say: Say) -> None:
    session = forward.stream()
    first = session.accept(np.concatenate([say("ab cab").samples, np.zeros(3000, np.float32)]))
    assert first.startswith("ab ca")
    session.accept(say(" bc").samples)
    assert session.finish().text.startswith(first)


def test_other_rates_and_integers(task: Speech, say: Say) -> None:
    samples = say("cab ab").samples
    fine = resampled(samples, 8000, 44100)
    session = task.stream(rate=44100)
    for piece in pieces(fine, [4410]):
        session.accept(piece)
    assert session.finish().text == "cab ab"
    session = task.stream()
    session.accept((samples * 32767).astype(np.int16))
    assert session.finish().text == "cab ab"


@pytest.mark.parametrize("size", [160, 5000])
def test_pauses_part_sentences(task: Speech, say: Say, size: int) -> None:
    parts = ["ab bc", "cab", "ca ab"]
    sound = np.concatenate([say(text, 3, pause=0.5).samples for text in parts])
    session = task.stream(pause=0.7)
    grown = []
    for piece in pieces(sound, [size]):
        session.accept(piece)
        grown.append(len(session.segments))
    assert grown[len(grown) * 2 // 3] >= 1  # while the speech goes on
    whole = session.finish()
    assert len(session.segments) == len(parts)
    assert whole.text == " ".join(segment.text for segment in session.segments)
    assert session.segments[0].text == parts[0]
    starts = [word.start for word in whole.words]
    assert starts == sorted(starts)
    assert starts[2] > len(say(parts[0], 3, pause=0.5).samples) / 8000
    at_once = task.transcribe([Audio(sound, 8000)], pause=0.7)[0].hypotheses[0]
    assert at_once.text == whole.text
    assert [word.end for word in at_once.words] == [word.end for word in whole.words]


def test_nothing_said_is_nothing_written(task: Speech) -> None:
    session = task.stream()
    assert session.finish().text == ""
    session = task.stream(pause=0.2)
    assert session.accept(np.zeros(0, np.float32)) == ""
    session.accept(np.zeros(3000, np.float32))
    found = session.finish()
    assert found.text == ""
    assert found.words == ()
    assert session.segments == []


def test_sound_that_is_none(task: Speech) -> None:
    session = task.stream()
    wrong = np.zeros(80, np.float32)
    wrong[7] = np.nan
    with pytest.raises(DataError, match=r"NaN or infinite, the first at 7"):
        session.accept(wrong)
    with pytest.raises(DataError, match="shape"):
        session.accept(np.zeros((80, 2), np.float32))
    with pytest.raises(DataError, match="int64"):
        session.accept(np.zeros(80, np.int64))
    session.accept(np.zeros(800, np.float32))  # it goes on
    session.finish()
    with pytest.raises(SettingsError, match="is finished"):
        session.accept(np.zeros(80, np.float32))


def test_a_model_that_needs_the_whole_cannot_stream(both: Speech) -> None:
    with pytest.raises(
        SettingsError, match=r"bidirectional=False \(--no-bidirectional\), or with look"
    ):
        both.stream()


@pytest.mark.slow
def test_memory_does_not_grow(forward: Speech, say: Say) -> None:
    """What the process and the session hold after one minute and after eight is the same."""
    sound = say("ab cab ca bc ab cab ab bc", 5, pause=0.6).samples
    session, resident, held = forward.stream(pause=0.6), [], []
    for _ in range(8):
        heard = 0.0
        while heard < 60:
            for piece in pieces(sound, [2000]):
                session.accept(piece)
            heard += len(sound) / 8000
        resident.append(_resident())
        state = session._session._decoding._state
        held.append(len(state._heard) + len(state._prefixes))
    assert max(resident) < 1.05 * resident[0]
    assert max(held) < 2 * held[0] + 100
    assert len(session.segments) > 60
    assert session.seconds < 480


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
