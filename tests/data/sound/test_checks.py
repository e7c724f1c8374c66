import numpy as np
import pytest

from elman.data import Audio, Utterance, Utterances, check_utterances, read_utterances
from elman.data.sound.checks import steps_needed
from elman.errors import DataError, SettingsError


def kinds(found):
    return {problem.name: problem.kind for problem in found.problems}


def sounds(**given):
    return Utterances(
        Utterance(name, "yes", audio=Audio(np.asarray(samples, np.float32), 8000))
        for name, samples in given.items()
    )


def test_broken_files_are_listed_and_the_rest_is_kept(bad_sounds, write_sound):
    good = [write_sound("first.wav"), write_sound("last.flac")]
    paths = [good[0], *bad_sounds.values(), good[1]]
    found = check_utterances(read_utterances([(path, "x") for path in paths]))
    assert [problem.index for problem in found.problems] == [1, 2, 3, 4, 5]
    for problem, message in zip(found.problems, bad_sounds, strict=True):
        assert problem.kind == "broken"
        assert problem.is_fatal
        assert message in f"{problem.name}: {problem.message}"
    assert [u.path for u in found.usable] == good
    assert found.seconds == pytest.approx(0.6)
    assert found.summary().startswith("7 utterances, 0.0 minutes\n5 broken, left out\n")
    with pytest.raises(DataError, match=r"no utterance can be used; .*nan\.wav: 2 of 2400"):
        _ = check_utterances(found.utterances[1:3]).usable


def test_silent_clipped_and_out_of_scale(tone):
    loud = np.clip(3 * tone(), -1, 1)
    whistle = tone(size=1.0)  # reaches full scale, and stays there for a sample or two
    found = check_utterances(
        sounds(
            good=tone(),
            nothing=np.zeros(4000),
            faint=tone(size=5e-4),
            loud=loud,
            whistle=whistle,
            integers=tone(size=20000),
        )
    )
    assert kinds(found) == {
        "nothing": "silent",
        "faint": "silent",
        "loud": "clipped",
        "integers": "not scaled",
    }
    assert [u.name for u in found.usable] == ["good", "loud", "whistle"]
    share = (abs(loud) >= 0.999).mean()
    assert f"clipped: {share:.2%} of the samples" in found.summary()


def test_too_long_and_too_short(tone):
    found = check_utterances(
        sounds(good=tone(), long=tone(3.0), short=tone(0.04)), shortest=0.1, longest=2
    )
    assert kinds(found) == {"long": "too long", "short": "too short"}
    assert "long: 3.0 s, the longest allowed are 2 s" in found.summary()


def test_transcripts(tone):
    audio = Audio(tone(0.1), 8000)
    texts = {
        "good": "yes",
        "none": None,
        "blank": " ",
        "long": "nonononono!",
        "strange": "yéß",
        "ten": "enenenenen",  # 10 outputs of 10 ms are just enough
        "double": "enenennene",  # these need a blank more
    }
    utterances = Utterances(Utterance(name, text, audio=audio) for name, text in texts.items())
    found = check_utterances(utterances, characters="enosy!")
    assert kinds(found) == {
        "none": "no transcript",
        "blank": "no transcript",
        "long": "transcript too long",
        "strange": "unknown character",
        "double": "transcript too long",
    }
    assert "strange: 'é', 'ß' are not in the alphabet" in found.summary()
    assert "0.10 s give 10 outputs, the transcript's 10 characters need 11" in found.summary()
    assert [u.name for u in found.usable] == ["good", "ten"]
    coarse = check_utterances(utterances, step_seconds=0.04, characters="enosy!")  # 3 outputs
    assert [u.name for u in coarse.usable] == ["good"]
    assert not check_utterances(utterances, transcripts=False).problems


def test_ready_features():
    frames = np.zeros((30, 13), np.float32)
    utterances = Utterances([Utterance("u", "yes", features=frames)])
    assert not check_utterances(utterances).problems
    assert check_utterances(utterances).seconds == pytest.approx(0.3)
    assert kinds(check_utterances(utterances, step_seconds=0.2)) == {"u": "transcript too long"}


def test_many_problems_are_counted_and_some_shown():
    found = check_utterances(sounds(**{f"u{i}": np.zeros(4000) for i in range(30)}))
    lines = found.summary().splitlines()
    assert lines[1] == "30 silent, left out"
    assert lines[-1] == "  and 10 more"
    assert len(lines) == 23
    with pytest.raises(SettingsError, match="longest=0"):
        check_utterances(sounds(a=np.ones(9)), longest=0)


@pytest.mark.parametrize(("text", "steps"), [("", 0), ("a", 1), ("aa", 3), ("aab", 4), ("abab", 4)])
def test_steps_needed(text, steps):
    assert steps_needed(text) == steps
