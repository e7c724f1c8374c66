import resource

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import AcousticFeatures
from elman.errors import SettingsError

KINDS = [
    AcousticFeatures(rate=8000),
    AcousticFeatures(rate=16000, bins=80),
    AcousticFeatures(kind="mfcc", rate=8000),
    AcousticFeatures(kind="mfcc", rate=16000, low=130, high=6800),  # as AN4's
]


@pytest.mark.parametrize("features", KINDS, ids=repr)
@settings(max_examples=15)
@given(chunks=st.lists(st.integers(0, 2000), max_size=10))
def test_online_is_offline(features, chunks):
    samples = np.random.default_rng(0).uniform(-1, 1, sum(chunks)).astype(np.float32)
    stream = features.online()
    parts = [stream.accept(part) for part in np.split(samples, np.cumsum(chunks))]
    parts.append(stream.finish())
    whole = features.offline(samples)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("features", KINDS, ids=repr)
@pytest.mark.parametrize("hundredths", [1, 2, 3, 10, 57, 250])
def test_one_frame_each_hundredth_of_a_second(features, hundredths):
    samples = np.zeros(hundredths * features.rate // 100, np.float32)
    assert features.offline(samples).shape == (hundredths, features.size)
    assert features.frame_seconds == 0.01


def test_a_frame_is_where_the_sound_is():
    click = np.zeros(8000, np.float32)
    click[3640:3644] = 1, -1, 1, -1  # 0.455 s: the centre of frame 45
    loudness = AcousticFeatures(rate=8000).offline(click).mean(1)
    assert loudness.argmax() == 45
    assert (loudness[:44] == loudness[0]).all()
    assert (loudness[47:] == loudness[0]).all()


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_a_tone_is_in_its_bin(tone, hertz):
    features = AcousticFeatures(rate=8000, bins=40)
    found = features.offline(tone(hertz=hertz))[10:-10]
    mel = 1127 * np.log(1 + np.array([20, 4000, hertz]) / 700)
    expected = (mel[2] - mel[0]) / (mel[1] - mel[0]) * 41 - 1  # 40 triangles on 42 even points
    assert abs(found.mean(0).argmax() - expected) <= 1


def test_twice_as_loud_is_log_4_more():
    features = AcousticFeatures(rate=8000)
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, 8000).astype(np.float32)
    more = features.offline(2 * noise) - features.offline(noise)
    np.testing.assert_allclose(more, np.log(4), atol=1e-4)


@pytest.mark.parametrize("features", KINDS, ids=repr)
def test_without_its_loudness_a_sound_is_the_same_loud_and_quiet(features):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 8000).astype(np.float32)
    loud, quiet = features.offline(8 * noise), features.offline(noise)
    assert abs(loud - quiet).max() > 4
    even = features.without_loudness(loud)
    assert (even.shape, even.dtype) == (loud.shape, np.float32)
    np.testing.assert_allclose(even, features.without_loudness(quiet), atol=2e-3)
    np.testing.assert_allclose(features.without_loudness(even), even, atol=1e-4)
    assert even.std() == pytest.approx(loud.std(), rel=0.2)  # nothing else is taken off


def test_cepstra_are_the_cosine_transform_of_log_mel():
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000).astype(np.float32)
    mel = AcousticFeatures(rate=8000, bins=23).offline(noise)
    k, n = np.arange(13)[:, None], np.arange(23)
    basis = np.sqrt(2 / 23) * np.cos(np.pi / 23 * (n + 0.5) * k)
    basis[0] = np.sqrt(1 / 23)
    lifter = 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    expected = mel @ basis.T * lifter
    found = AcousticFeatures(kind="mfcc", rate=8000, bins=23).offline(noise)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_silence_is_finite_and_no_dither_is_added():
    features = AcousticFeatures(rate=8000)
    silence = features.offline(np.zeros(800, np.float32))
    assert np.isfinite(silence).all()
    assert (silence == silence[0, 0]).all()
    noise = np.random.default_rng(0).uniform(-1, 1, 800).astype(np.float32)
    np.testing.assert_array_equal(features.offline(noise), features.offline(noise))


def test_too_little_for_a_frame():
    assert AcousticFeatures(rate=16000).offline(np.zeros(79, np.float32)).shape == (0, 40)
    assert AcousticFeatures(rate=16000).offline(np.zeros(0, np.float32)).shape == (0, 40)


def test_settings_that_cannot_work():
    with pytest.raises(SettingsError, match=r"bins=128, rate=8000"):
        AcousticFeatures(rate=8000, bins=128).online()
    with pytest.raises(SettingsError, match=r"low=5000.0, high=100.0"):
        AcousticFeatures(low=5000, high=100).online()
    with pytest.raises(SettingsError, match=r"kind: .* got 'spectrum'"):
        AcousticFeatures(kind="spectrum")
    with pytest.raises(SettingsError, match="there is no setting window"):
        AcousticFeatures(window=3)


def test_settings_survive_being_saved():
    for features in KINDS:
        assert AcousticFeatures.model_validate(features.model_dump(mode="json")) == features


def test_memory_of_a_stream_does_not_grow():
    stream = AcousticFeatures(rate=8000).online()
    second = np.zeros(8000, np.float32)
    stream.accept(second)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frames = sum(len(stream.accept(second)) for _ in range(600))
    assert frames == 60000  # which would be 10 megabytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3000
