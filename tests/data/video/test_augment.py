import numpy as np
import pytest
import torch

from elman.data import augmented_clip
from elman.errors import DataError, SettingsError

FRAMES = np.random.default_rng(1).integers(0, 200, (12, 10, 14, 3), np.uint8)
ALL = {"crop": (7, 9), "flip": True, "speed": 0.5, "brightness": 0.3, "reverse": True}


def test_nothing_is_changed_unasked():
    assert augmented_clip(FRAMES, np.random.default_rng(0)) is FRAMES


def test_arrays_and_tensors_change_alike():
    for seed in range(20):
        found = augmented_clip(FRAMES, np.random.default_rng(seed), **ALL)
        again = augmented_clip(FRAMES, np.random.default_rng(seed), **ALL)
        assert (found == again).all()
        assert found.dtype == np.uint8
        assert found.shape[1:] == (7, 9, 3)
        tensor = augmented_clip(torch.from_numpy(FRAMES), np.random.default_rng(seed), **ALL)
        assert tensor.dtype == torch.uint8
        assert (tensor.numpy() == found).all()
        floats = torch.from_numpy(FRAMES).float() / 255
        near = augmented_clip(floats, np.random.default_rng(seed), **ALL)
        assert (near * 255 - tensor).abs().max() <= 0.51


def test_all_frames_are_cut_and_mirrored_at_one_place():
    frames = np.repeat(FRAMES[:1], 6, axis=0)
    places = set()
    for seed in range(30):
        random = np.random.default_rng(seed)
        found = augmented_clip(frames, random, crop=7, flip=True, brightness=0.5)
        assert (found == found[0]).all()
        places.add(found[0].tobytes())
    assert len(places) > 15


def test_speed_changes_the_length_alone():
    frames = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    lengths = set()
    for seed in range(60):
        found = augmented_clip(frames, np.random.default_rng(seed), speed=1.0)[:, 0, 0, 0]
        assert (np.diff(found.astype(int)) >= 0).all()
        assert found[0] <= 1
        assert found[-1] >= 38
        lengths.add(len(found))
    assert 20 <= min(lengths) < 25
    assert 70 < max(lengths) <= 80
    assert len(augmented_clip(frames[:1], np.random.default_rng(0), speed=9.0)) >= 1


def test_half_are_reversed():
    frames = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    random = np.random.default_rng(0)
    firsts = [int(augmented_clip(frames, random, reverse=True)[0, 0, 0, 0]) for _ in range(400)]
    assert set(firsts) == {0, 4}
    assert 160 < firsts.count(4) < 240


def test_white_stays_white():
    white = np.full((2, 3, 3, 1), 255, np.uint8)
    for seed in range(10):
        found = augmented_clip(white, np.random.default_rng(seed), brightness=1.0)
        assert found.min() >= 127


def test_wrong_arguments():
    random = np.random.default_rng(0)
    for options, message in (
        ({"crop": 11}, "the frames are 10 x 14"),
        ({"crop": "x"}, "crop='x'"),
        ({"flip": 1}, "flip=1"),
        ({"reverse": None}, "reverse=None"),
        ({"speed": -1}, "speed must be"),
        ({"brightness": "x"}, "brightness must be"),
    ):
        with pytest.raises(SettingsError, match=message):
            augmented_clip(FRAMES, random, **options)
    with pytest.raises(SettingsError, match="random=0"):
        augmented_clip(FRAMES, 0)
    with pytest.raises(DataError, match="T, H, W, C"):
        augmented_clip(FRAMES[0], random)
    with pytest.raises(DataError, match="no frames"):
        augmented_clip(FRAMES[:0], random)
