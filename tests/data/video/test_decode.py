import sys
import warnings
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from videos import number_of, ramp, turned, write_tone, write_video

from elman.data import Clip, decoded
from elman.data.video.decode import Timed, facts_of, has_picture, steady
from elman.errors import DataError, SettingsError

CONTAINERS = [
    ("clip.mp4", "mpeg4", "yuv420p"),
    ("clip.mov", "libx264", "yuv420p"),
    ("clip.avi", "mpeg4", "yuv420p"),
    ("clip.mkv", "libx264", "yuv420p"),
    ("clip.webm", "libvpx", "yuv420p"),
    ("clip.gif", "gif", "gray"),
    ("clip.mpg", "mpeg1video", "yuv420p"),
    ("full range.avi", "mjpeg", "yuvj420p"),
]


def numbers(frames):
    return [number_of(frame) for frame in frames]


@pytest.mark.parametrize(("name", "codec", "layout"), CONTAINERS)
def test_every_container_gives_its_frames_in_order(tmp_path, name, codec, layout):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    rate = 25  # 0.04 s, which GIF can hold
    path = write_video(tmp_path / name, codec=codec, layout=layout, rate=rate)
    frames = Clip(path).frames()
    assert frames.shape == (30, 48, 64, 3)
    assert frames.dtype == np.uint8
    assert numbers(frames) == list(range(30))
    assert numbers(Clip(path).frames(rate=rate)) == list(range(30))
    assert numbers(Clip(path).frames(rate=5)) == [0, 5, 10, 15, 20, 25]
    assert numbers(Clip(path, 0.4, 0.6).frames()) == [10, 11, 12, 13, 14]
    assert numbers(Clip(path, 0.41, 0.8).frames(rate=10)) == [10, 12, 15, 17]
    assert numbers(decoded(path, start=0.8, rate=12.5)) == [20, 22, 24, 26, 28]


def test_colours_and_brightness_are_kept(tmp_path):
    frames = np.zeros((5, 32, 32, 3), np.uint8)
    frames[..., 0], frames[:, :16, :, 1] = 200, 100
    path = write_video(tmp_path / "a.mkv", frames, codec="ffv1", layout="bgr0")
    assert (Clip(path).frames() == frames).all()
    grey = Clip(path).frames(grey=True)
    assert grey.shape == (5, 32, 32, 1)
    assert abs(int(grey[0, 0, 0, 0]) - (0.299 * 200 + 0.587 * 100)) <= 1
    assert (Clip(frames).frames(grey=True) == Clip(path).frames(grey=True)).all() or (
        np.abs(Clip(frames).frames(grey=True).astype(int) - grey).max() <= 1
    )


def test_a_file_and_an_array_come_to_a_size_alike(tmp_path):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 6, 8, 3), np.uint8)
    frames = coarse.repeat(8, axis=1).repeat(8, axis=2)
    path = write_video(tmp_path / "a.mkv", frames, codec="ffv1", layout="bgr0")
    for size, fit in (((24, 32), "resize"), ((12, 8), "resize"), (24, "crop"), (24, "letterbox")):
        ours = Clip(frames).frames(size=size, fit=fit).astype(int)
        theirs = Clip(path).frames(size=size, fit=fit).astype(int)
        assert np.abs(ours - theirs).max() <= 2, (size, fit)


def test_parts_of_a_long_group_of_pictures(tmp_path):
    """One key frame alone: to begin later, all before must be decoded."""
    options = {"g": "1000", "keyint": "1000"}
    path = write_video(tmp_path / "a.mp4", codec="libx264", options=options)
    assert numbers(Clip(path, 0.7).frames()) == list(range(21, 30))
    assert numbers(Clip(path, 0.71, 0.72).frames()) == [21]  # shown from 0.7 s to 0.733 s
    assert numbers(Clip(path, 0.71, 0.72).frames(rate=30)) == [21]


def test_uneven_times_become_steady(tmp_path):
    times = [0.0, 0.1, 0.2, 1.0, 1.05, 1.1, 2.0]
    path = write_video(tmp_path / "a.mkv", ramp(7), codec="libx264", times=times)
    assert numbers(Clip(path).frames()) == list(range(7))
    at_ten = numbers(Clip(path).frames(rate=10))
    assert at_ten[:20] == [0, 1, *[2] * 8, 3, *[5] * 9]
    assert at_ten[20:] == [6] * len(at_ten[20:])
    assert numbers(Clip(path, 0.5, 1.08).frames(rate=20)) == [2] * 10 + [3, 4]


