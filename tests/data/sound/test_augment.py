import numpy as np
import pytest
import torch

from elman.data import at_speed, spec_augment, with_noise
from elman.errors import SettingsError


def test_masks_are_bands_and_stretches():
    torch.manual_seed(0)
    features = torch.ones(60, 200, 40)
    lengths = torch.full((200,), 60)
    lengths[::2] = 30
    masked = spec_augment(features, lengths, widest=0.25, longest=0.2)
    assert masked.shape == features.shape
    assert set(masked.unique().tolist()) == {0, 1}
    for b, length in enumerate(lengths.tolist()):
        hidden = masked[:length, b] == 0
        steps, bins = hidden.all(1), hidden.all(0)
        assert (hidden == (steps[:, None] | bins)).all()
        assert steps.sum() <= 2 * 0.2 * length
        assert bins.sum() <= 2 * 10
    share = (masked[:30] == 0).float().mean(2)
    assert 0.1 < float(share.mean()) < 0.5
    assert len({tuple(row.tolist()) for row in share.T}) > 150  # each sequence has its own
    assert (features == 1).all()


def test_masks_of_one_sequence_and_none():
    torch.manual_seed(0)
    one = torch.ones(50, 40)
    assert spec_augment(one).shape == one.shape
    assert (spec_augment(one) == 0).any()
    assert torch.equal(spec_augment(one, bin_masks=0, step_masks=0), one)
    assert torch.equal(spec_augment(one, widest=0, longest=0), one)
    assert (spec_augment(one, bin_masks=0, step_masks=9, longest=1) == 0).all(1).any()
    with pytest.raises(SettingsError, match="longest must be a number from 0 to 1"):
        spec_augment(one, longest=2)


def test_every_place_is_masked_alike():
    torch.manual_seed(0)
    masked = spec_augment(torch.ones(1, 20000, 40), bin_masks=1, widest=0.25, step_masks=0)
    share = (masked[0] == 0).float().mean(0)
    inner = share[10:-10]  # a band cannot reach beyond the edges
    assert float(inner.max() - inner.min()) < 0.02
    assert 0.1 < float(inner.mean()) < 0.2


def test_masks_do_not_stop_the_gradient():
    features = torch.ones(20, 3, 8, requires_grad=True)
    masked = spec_augment(features)
    masked.sum().backward()
    assert torch.equal(features.grad, masked.detach())


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.0, 1.1, 1.25])
def test_faster_is_shorter_and_higher(tone, factor):
    found = at_speed(tone(1.0, hertz=400), 8000, factor)
    assert len(found) == pytest.approx(8000 / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(found))
    assert spectrum.argmax() * 8000 / len(found) == pytest.approx(400 * factor, abs=2)


def test_speeds_that_cannot_be(tone):
    for factor in (0, -1, 10, float("nan")):
        with pytest.raises(SettingsError, match="factor must be a number"):
            at_speed(tone(), 8000, factor)


@pytest.mark.parametrize("decibels", [0, 10, 30])
def test_noise_is_as_loud_as_asked_for(tone, decibels):
    random = np.random.default_rng(0)
    sound = tone(1.0, size=0.1)
    hum = tone(0.1, hertz=50)
    for noise in (None, hum):
        added = with_noise(sound, decibels, random, noise).astype(np.float64) - sound
        ratio = 10 * np.log10((sound.astype(np.float64) ** 2).mean() / (added**2).mean())
        assert ratio == pytest.approx(decibels, abs=0.1)


def test_noise_without_sound_and_sound_without_noise(tone):
    random = np.random.default_rng(0)
    assert not with_noise(np.zeros(100, np.float32), 10, random).any()
    np.testing.assert_array_equal(with_noise(tone(), 10, random, np.zeros(7, np.float32)), tone())
    assert abs(with_noise(tone(size=1.0), -20, random)).max() == 1
