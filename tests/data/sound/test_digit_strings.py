import numpy as np
import pytest

from elman.data import Audio, Utterance, Utterances, joined_strings, read_utterances
from elman.errors import DataError


def words(rates=(8000,)):
    """Two speakers' two words: constants, each of its own level and 100 samples long."""
    return [
        Utterance(
            f"{speaker}{text}",
            text,
            audio=Audio(np.full(100, 0.2 * s + 0.1 * w + 0.1, np.float32), rates[w % len(rates)]),
            speaker=speaker,
        )
        for s, speaker in enumerate(("anna", "ben"))
        for w, text in enumerate(("yes", "no"))
    ]


def test_a_string_is_its_words_and_gaps_between():
    for string in joined_strings(words(), 40, shortest=3, longest=5, seed=3):
        spoken = string.text.split()
        assert 3 <= len(spoken) <= 5
        low = 0.1 if string.speaker == "anna" else 0.3
        levels = [np.float32(low + 0.1 * (word == "no")) for word in spoken]
        samples = string.audio.samples
        place = 0
        for level in levels:  # each word stands whole, after the one before
            runs = np.convolve(samples[place:] == level, np.ones(100), "valid")
            place += int((runs == 100).argmax())
            assert (samples[place : place + 100] == level).all()
            place += 100
        gaps = string.seconds - len(spoken) / 80
        assert 0 <= gaps <= 0.4 * (len(spoken) + 1)


def test_the_seed_makes_the_strings():
    one, same, other = (
        Utterances(joined_strings(words(), 5, seed=seed)).sha256 for seed in (1, 1, 2)
    )
    assert one == same != other


def test_all_lengths_and_speakers_occur():
    strings = list(joined_strings(words(), 300))
    lengths = [len(string.text.split()) for string in strings]
    assert set(lengths) == {3, 4, 5, 6, 7}
    assert 100 < sum(string.speaker == "anna" for string in strings) < 200


def test_recordings_of_two_rates():
    with pytest.raises(DataError, match=r"one rate are needed, not of \[8000, 16000\]"):
        list(joined_strings(words((8000, 16000)), 20))


@pytest.mark.data
def test_strings_of_spoken_digits(dataset_root):
    strings = read_utterances("sp_fsdd/strings:test")
    lengths = [len(text.split()) for text in strings.texts]
    assert (min(lengths), max(lengths)) == (3, 7)
    assert set(" ".join(strings.texts)) == set("0123456789 ")
    first = strings[0]  # the same on every machine
    assert (first.text, first.speaker, first.seconds) == ("1 2 4 8", "yweweler", 2.442)