def test_a_part_before_the_first_frame_is_that_frame():
    shown = [Timed(3.0, 0.1, "a"), Timed(3.1, 0.1, "b")]
    assert list(steady(shown, None, 0.0, 1.0)) == ["a"]
    assert list(steady(shown, 2, 0.0, 1.0)) == ["a", "a"]
    assert list(steady([], 2, 0.0, 1.0)) == []


def test_steady_takes_the_nearest_earlier_frame():
    shown = [Timed(i / 30, 1 / 30, i) for i in range(60)]
    for rate in (0.7, 1, 7, 24, 30, 60, 99.5):
        for start, end in ((0.0, None), (0.35, 1.2), (0.0, 0.01)):
            moments = start + np.arange(10_000) / rate
            stop = 2.0 if end is None else end
            moments = moments[moments < stop - 1e-9]
            expected = np.minimum((moments * 30 + 1e-6).astype(int), 59).tolist()
            found = list(steady(iter(shown), rate, start, end))
            near = [abs(a - b) <= 1 for a, b in zip(found, expected, strict=False)]
            assert all(near)
            assert abs(len(found) - len(expected)) <= 1
            exact = sum(a == b for a, b in zip(found, expected, strict=False))
            assert exact >= 0.95 * len(expected) - 1, (rate, start, end)


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((1, 0, 0, 1), lambda a: a),
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),  # a quarter to the right
        ((0, -1, 1, 0), lambda a: np.rot90(a, 1)),
        ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda a: a.transpose(1, 0, 2)),
    ],
)
def test_the_turn_that_a_camera_noted_is_applied(tmp_path, matrix, turn):
    path = write_video(tmp_path / "a.mp4", ramp(3))
    plain = Clip(path).frames()[0]
    path = turned(path, matrix)
    assert (Clip(path).frames()[0] == turn(plain)).all()
    expected = turn(plain).shape[0] * 2, turn(plain).shape[1]
    assert Clip(path).frames(size=expected).shape[1:3] == expected
    small = Clip(path).frames(size=(20, 30), fit="letterbox", grey=True)[0]
    other = Clip(turn(plain)[None]).frames(size=(20, 30), fit="letterbox", grey=True)[0]
    assert np.abs(small.astype(int) - other).mean() < 6


def test_alpha_is_seen_over_black(tmp_path):
    frames = np.full((3, 16, 16, 4), 200, np.uint8)
    frames[:, :8, :, 3], frames[:, 8:, :, 3] = 0, 255
    path = write_video(tmp_path / "a.mov", frames, codec="png", layout="rgba")
    assert (Clip(path).frames()[:, :8] == 0).all()
    assert (Clip(path).frames()[:, 8:] == 200).all()
    assert (Clip(path).frames(grey=True)[:, 8:] == 200).all()
    frames[..., 3] = 128
    assert (Clip(frames).frames() == 100).all()


def test_more_than_eight_bits(tmp_path):
    path = write_video(tmp_path / "a.mkv", ramp(4), codec="ffv1", layout="yuv420p10le")
    assert numbers(Clip(path).frames()) == [0, 1, 2, 3]


def test_sound_is_ignored(tmp_path):
    path = write_video(tmp_path / "a.mp4", sound=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbers(Clip(path).frames()) == list(range(30))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.webm"])
def test_a_file_that_is_cut_off_is_used_up_to_there(tmp_path, name):
    rng = np.random.default_rng(0)
    frames = ramp(30, 96, 128)
    frames[:, 60:70] = rng.integers(0, 256, (30, 10, 128, 3))
    codec = {"a.avi": "mpeg4", "a.webm": "libvpx"}.get(name, "libx264")
    options = {"movflags": "faststart"} if name == "a.mp4" else {}
    path = write_video(tmp_path / name, frames, codec=codec, options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.warns(UserWarning, match=r"a\.\w+: \d+ frames read, up to .* s.*: it is") as told:
        found = numbers(Clip(path).frames())
    assert found == list(range(len(found)))
    assert 10 <= len(found) < 25
    assert f"{len(found)} frames read" in str(told[0].message)


def test_a_fault_in_the_middle_ends_the_clip(tmp_path):
    rng = np.random.default_rng(0)
    frames = ramp(30, 96, 128)
    frames[:, 60:70] = rng.integers(0, 256, (30, 10, 128, 3))
    path = write_video(tmp_path / "a.mp4", frames, codec="libx264")
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 4000] = bytes(4000)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"frames read.*it is damaged there"):
        found = numbers(Clip(path).frames())
    assert found == list(range(len(found)))
    assert 5 <= len(found) < 25


