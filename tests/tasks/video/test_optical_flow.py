import numpy as np
import pytest
import torch
from torch import Tensor

from elman.tasks.video.optical_flow import extrapolated, grid, optical_flow, paths, timeline


def waves(count: int, dy: float, dx: float, height: int = 60, width: int = 80) -> Tensor:
    """Waves of several lengths that move by (dy, dx) pixels a frame, (count, 1, H, W)."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(float)
    whole = np.zeros((count, height, width))
    for _ in range(12):
        a, b, phase = random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3), random.uniform(0, 6)
        for t in range(count):
            whole[t] += np.sin(a * (y - dy * t) + b * (x - dx * t) + phase)
    return torch.from_numpy((whole / 24 + 0.5).astype(np.float32))[:, None]


@pytest.mark.parametrize(("dy", "dx"), [(0.0, 0.0), (1.0, -0.5), (-3.0, 4.5)])
def test_motion_of_the_whole_is_found(dy: float, dx: float) -> None:
    frames = waves(4, dy, dx)
    flow = optical_flow(frames, torch.ones_like(frames))
    assert flow.shape == (1, 2, 60, 80)
    inner = flow[0, :, 15:-15, 15:-15]
    assert (inner - torch.tensor([dy, dx]).view(2, 1, 1)).abs().max() < 0.15


def test_each_of_a_batch_moves_on_its_own() -> None:
    frames = torch.cat([waves(3, 1, 0), waves(3, 0, -2)], 1)
    both = optical_flow(frames, torch.ones_like(frames))
    for i in range(2):
        alone = optical_flow(frames[:, i : i + 1], torch.ones_like(frames[:, :1]))
        torch.testing.assert_close(both[i : i + 1], alone, atol=1e-4, rtol=1e-4)


def test_the_edge_of_the_data_does_not_hold_motion() -> None:
    frames = waves(4, 0, 2)
    valid = torch.ones_like(frames)
    valid[..., :30] = 0
    flow = optical_flow(frames * valid, valid)[0, :, 15:-15, 32:-15]
    assert (flow[1] - 2).abs().max() < 0.2
    seen_as_black = optical_flow(frames * valid, torch.ones_like(frames))[0, :, 15:-15, 32:-15]
    assert (seen_as_black[1] - 2).abs().max() > 0.5


def test_black_frames_do_not_move() -> None:
    frames = torch.zeros(3, 1, 40, 40)
    assert (optical_flow(frames, torch.ones_like(frames)) == 0).all()


def test_extrapolation_moves_the_last_frame() -> None:
    frame = torch.rand(1, 1, 1, 20, 30)
    flow = torch.tensor([1.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 20, 30)
    found = extrapolated(frame.expand(3, -1, -1, -1, -1), flow)
    for lead in (1, 2, 3):
        actual = frame[0, 0, 0, :-lead, 2 * lead :]
        torch.testing.assert_close(
            found[lead - 1, 0, 0, lead:, : -2 * lead], actual, atol=1e-5, rtol=0
        )
    for row in found[2, 0, 0, :3, :-6]:  # what comes in is like the edge
        torch.testing.assert_close(row, frame[0, 0, 0, 0, 6:], atol=1e-5, rtol=0)


def test_paths_go_back_and_forth() -> None:
    y, x = np.mgrid[:40, :40].astype(np.float32) / 40
    flow = torch.from_numpy(np.stack([np.sin(3 * x), np.cos(2 * y)]))[None]
    here = grid(torch.Size((10, 10)), flow, (15, 15)).unsqueeze(0)
    later = paths(flow, 4, here)
    torch.testing.assert_close(paths(flow, -4, later[-1])[-1], here, atol=0.2, rtol=0)
    whole = timeline(flow, 3, 4, here)
    assert whole.shape == (7, 1, 2, 10, 10)
    torch.testing.assert_close(whole[2], here)
    torch.testing.assert_close(whole[3:], later)
    torch.testing.assert_close(whole[0], paths(flow, -2, here)[-1])
