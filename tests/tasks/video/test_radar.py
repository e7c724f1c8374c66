import pytest
import torch

from elman.data import read_clips
from elman.tasks.video.frame_metrics import frame_metrics
from elman.tasks.video.settings import VideoSettings
from elman.tasks.video.start_forecast import FLOW, LAST, simple
from elman.tasks.video.windows import Windows


@pytest.mark.data
@pytest.mark.usefixtures("dataset_root")
def test_rain_is_extrapolated_better_than_by_block_matching() -> None:
    """One window of an event of rain, whose mean of three was 0.00781 and 0.272 that way."""
    (clip,) = read_clips("vid_radar_fmi:test", labelled=False).clips
    assert clip.array is not None
    windows = Windows([clip.array], [clip], VideoSettings())
    window = windows.at_rest([windows.places()[1]])
    found = {
        name: frame_metrics(frames, window.targets, window.weight, (104.0,))
        for name, frames in simple(window).items()
        if name in (LAST, FLOW)
    }
    assert found[FLOW]["pixel_mse"] < 0.00781 < found[LAST]["pixel_mse"]
    assert found[FLOW]["csi_104"] > 0.272 > found[LAST]["csi_104"]
    assert torch.isfinite(torch.tensor(list(found[FLOW].values()))).all()