@pytest.mark.filterwarnings("ignore:.*frames read")
@pytest.mark.parametrize(("name", "codec", "layout"), CONTAINERS)
def test_cut_off_anywhere(tmp_path, name, codec, layout):
    """Frames up to there, or a clear error: nothing else."""
    path = write_video(tmp_path / name, codec=codec, layout=layout, rate=25)
    content = path.read_bytes()
    for share in np.linspace(0.01, 0.99, 14):
        path.write_bytes(content[: int(len(content) * share)])
        for start in (0.0, 0.4):
            try:
                found = np.array(numbers(Clip(path, start).frames()))
            except DataError:
                continue
            # At the cut a frame between two others may be missing, or half of one be drawn.
            assert (np.diff(found) >= 0).all()
            assert np.abs(found - round(start * 25) - np.arange(len(found))).max() <= 3


def test_what_is_no_video_is_told(tmp_path):
    cases = {
        "text.mp4": (b"no video at all, whatever its name\n" * 40, "not a video that can be read"),
        "empty.mp4": (b"", "is empty"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name} .*{message}"):
            Clip(tmp_path / name).frames()
    with pytest.raises(DataError, match=r"a\.mp4 holds sound alone"):
        Clip(write_tone(tmp_path / "a.mp4")).frames()
    with pytest.raises(DataError, match="no such file: nowhere"):
        Clip("nowhere.mp4").frames()
    with pytest.raises(DataError, match="holds no pictures"):
        Clip(tmp_path).frames()
    cut = write_video(tmp_path / "cut.mp4")  # its index stands at its end
    cut.write_bytes(cut.read_bytes()[:-1500])
    with pytest.raises(DataError, match=r"cut\.mp4 "):
        Clip(cut).frames()
    assert not has_picture(tmp_path / "a.mp4")


def test_a_part_after_the_end(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=r"a\.mp4 ends .*before the start at 5 s"):
        Clip(path, 5.0).frames()
    with pytest.raises(DataError, match="ends before the start at 5 s"):
        Clip(ramp(), 5.0, rate=30).frames()
    assert numbers(Clip(path, 0.9, 7.0).frames(rate=30)) == [27, 28, 29]


def test_wrong_arguments():
    clip = Clip(ramp(3))
    for options, message in (
        ({"rate": 0}, "rate must be a number"),
        ({"rate": float("nan")}, "rate must be a number"),
        ({"size": 0}, "size=0"),
        ({"size": (4, 5, 6)}, "size="),
        ({"size": 99999}, "size=99999"),
        ({"grey": 1}, "grey=1"),
        ({"fit": "pad"}, "fit='pad': resize, crop, letterbox"),
    ):
        with pytest.raises(SettingsError, match=message):
            clip.frames(**options)
    with pytest.raises(SettingsError, match="end=1"):
        Clip(ramp(3), 2.0, 1.0)
    with pytest.raises(SettingsError, match="start must be"):
        Clip(ramp(3), -1.0)
    with pytest.raises(DataError, match="the part of pictures without a rate"):
        Clip(ramp(3), 0.1).frames()


def test_large_and_long_ones_take_bounded_memory(tmp_path):
    frames = np.zeros((2, 2160, 3840, 3), np.uint8)
    frames[:, :, 1920:] = 255
    path = write_video(tmp_path / "4k.mp4", frames)
    small = Clip(path).frames(size=(90, 160), grey=True)
    assert small.shape == (2, 90, 160, 1)
    assert small[0, 45, 20, 0] <= 2
    assert small[0, 45, 140, 0] >= 253
    long = write_video(tmp_path / "long.avi", np.zeros((10_000, 16, 16, 3), np.uint8))
    count = sum(1 for frame in decoded(long, size=8, grey=True) if frame.shape == (8, 8, 1))
    assert count == 10_000


def test_an_array_that_would_be_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("elman.data.video.clip._LARGEST", 20_000)
    with pytest.raises(DataError, match=r"has more than 2 frames of 48 x 64.*decoded\(\)"):
        Clip(ramp()).frames()


def test_without_pyav_it_is_told(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", ramp(2))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"a\.mp4: video needs PyAV: pip install 'elman\[video\]'"):
        Clip(path).frames()


def test_facts(tmp_path):
    path = write_video(tmp_path / "a.mp4", sound=True)
    facts = facts_of(path)
    assert (facts.height, facts.width, facts.rate) == (48, 64, 30)
    assert facts.duration == pytest.approx(1.0, abs=0.01)


def test_pictures_in_a_folder(tmp_path):
    for i, frame in enumerate(ramp(12)):
        Image.fromarray(frame).save(tmp_path / f"frame{i}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    assert numbers(Clip(tmp_path).frames()) == list(range(12))
    assert numbers(Clip(tmp_path, rate=6).frames(rate=3)) == [0, 2, 4, 6, 8, 10]
    assert numbers(Clip(tmp_path, 0.5, 1.0, rate=6).frames()) == [3, 4, 5]
    assert numbers(Clip(tmp_path).frames(rate=99)) == list(range(12))  # its times are unknown


def test_pictures_of_all_kinds(tmp_path):
    deep = np.full((20, 30), 40_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "1.png")
    Image.new("RGBA", (30, 20), (200, 100, 50, 0)).save(tmp_path / "2.png")
    Image.new("P", (30, 20)).save(tmp_path / "3.png")
    Image.new("1", (30, 20), 1).save(tmp_path / "4.png")
    Image.new("RGB", (60, 41), (9, 9, 9)).save(tmp_path / "5.png")
    found = Clip(tmp_path).frames()
    assert found.shape == (5, 20, 30, 3)
    assert found[:, 5, 5, 0].tolist() == [40_000 >> 8, 0, 0, 255, 9]
    (tmp_path / "6.png").write_bytes(b"\x89PNG broken")
    with pytest.warns(UserWarning, match=r"5 frames read, then .*6\.png is not a picture"):
        assert len(Clip(tmp_path).frames()) == 5
    with pytest.raises(DataError, match=r"6\.png is not a picture"):
        Clip(tmp_path / "6.png").frames()


def test_animated_pictures(tmp_path):
    images = [Image.fromarray(frame) for frame in ramp(5)]
    for name in ("a.png", "a.webp"):
        options = {"lossless": True} if name == "a.webp" else {}
        images[0].save(tmp_path / name, save_all=True, append_images=images[1:], **options)
        assert numbers(Clip(tmp_path / name).frames()) == [0, 1, 2, 3, 4]


def test_fits():
    frames = np.zeros((1, 20, 40, 1), np.uint8)
    frames[:, :, 10:30] = 200
    assert Clip(frames).frames(size=10, grey=True)[0, :, :, 0].mean() == 100
    assert (Clip(frames).frames(size=20, fit="crop", grey=True) == 200).all()
    boxed = Clip(frames).frames(size=40, fit="letterbox", grey=True)[0, :, :, 0]
    assert boxed[:10].max() == 0
    assert boxed[30:].max() == 0
    assert (boxed[10:30] == frames[0, :, :, 0]).all()
    for shape in ((1, 7, 13), (1, 1, 1), (1, 101, 3)):
        for fit in ("resize", "crop", "letterbox"):
            assert Clip(np.ones(shape, np.uint8)).frames(size=(9, 6), fit=fit).shape[1:3] == (9, 6)


def test_arrays_of_other_types():
    assert Clip(np.full((2, 3, 3), 65535, np.uint16)).frames().max() == 255
    assert Clip(np.full((2, 3, 3), 0.5, np.float32)).frames().max() == 128
    assert Clip(np.ones((2, 3, 3), bool)).frames().min() == 255
    assert Clip(np.full((2, 3, 3), 77, np.int64)).frames().max() == 77
    for values, message in (
        (np.full((2, 3, 3), np.nan), "NaN"),
        (np.full((2, 3, 3), 7.0), "from 7 to 7"),
        (np.full((2, 3, 3), -1), "from -1 to -1"),
        (np.zeros((0, 3, 3)), "no frames"),
        (np.zeros((3, 3)), "shape"),
        (np.zeros((3, 3, 3, 2)), "shape"),
        (np.array([[["a"]]]), "pixels are numbers"),
    ):
        with pytest.raises(DataError, match=message):
            Clip(values)


@pytest.mark.data
def test_a_real_film(dataset_root: Path):
    path = dataset_root / "vid_decode_samples" / "bigbuckbunny.mp4"
    assert Clip(path).frames(size=(72, 128)).shape == (132, 72, 128, 3)
    whole = Clip(path).frames(rate=5, size=112, fit="crop")
    assert whole.shape == (27, 112, 112, 3)
    part = Clip(path, 2.0, 4.0).frames(rate=5, size=112, fit="crop")
    assert (part == whole[10:20]).all()
