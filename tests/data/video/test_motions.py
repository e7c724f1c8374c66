import numpy as np
import pytest

from elman.data import Ink, mnist_digits, motion_clips, pen_tip
from elman.data.video.motions import MOTIONS, _course
from elman.errors import DataError, SettingsError

SQUARE = np.full((1, 12, 12), 255, np.uint8)


def middles(clip):
    """The middle of the bright pixels of each frame, (T, 2), row first."""
    return np.array([np.mean(np.nonzero(frame), axis=1) for frame in clip])


def test_each_motion_is_what_its_label_says():
    clips, labels = motion_clips(SQUARE, 80, size=40)
    assert labels[:8] == list(MOTIONS)
    for clip, label in zip(clips, labels, strict=True):
        steps = np.diff(middles(clip), axis=0)
        areas = (clip > 0).sum((1, 2))
        match label:
            case "left" | "right" | "up" | "down":
                axis, sign = {"left": (1, -1), "right": (1, 1), "up": (0, -1), "down": (0, 1)}[
                    label
                ]
                assert (np.sign(steps[:, axis]) == sign).all()
                assert (steps[:, 1 - axis] == 0).all()
            case "grow" | "shrink":
                assert (np.diff(areas) * (1 if label == "grow" else -1) >= 0).all()
                assert areas.max() > 2 * areas.min()
            case _:
                y, x = (middles(clip) - 19.5).T
                turns = x[:-1] * y[1:] - y[:-1] * x[1:]
                # y is downwards: a positive turn is clockwise for who looks at it
                assert (np.sign(turns) == (1 if label == "clockwise" else -1)).all()


@pytest.mark.parametrize(("one", "other"), [*zip(MOTIONS[::2], MOTIONS[1::2], strict=True)])
def test_a_motion_backwards_is_another_one(one, other):
    for seed in range(5):
        places, scales = _course(one, 9, np.random.default_rng(seed))
        back, small = _course(other, 9, np.random.default_rng(seed))
        assert (places[::-1] == back).all()
        assert (scales[::-1] == small).all()


def test_the_tip_of_a_pen():
    ink = Ink.of_strokes([[(0, 0), (0, 10), (0, 20)], [(10, 10), (20, 10)]])
    frames = pen_tip(ink, size=25)
    assert frames.shape == (6, 25, 25)
    assert frames.max((1, 2)).tolist() == [255, 255, 255, 0, 255, 255]
    places = [np.unravel_index(frame.argmax(), frame.shape) for frame in frames]
    assert [tuple(map(int, place)) for place in places] == [
        (2, 2),
        (12, 2),
        (22, 2),
        (0, 0),
        (12, 12),
        (12, 22),
    ]
    assert pen_tip(ink, frames=3).shape == (3, 32, 32)
    assert pen_tip(Ink.of_strokes([[(5, 5)]]), size=9)[0].argmax() == 4 * 9 + 4


def test_wrong_arguments():
    with pytest.raises(DataError, match="no points"):
        pen_tip(Ink.of_strokes([]))
    with pytest.raises(SettingsError, match="an Ink is needed"):
        pen_tip([(0, 0)])
    with pytest.raises(SettingsError, match="size=3"):
        pen_tip(Ink.of_strokes([[(0, 0)]]), size=3)
    with pytest.raises(SettingsError, match="size=14: digits of 12 x 12"):
        motion_clips(SQUARE, 8, size=14)
    with pytest.raises(DataError, match="uint8"):
        motion_clips(SQUARE / 255, 8)
    with pytest.raises(SettingsError, match="frames=1"):
        motion_clips(SQUARE, 8, frames=1)


@pytest.mark.data
def test_of_real_digits(dataset_root):
    digits, _ = mnist_digits("test")
    clips, labels = motion_clips(digits, 16)
    assert clips.shape == (16, 12, 48, 48)
    assert (clips.max((2, 3)) > 100).all()
    assert labels.count("up") == 2
