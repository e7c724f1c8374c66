import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from videos import number_of, ramp, write_video

from elman.data import Clip, FrameCache, read_clips
from elman.errors import DataError, SettingsError


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "a.mp4", ramp(10))


@pytest.fixture
def cache(tmp_path):
    return FrameCache(tmp_path / "cache")


def entries(cache):
    return sorted(cache.folder.glob("*.npy"))


def test_a_clip_is_decoded_once_for_each_format(video, cache, monkeypatch):
    clip = Clip(video)
    found = cache.frames(clip, size=24, grey=True)
    assert isinstance(found, np.memmap)
    assert (found == clip.frames(size=24, grey=True)).all()
    assert (np.load(entries(cache)[0]) == found).all()  # a file that numpy reads, too
    assert torch.from_numpy(found).shape == (10, 24, 24, 1)
    found[:] = 7
    found = cache.frames(clip, size=24, grey=True)
    assert (found == clip.frames(size=24, grey=True)).all()
    monkeypatch.setattr("elman.data.video.cache._write", None)
    again = FrameCache(cache.folder).frames(Clip(video), size=24, grey=True)
    assert (again == found).all()
    monkeypatch.undo()
    for options in ({"size": 25}, {"size": 24}, {"size": 24, "grey": True, "rate": 10}):
        assert (cache.frames(clip, **options) == clip.frames(**options)).all()
    part = Clip(video, 0.1, 0.2)
    assert (cache.frames(part, size=24) == part.frames(size=24)).all()
    assert len(entries(cache)) == 5


def test_a_file_that_has_changed_is_decoded_anew(video, cache):
    assert cache.frames(Clip(video), size=16).shape[0] == 10
    write_video(video, ramp(6))
    assert cache.frames(Clip(video), size=16).shape[0] == 6


def test_a_picture_that_is_added_changes_its_folder(tmp_path, cache):
    for i in range(3):
        folder = tmp_path / "clip"
        folder.mkdir(exist_ok=True)
        Image.fromarray(ramp(3)[i]).save(folder / f"{i}.png")
        assert len(cache.frames(Clip(folder))) == i + 1


@pytest.mark.parametrize("damage", ["cut", "longer", "bit", "header", "empty"])
def test_a_damaged_entry_is_made_anew(video, cache, damage):
    expected = np.array(cache.frames(Clip(video), size=16))
    (path,) = entries(cache)
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[500] ^= 4
    elif damage == "header":
        content[60] = ord("7")
    changed = {"cut": content[:-100], "longer": content + b"x", "empty": b""}.get(damage, content)
    path.write_bytes(changed)
    other = FrameCache(cache.folder)
    assert (other.frames(Clip(video), size=16) == expected).all()
    assert (np.load(path) == expected).all()


def test_what_was_not_used_for_longest_is_removed_first(tmp_path):
    clips = [Clip(np.full((10, 20, 20), i, np.uint8)) for i in range(5)]
    size = 10 * 10 * 10 * 3 + 136
    cache = FrameCache(tmp_path, limit=3 * size)
    for i in (0, 1, 2):
        cache.frames(clips[i], size=10)
    for age, path in enumerate(sorted(entries(cache), key=lambda p: int(np.load(p).max()))):
        os.utime(path, (1000 + age, 1000 + age))
    cache.frames(clips[0], size=10)  # used just now
    cache.frames(clips[3], size=10)
    assert sorted(int(np.load(path).max()) for path in entries(cache)) == [0, 2, 3]
    assert sum(path.stat().st_size for path in entries(cache)) <= cache.limit


def test_what_is_beyond_the_limit_is_told(tmp_path):
    cache = FrameCache(tmp_path, limit=5000)
    with pytest.raises(DataError, match="takes more than the 5,000 bytes of the cache: raise"):
        cache.frames(Clip(ramp(10)), size=16)
    assert list(tmp_path.iterdir()) == []
    clips = read_clips([ramp(3), ramp(4)], labelled=False)
    with pytest.warns(UserWarning, match="take 5,376 bytes, more than the cache's 5,000"):
        prepared = cache.prepare(clips, size=16)
    assert [number_of(frame) for frame in prepared[0]] == [0, 1, 2]
    assert [number_of(frame) for frame in prepared[1]] == [0, 1, 2, 3]
    assert len(entries(cache)) == 1


def test_an_array_as_it_is_wanted_is_not_copied(cache):
    frames = ramp(3)
    assert cache.frames(Clip(frames)) is Clip(frames).array or not entries(cache)
    assert (cache.frames(Clip(frames), size=(48, 64)) == frames).all()
    assert entries(cache) == []


def test_two_processes_fill_one_folder(video, cache):
    code = (
        "import sys; from elman.data import Clip, FrameCache\n"
        "cache = FrameCache(sys.argv[2], limit=60_000)\n"
        "for turn in range(6):\n"
        "    for size in range(8, 40, 4):\n"
        "        clip = Clip(sys.argv[1])\n"
        "        assert (cache.frames(clip, size=size) == clip.frames(size=size)).all()\n"
    )
    command = [sys.executable, "-c", code, str(video), str(cache.folder)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert sum(path.stat().st_size for path in entries(cache)) <= 60_000
    assert {path.suffix for path in cache.folder.iterdir()} <= {".npy"}


def test_many_clips_are_prepared(tmp_path, cache, video):
    for i in range(3):
        write_video(tmp_path / f"clips/k{i % 2}/{i}.mp4", ramp(5 + i))
    clips = read_clips(tmp_path / "clips")
    prepared = cache.prepare(clips, size=16, grey=True)
    assert prepared.lengths == [5, 7, 6]
    assert prepared.shapes[0] == (5, 16, 16, 1)
    assert prepared.nbytes == 18 * 256
    assert [len(frames) for frames in prepared] == [5, 7, 6]
    assert (prepared[-1] == clips.clips[2].frames(size=16, grey=True)).all()
    assert len(prepared[:2]) == 2


def test_clips_without_frames_are_left_out_and_told(tmp_path, cache, video):
    from elman.data import Clips

    clips = Clips([Clip(video), Clip(video, 9.0)], ["a", "b"], None, ["0", "1"], ["0", "1"])
    with pytest.warns(UserWarning, match=r"left out: 1 of 2 clips.*before the start at 9 s"):
        prepared = cache.prepare(clips, size=16)
    assert prepared.clips.labels == ["a"]
    assert list(prepared.clips.left_out) == [1]
    with pytest.raises(DataError, match="no clip can be decoded"):
        cache.prepare(clips.select([1]))


def test_wrong_arguments(cache):
    with pytest.raises(SettingsError, match="limit must be"):
        FrameCache("x", limit=0)
    with pytest.raises(SettingsError, match="a Clip is needed"):
        cache.frames(ramp(3))
    with pytest.raises(SettingsError, match="read_clips"):
        cache.prepare([Clip(ramp(3))])


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FrameCache().folder.name == "frames"
