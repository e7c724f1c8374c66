import numpy as np
import pytest

from elman.data import mnist_digits, moving_digits, read_clips, read_examples
from elman.errors import DataError, SettingsError

SQUARE = np.full((1, 28, 28), 255, np.uint8)


def corner(frame):
    rows, columns = np.nonzero(frame)
    return int(rows.min()), int(columns.min())


def test_a_digit_goes_straight_and_bounces():
    for clip in moving_digits(SQUARE, 20, per_clip=1, frames=60):
        places = np.array([corner(frame) for frame in clip])
        assert ((clip > 0).sum((1, 2)) == 784).all()
        assert places.min() >= 0
        assert places.max() <= 36
        steps = np.diff(places, axis=0)
        assert np.abs(steps).max() <= 4  # 3.6 pixels a frame and rounding
        turns = np.diff(np.sign(steps), axis=0) != 0
        at_edge = (places[1:-1] <= 4) | (places[1:-1] >= 32)
        straight = np.abs(np.diff(steps, axis=0)) > 1
        assert (at_edge | ~straight)[turns | ~turns].all()
        assert (places.max(0) >= 32).any() or (places.min(0) <= 4).any()


def test_the_speed_is_that_of_the_field():
    clips = moving_digits(SQUARE, 50, per_clip=1, frames=2, size=128, speed=0.1)
    places = np.array([[corner(frame) for frame in clip] for clip in clips])
    ways = np.hypot(*np.moveaxis(np.diff(places, axis=1)[:, 0], -1, 0))
    assert np.median(ways) == pytest.approx(10, abs=0.7)


def test_the_seed_tells_the_clips():
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    assert (moving_digits(digits, 3, seed=1) == moving_digits(digits, 3, seed=1)).all()
    assert (moving_digits(digits, 3, seed=1) != moving_digits(digits, 3, seed=2)).any()


def test_where_digits_meet_the_brighter_is_seen():
    digits = np.array([[[100]], [[200]]], np.uint8)
    clips = moving_digits(digits, 40, per_clip=2, frames=3, size=1, speed=0.5)
    assert set(np.unique(clips)) == {100, 200}


def test_wrong_arguments():
    with pytest.raises(DataError, match="uint8"):
        moving_digits(np.zeros((1, 8, 8)), 1)
    with pytest.raises(SettingsError, match="size=8: the digits are 28 x 28"):
        moving_digits(SQUARE, 1, size=8)
    with pytest.raises(SettingsError, match="count=0"):
        moving_digits(SQUARE, 0)
    with pytest.raises(SettingsError, match="speed must be"):
        moving_digits(SQUARE, 1, speed=2)
    with pytest.raises(SettingsError, match="split='all'"):
        mnist_digits("all")


@pytest.mark.data
def test_the_figures_of_simple_forecasts(dataset_root):
    """Squared error summed over a frame, ten frames in and ten out, of the digits held out."""
    digits, labels = mnist_digits("test")
    assert digits.shape == (2000, 28, 28)
    assert len(labels) == 2000
    clips = moving_digits(digits, 1000) / np.float32(255)
    past, future = clips[:, :10], clips[:, 10:]

    def error(forecast):
        return float(((future - forecast) ** 2).sum((2, 3)).mean())

    assert error(past[:, -1:]) == pytest.approx(300.8, rel=0.03)  # persistence
    assert error(0) == pytest.approx(184.0, rel=0.03)
    assert error(past.mean((0, 1))) == pytest.approx(160.7, rel=0.03)


@pytest.mark.data
def test_the_datasets(dataset_root):
    train = read_clips("vid_mnist_digits:train")
    assert (len(train), train.labels[:3]) == (8000, ["7", "2", "1"])
    moving = read_clips("vid_mnist_digits/moving:test", labelled=False)
    assert (len(moving), moving.clips[0].frames(grey=True).shape) == (300, (20, 64, 64, 1))
    events = [read_clips(f"vid_radar_fmi:{split}", labelled=False) for split in ("train", "test")]
    for clips in events:
        (clip,) = clips
        assert clip.array.shape == (40, 613, 380, 1)
        assert clip.array.max() < 255
        assert 0.7 < clip.valid.mean() < 0.8
    shares = [float((clips.clips[0].array >= 104).mean()) for clips in events]
    assert shares == pytest.approx([0.10, 0.015], abs=0.005)  # of pixels at 20 dBZ or more
    train, test = (read_examples(f"vid_hand_point_history:{part}") for part in ("train", "test"))
    assert train.inputs[0].shape == (16, 2)
    assert test.classes == ["Clockwise", "Counter Clockwise", "Move", "Stop"]
    lines = [{int(name.rsplit(":")[-1]) for name in part.names} for part in (train, test)]
    assert min(abs(a - b) for a in lines[0] for b in lines[1] if abs(a - b) < 40) >= 16
