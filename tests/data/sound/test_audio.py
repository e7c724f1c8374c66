import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Audio, Resampler, read_audio, resampled
from elman.errors import DataError, SettingsError


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("a.wav", "PCM_U8", 1 / 128),
        ("a.wav", "PCM_16", 1 / 32768),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "FLOAT", 0),
        ("a.wav", "DOUBLE", 0),
        ("a.wav", "ULAW", 0.03),
        ("a.flac", "PCM_16", 1 / 32768),
        ("a.flac", "PCM_S8", 1 / 128),
    ],
)
def test_every_width_gives_the_same_sound(tone, write_sound, name, subtype, error):
    audio = read_audio(write_sound(name, subtype=subtype))
    assert audio.samples.dtype == np.float32
    assert audio.rate == 8000
    np.testing.assert_allclose(audio.samples, tone(), atol=error)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 96000, 192000])
def test_every_rate_is_brought_to_the_models(tone, write_sound, rate):
    audio = read_audio(write_sound("a.wav", tone(1, rate), rate))
    assert (audio.rate, audio.seconds) == (rate, 1)
    found = audio.resampled(16000).samples
    inside = slice(800, -800)  # away from the ends, where the tone stops short
    np.testing.assert_allclose(found[inside], tone(1, 16000)[inside], atol=1e-3)


def test_what_the_lower_rate_cannot_hold_is_gone(tone):
    found = resampled(tone(0.5, 96000, hertz=20000), 96000, 16000)
    assert abs(found[800:-800]).max() < 1e-3


def test_channels_are_mixed_down(tone, write_sound):
    two = np.stack([tone(), 0 * tone()], 1)
    np.testing.assert_allclose(
        read_audio(write_sound("two.wav", two)).samples, tone() / 2, atol=1e-4
    )
    many = np.tile(tone()[:, None], 6)
    np.testing.assert_allclose(read_audio(write_sound("many.wav", many)).samples, tone(), atol=1e-4)


def test_a_part_of_a_file(tone, write_sound):
    path = write_sound("a.wav", subtype="FLOAT")
    part = read_audio(path, start=0.1, end=0.2)
    np.testing.assert_array_equal(part.samples, tone()[800:1600])
    assert read_audio(path, start=0.25).seconds == 0.05
    for start, end in ((0.3, None), (0.2, 0.1), (-0.1, 0.2), (0, 0.5), (0.1, 0.1)):
        with pytest.raises(DataError, match=r"a\.wav: there is no part .* it lasts 0\.30 s"):
            read_audio(path, start=start, end=end)


def test_what_cannot_be_read_is_named(bad_sounds):
    for message, path in bad_sounds.items():
        with pytest.raises(DataError, match=message) as caught:
            read_audio(path)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_cut_off(write_sound, tmp_path):
    whole = write_sound("a.flac", np.random.default_rng(0).uniform(-1, 1, 30000)).read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.flac is damaged"):
        read_audio(tmp_path / "cut.flac")


def test_a_header_that_states_what_cannot_be(write_sound):
    with pytest.raises(DataError, match=r"slow\.wav states an impossible rate, 1 Hz"):
        read_audio(write_sound("slow.wav", rate=1, samples=np.zeros(9)))
    path = write_sound("piped.flac")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # of STREAMINFO, the 36 bits of the number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"piped\.flac does not state how long it is"):
        read_audio(path)


def test_a_file_in_memory(tone, write_sound):
    content = write_sound("a.wav", subtype="FLOAT").read_bytes()
    np.testing.assert_array_equal(read_audio(io.BytesIO(content)).samples, tone())
    with pytest.raises(DataError, match="the audio is not audio that can be read"):
        read_audio(io.BytesIO(b"nothing of the kind"))


def test_samples_out_of_scale_stay_as_they_are(write_sound):
    path = write_sound("loud.wav", np.array([3.0, -2.0], np.float32), subtype="FLOAT")
    assert read_audio(path).samples.tolist() == [3, -2]


@settings(max_examples=20)
@given(
    rates=st.sampled_from([(8000, 16000), (44100, 16000), (96000, 8000), (16000, 16000)]),
    chunks=st.lists(st.integers(0, 3000), max_size=12),
)
def test_resampling_in_chunks_is_resampling_at_once(rates, chunks):
    samples = np.random.default_rng(0).standard_normal(sum(chunks)).astype(np.float32)
    stream = Resampler(*rates)
    parts = [stream.accept(part) for part in np.split(samples, np.cumsum(chunks))]
    parts.append(stream.finish())
    np.testing.assert_array_equal(np.concatenate(parts), resampled(samples, *rates))


def test_a_rate_is_needed():
    with pytest.raises(SettingsError, match="to_rate=0"):
        Audio(np.zeros(9, np.float32), 8000).resampled(0)


def test_without_the_extra_the_error_says_how_to_install_it(write_sound, monkeypatch):
    path = write_sound("a.wav")
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(
        SettingsError, match=r"audio needs soundfile .*pip install 'elman\[audio\]'"
    ):
        read_audio(path)


@pytest.mark.data
def test_real_recordings(dataset_root):
    path = dataset_root / "sp_fsdd" / "recordings" / "7_theo_36.wav"
    audio = read_audio(path)
    whole, rate = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(audio.samples * 32768, whole)
    assert audio.rate == rate == 8000


def test_a_rate_that_would_blow_the_sound_up_is_refused() -> None:
    with pytest.raises(SettingsError, match="from_rate=1: a whole number of samples a second"):
        Resampler(1, 8000)
    assert not Resampler(1, 1).is_resampling
