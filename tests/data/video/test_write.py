import numpy as np
import pytest
import torch
from PIL import Image
from videos import number_of, ramp, write_video

from elman.data import Clip, contact_sheet, read_clips, write_clip
from elman.errors import DataError, FileError, SettingsError


def read(path):
    return read_clips(path, labelled=False).clips[0]


def test_arrays_are_kept_whole(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 7, 9, 3), np.uint8)
    write_clip(frames, tmp_path / "a.npz", rate=12.5)
    assert (read(tmp_path / "a.npz").frames() == frames).all()
    assert read(tmp_path / "a.npz").rate == 12.5
    write_clip(torch.full((2, 4, 4), 0.5), tmp_path / "b.npz")
    assert read(tmp_path / "b.npz").frames().max() == 128


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_what_is_written_is_read_again(tmp_path, name):
    path = tmp_path / "new" / name
    write_clip(ramp(20), path, rate=10)
    clip = read(path)
    assert [number_of(frame) for frame in clip.frames()] == list(range(20))
    assert [number_of(frame) for frame in clip.frames(rate=5)] == list(range(0, 20, 2))
    write_clip(ramp(6)[..., 0] / 255, path, rate=10)
    assert [number_of(frame) for frame in clip.frames(grey=True)] == list(range(6))
    assert [each.name for each in path.parent.iterdir()] == [name]


def test_the_times_of_a_gif_add_up(tmp_path):
    write_clip(ramp(30), tmp_path / "a.gif", rate=30)
    with Image.open(tmp_path / "a.gif") as image:
        times = []
        for i in range(image.n_frames):
            image.seek(i)
            times.append(image.info["duration"])
    assert set(times) == {30, 40}
    assert sum(times) == 1000


def test_odd_sides_and_one_frame(tmp_path):
    write_clip(np.full((1, 7, 9, 3), 255, np.uint8), tmp_path / "a.mp4")
    frames = read(tmp_path / "a.mp4").frames()
    assert frames.shape == (1, 8, 10, 3)
    assert frames[0, :6, :8].min() > 240
    write_clip(np.full((1, 7, 9), 255, np.uint8), tmp_path / "a.gif")
    assert read(tmp_path / "a.gif").frames().shape == (1, 7, 9, 3)


def test_a_clip_is_written_at_its_rate(tmp_path):
    write_clip(Clip(ramp(8), rate=4), tmp_path / "a.mp4")
    assert len(read(tmp_path / "a.mp4").frames(rate=4)) == 8


def test_wrong_arguments(tmp_path):
    with pytest.raises(SettingsError, match=r"written as \.gif, \.mp4, \.npz"):
        write_clip(ramp(2), tmp_path / "a.avi")
    with pytest.raises(SettingsError, match="rate must be"):
        write_clip(ramp(2), tmp_path / "a.gif", rate=0)
    with pytest.raises(DataError, match="no frames"):
        write_clip(np.zeros((0, 4, 4)), tmp_path / "a.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError):
        write_clip(ramp(2), tmp_path / "file" / "a.npz")


def test_a_contact_sheet(tmp_path):
    path = write_video(tmp_path / "a.mp4", ramp(30))
    contact_sheet(Clip(path), tmp_path / "sheet.png", count=6, columns=3, height=24)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 24 + 2, 3 * 32 + 4, 3)
    corners = [sheet[r * 26 : r * 26 + 24, c * 34 : c * 34 + 32] for r in (0, 1) for c in range(3)]
    assert [number_of(frame) for frame in corners] == [0, 6, 12, 18, 24, 29]
    contact_sheet(ramp(3), tmp_path / "sheet.png", count=20)
    assert np.asarray(Image.open(tmp_path / "sheet.png")).shape[0] == 120
    with pytest.raises(SettingsError, match="a contact sheet is a"):
        contact_sheet(ramp(3), tmp_path / "sheet.jpg")
    with pytest.raises(SettingsError, match="count=0"):
        contact_sheet(ramp(3), tmp_path / "sheet.png", count=0)
