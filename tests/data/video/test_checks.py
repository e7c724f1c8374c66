import numpy as np
import pytest
from videos import ramp, turned, write_video

from elman.cli.app import main
from elman.data import Clip, Clips, check_clips, holds_clips, read_clips
from elman.errors import DataError, SettingsError


def check(*clips, labels=None, **options):
    names = [f"n{i}" for i in range(len(clips))]
    return check_clips(Clips(list(clips), labels, None, names, names), **options)


def kinds(found):
    return [(problem.name, problem.kind) for problem in found.problems]


def test_good_clips_have_no_problems(tmp_path):
    path = write_video(tmp_path / "a.mp4", ramp(20))
    found = check(Clip(path), Clip(ramp(12)), labels=["a", "b"])
    assert found.problems == ()
    assert found.summary() == (
        "2 clips, 32 frames (12 to 20 each), 30 a second; 2 sources; 2 different labels\n"
        "nothing is wrong with them"
    )


def test_each_kind_is_found_and_told(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    times = [0.0, 0.1, 0.2, 0.3, 2.0, 2.1]
    uneven = write_video(tmp_path / "b.mkv", ramp(6), codec="libx264", times=times)
    cut = write_video(
        tmp_path / "c.mp4", ramp(29), codec="libx264", options={"movflags": "faststart"}
    )
    cut.write_bytes(cut.read_bytes()[:-400])
    found = check(
        Clip(path),
        Clip(path, 5.0),
        Clip(ramp(1)),
        Clip(path, 0.5, 3.0),
        Clip(uneven),
        Clip(np.full((5, 9, 9), 9, np.uint8)),
        Clip(np.full((5, 9, 9), 99, np.uint8)),
        Clip(path),
        Clip(cut),
    )
    assert kinds(found) == [
        ("n1", "no frames"),
        ("n2", "one frame"),
        ("n3", "shorter than asked"),
        ("n4", "uneven times"),
        ("n5", "black"),
        ("n6", "still"),
        ("n7", "seen twice"),
        ("n8", "damaged"),
    ]
    messages = [problem.message for problem in found.problems]
    assert messages[2] == "0.5 s of the 2.5 s asked for"
    assert messages[3] == "no frame for 1.7 s from 0.3 s on, where 0.1 s is usual"
    assert messages[4] == "no spot is brighter than 9 of 255"
    assert messages[6] == "it is the same as n0"
    assert found.lengths[:3] == (30, 0, 1)
    assert [rate and round(rate) for rate in found.rates[:5]] == [30, None, None, 30, 10]
    assert found.usable.names == ["n0", "n2", "n3", "n4", "n5", "n6", "n7", "n8"]
    assert "1 no frames, left out" in found.summary()


def test_what_cannot_be_read_counts(tmp_path):
    write_video(tmp_path / "k/a.mp4")
    (tmp_path / "k/b.mp4").write_text("none")
    with pytest.warns(UserWarning, match="left out: 1 of 2 clips"):
        clips = read_clips(tmp_path)
    found = check_clips(clips)
    assert [problem.kind for problem in found.problems] == ["unreadable"]
    with pytest.raises(DataError, match="no clip can be used; n0: the clip"):
        _ = check(Clip(ramp(2), 9.0, rate=1)).usable


def test_wrong_arguments():
    with pytest.raises(SettingsError, match="what read_clips gives, not list"):
        check_clips([Clip(ramp(2))])
    with pytest.raises(SettingsError, match="black must be"):
        check(Clip(ramp(2)), black=999)


def test_the_command(tmp_path, capsys):
    write_video(tmp_path / "left/a.mp4", ramp(8), sound=True)
    turned(write_video(tmp_path / "right/b.mp4", ramp(9)), (0, 1, -1, 0))
    (tmp_path / "right/c.mp4").write_text("none")
    assert holds_clips(str(tmp_path))
    main(["data", "check", str(tmp_path)])
    assert capsys.readouterr().out.splitlines()[:3] == [
        "2 clips, 17 frames (8 to 9 each), 30 a second; 2 sources; 2 different labels",
        "1 unreadable, left out",
        f"  number 2: {tmp_path}/right/c.mp4 is not a video that can be read:"
        " Invalid data found when processing input",
    ]
