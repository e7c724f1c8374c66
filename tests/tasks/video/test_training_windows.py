import numpy as np
import pytest
import torch

from elman.data import Clip
from elman.tasks.video.balance import brightness_weights
from elman.tasks.video.matching import matched
from elman.tasks.video.settings import VideoSettings
from elman.tasks.video.start_forecast import start_of
from elman.tasks.video.training_windows import TrainingWindows
from elman.tasks.video.windows import Window, Windows


def gradient(count: int, height: int, width: int) -> np.ndarray:
    """A slope whose brightness tells the column, moving a pixel to the right a frame."""
    columns = np.arange(width)[None, None] - np.arange(count)[:, None, None] + 20
    return np.broadcast_to(columns, (count, height, width)).astype(np.uint8)[..., None]


def batch(**settings: object) -> Window:
    known = {"inputs": 3, "horizon": 2, "batch_size": 6, "size": "40x60", **settings}
    frames = gradient(8, 40, 60)
    valid = np.ones((40, 60), bool)
    valid[:20] = False
    windows = Windows([frames], [Clip(frames, valid=valid)], VideoSettings(**known))
    return next(iter(TrainingWindows(windows).epoch(0)))


@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_windows_are_cut_out(zoom: float) -> None:
    found = batch(crop=16, zoom=zoom, flow=False)
    assert found.inputs.shape == (3, 6, 1, 16, 16)
    assert found.targets.shape == (2, 6, 1, 16, 16)
    known = found.weight[0] > 0
    slope = (
        255
        * (found.inputs[0, ..., 1:] - found.inputs[0, ..., :-1])[known[..., 1:] & known[..., :-1]]
    )
    if zoom == 1:
        torch.testing.assert_close(slope, torch.ones_like(slope), atol=1e-3, rtol=0)
    else:
        assert slope.max() > 1.1
        assert slope.min() > 0.99
        assert slope.max() < 2.01
    assert 0 < found.weight.mean() < 1
    assert (found.targets[found.weight > 0] > 0).all()


def test_along_the_flow_all_frames_are_alike() -> None:
    whole = batch(flow=True)
    assert whole.inputs.shape[3:] == (40, 60)
    known = whole.weight[0, :, :, 25:35, 15:45]
    assert (known == 1).all()
    frames = 255 * torch.cat([whole.inputs, whole.targets])[..., 25:35, 15:45]
    torch.testing.assert_close(frames, frames[2:3].expand_as(frames), atol=0.5, rtol=0)
    at_rest = 255 * torch.cat([batch(flow=False).inputs])[..., 25:35, 15:45]
    assert (at_rest[0] - at_rest[2]).mean() == pytest.approx(2, abs=1e-3)


def test_epochs_can_be_begun_in_the_middle() -> None:
    frames = gradient(8, 40, 60)
    settings = VideoSettings(inputs=3, horizon=2, batch_size=2, crop=16, flow=True)
    windows = TrainingWindows(Windows([frames], [Clip(frames)], settings))
    assert len(windows.places) == 2 * 3 * 4
    whole, rest = list(windows.epoch(3)), list(windows.epoch(3, 4))
    assert len(whole) == len(windows) == len(rest) + 4
    for a, b in zip(whole[4:], rest, strict=True):
        assert torch.equal(a.inputs, b.inputs)


def test_weights_follow_the_frequencies() -> None:
    frames = np.zeros((2, 10, 10, 1), np.uint8)
    frames[:, 0] = 250
    valid = np.ones((2, 10, 10), bool)
    valid[:, 5:] = False  # 40 dark pixels stay, and 10 bright ones
    assert brightness_weights([frames], [valid], 0) is None
    weights = brightness_weights([frames], [valid], 1.0)
    assert weights is not None
    assert weights[250] / weights[0] == pytest.approx(4)
    assert weights[100] / weights[0] == pytest.approx(30)  # never met, and limited
    assert (10 * weights[250] + 40 * weights[0]) / 50 == pytest.approx(1)


def test_matched_frames_keep_their_order_and_have_the_values_of_the_reference() -> None:
    frames, reference = torch.rand(2, 3, 2, 5, 6), torch.rand(2, 3, 2, 5, 6)
    known = torch.ones(3, 1, 5, 6)
    known[:, :, 0] = 0
    found = matched(frames, reference, known)
    assert torch.equal(found[..., 0, :], frames[..., 0, :])
    a, b, c = (each[..., 1:, :].flatten(3) for each in (found, reference, frames))
    assert torch.equal(a.sort(-1).values, b.sort(-1).values)
    assert torch.equal(a.argsort(-1), c.argsort(-1))


def test_the_start_is_chosen_by_the_data() -> None:
    random = np.random.default_rng(0)
    settings = VideoSettings(inputs=3, horizon=2, size="40x60")
    moving = gradient(8, 40, 60)
    texture = random.integers(0, 255, (8, 12), np.uint8).repeat(5, 0).repeat(5, 1)
    moving = np.stack([np.roll(texture, 2 * t, 1) for t in range(8)])
    still = np.repeat(texture[None], 8, 0)
    noise = random.integers(0, 255, (8, 40, 60)).astype(np.uint8)
    found = {
        name: start_of([Clip(each)], settings)
        for name, each in {"moving": moving, "still": still, "noise": noise}.items()
    }
    assert found == {"moving": (True, True), "still": (True, False), "noise": (False, False)}
