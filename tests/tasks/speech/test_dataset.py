"""What a recogniser reads: frames in the order of the source, broken utterances left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.data import AcousticFeatures, Audio, Utterance, Utterances
from elman.errors import DataError
from elman.tasks import Speech
from elman.tasks.speech.dataset import features_of, hear

Say = Callable[..., Audio]
MFCC = AcousticFeatures(kind="mfcc", bins=12, rate=8000)


def test_what_cannot_be_heard_keeps_its_place_and_name(say: Say, tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_text("this is not audio")
    sounds = [Utterance(text, text, audio=say(text)) for text in ("ab", "cab")]
    broken = Utterance("u7", "bc", path=tmp_path / "no.wav")
    found = hear(Utterances([sounds[0], broken, sounds[1]]), MFCC, 12)
    assert (len(found), found.names) == (2, ("ab", "u7", "cab"))
    assert [found.shown(i) for i in range(2)] == found.texts == ["ab", "cab"]
    assert list(found.left_out) == [1]
    assert found.left_out[1].startswith("u7: ")
    assert found.seconds == tuple(each.seconds for each in sounds)
    for frames, sound in zip(found.frames, sounds, strict=True):
        assert np.array_equal(frames, sound.frames(MFCC))


def test_a_part_has_the_frames_of_its_utterances(say: Say) -> None:
    utterances = Utterances([Utterance(t, t, audio=say(t)) for t in ("ab", "cab", "bc")])
    whole = hear(utterances, MFCC, 12)
    part = whole.part(utterances.select([2, 0]))
    assert (part.names, part.texts) == (("bc", "ab"), ["bc", "ab"])
    assert part.frames[0] is whole.frames[2]
    assert part.seconds == (whole.seconds[2], whole.seconds[0])


def test_a_new_model_takes_the_rate_of_the_first_sound_that_can_be_read(
    say: Say, tmp_path: Path
) -> None:
    (tmp_path / "no.wav").write_text("this is not audio")
    utterances = Utterances(
        [Utterance("broken", path=tmp_path / "no.wav"), Utterance("a", audio=say("a"))]
    )
    acoustic, size = features_of(utterances, Speech(bins=12).settings)
    assert acoustic is not None
    assert (acoustic.rate, acoustic.size, size) == (8000, 12, 12)
    acoustic, _ = features_of(utterances, Speech(sample_rate=11025).settings)
    assert acoustic is not None
    assert acoustic.rate == 11025
    ready = Utterances([Utterance("a", features=np.zeros((9, 5), np.float32))])
    assert features_of(ready, Speech().settings) == (None, 5)


def test_a_part_of_utterances_without_a_transcript_is_told(say: Say) -> None:
    found = hear(Utterances([Utterance("a", audio=say("a"))]), MFCC, 12)
    with pytest.raises(DataError, match="a has no transcript"):
        assert found.texts
