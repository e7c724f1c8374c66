import json
import shutil

import numpy as np
import pandas
import polars
import pytest
import torch
from PIL import Image
from videos import number_of, ramp, write_tone, write_video

from elman.data import Clip, Clips, Event, holds_clips, read_clips
from elman.errors import DataError, SettingsError


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("one") / "one.mp4", ramp(30))


@pytest.fixture
def put(tmp_path, video):
    """Put the video at places below the test's folder."""

    def put(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(video, tmp_path / name)

    return put


def numbers(clip, **options):
    return [number_of(frame) for frame in clip.frames(**options)]


def test_a_file(video):
    clips = read_clips(video, labelled=False)
    assert (len(clips), clips.labels, clips.groups) == (1, None, [str(video)])
    assert numbers(clips.clips[0], rate=10) == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]
    with pytest.raises(DataError, match="has no labels of its 1 clips: labelled=False"):
        read_clips(video)
    assert read_clips(str(video), labelled=None).labels is None


def test_a_folder_for_each_class(tmp_path, put):
    put("run/10.mp4", "run/9.MP4", "jump/a.mp4", "jump/.hidden.mp4", ".cache/x.mp4")
    (tmp_path / "jump/notes.txt").write_text("no video")
    clips = read_clips(tmp_path)
    assert clips.names == ["jump/a.mp4", "run/9.MP4", "run/10.mp4"]
    assert clips.labels == ["jump", "run", "run"]
    assert clips.classes == ["jump", "run"]
    assert holds_clips(str(tmp_path))


def test_folders_of_pictures_are_clips(tmp_path):
    for clip, count in (("wave/1", 12), ("wave/2", 3), ("nod/1", 2)):
        (tmp_path / clip).mkdir(parents=True)
        for i, frame in enumerate(ramp(count)):
            Image.fromarray(frame).save(tmp_path / clip / f"{i}.jpg", quality=95)
    clips = read_clips(tmp_path, rate=4)
    assert clips.names == ["nod/1", "wave/1", "wave/2"]
    assert clips.labels == ["nod", "wave", "wave"]
    assert numbers(clips.clips[1]) == list(range(12))
    assert numbers(clips.clips[1], rate=2) == [0, 2, 4, 6, 8, 10]
    one = read_clips(tmp_path / "wave/1", labelled=False)
    assert len(one) == 1
    assert holds_clips(str(tmp_path))
    assert holds_clips(str(tmp_path / "wave/1"))


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_tables(tmp_path, put, kind):
    put("v/a.mp4", "v/b.mp4")
    frame = polars.DataFrame(
        {
            "path": ["v/a.mp4", "v/a.mp4", "v/b.mp4", "v/c.mp4", ""],
            "label": ["x", "y", "x", "y", "x"],
            "start": [0.0, 0.5, None, None, None],
            "end": [0.5, 0.8, None, None, None],
        }
    )
    path = tmp_path / f"clips.{kind}"
    match kind:
        case "parquet":
            frame.write_parquet(path)
        case "jsonl":
            frame.write_ndjson(path)
        case _:
            frame.write_csv(path, separator="," if kind == "csv" else "\t")
    with pytest.warns(UserWarning, match=r"left out: 2 of 5 clips; .*no such file: .*c\.mp4"):
        clips = read_clips(path)
    assert clips.labels == ["x", "y", "x"]
    assert [len(clip.frames(size=8)) for clip in clips] == [15, 9, 30]
    assert numbers(clips.clips[1])[0] == 15
    assert clips.groups[0] == clips.groups[1] != clips.groups[2]
    assert "path is empty" in clips.left_out[4]
    assert holds_clips(str(path))
    with pytest.warns(UserWarning, match="left out: 2 of 5"):
        assert len(read_clips(tmp_path)) == 3  # the table in the folder


def test_columns_groups_and_several_labels(tmp_path, put):
    put("a.mp4", "b.mp4")
    path = tmp_path / "list.csv"
    path.write_text("file,tags,group\na.mp4,run|jump,one\nb.mp4,,one\n")
    clips = read_clips(path, path="file", label="tags", separator="|", labelled=None)
    assert clips.is_multi_label
    assert clips.labels == [("run", "jump"), ()]
    assert clips.classes == ["jump", "run"]
    assert clips.groups == ["one", "one"]
    rows = [{"path": "a.mp4", "label": ["run", "jump"]}, {"path": "b.mp4", "label": ["run"]}]
    (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_clips(tmp_path / "l.jsonl").labels == [("run", "jump"), ("run",)]


def test_events_in_long_videos(tmp_path, put):
    put("a.mp4", "b.mp4")
    path = tmp_path / "events.csv"
    path.write_text(
        "path,label,start,end\na.mp4,goal,0.6,0.8\na.mp4,foul,0.1,0.3\nb.mp4,,,\na.mp4,open,0.2,\n"
    )
    with pytest.warns(UserWarning, match="left out: 1 of 3 clips; .*an event needs its end"):
        clips = read_clips(path, events=True)
    assert clips.events == [(Event("foul", 0.1, 0.3), Event("goal", 0.6, 0.8)), ()]
    assert clips.labels is None
    assert clips.classes == ["foul", "goal"]
    assert [len(clip.frames(size=8)) for clip in clips] == [30, 30]


def test_bad_parts_of_a_table_are_left_out(tmp_path, put):
    put("a.mp4")
    path = tmp_path / "l.csv"
    path.write_text(
        "path,label,start,end\na.mp4,x,0,1\na.mp4,x,3,2\na.mp4,x,minus,2\na.mp4,x,-1,2\n"
    )
    with pytest.warns(UserWarning, match="left out: 3 of 4"):
        clips = read_clips(path)
    assert len(clips) == 1
    assert "before it begins" in clips.left_out[1]
    assert "not a number of seconds" in clips.left_out[2]


def test_splits_of_ucf101(tmp_path, put):
    first = "Swing/v_Swing_g08_c01.avi", "Swing/v_Swing_g08_c02.avi", "YoYo/v_YoYo_g01_c01.avi"
    put(*first)
    (tmp_path / "trainlist01.txt").write_text("".join(f"{n} {i}\r\n" for i, n in enumerate(first)))
    (tmp_path / "testlist01.txt").write_text("\n".join(first))
    for name in ("trainlist01.txt", "testlist01.txt"):
        clips = read_clips(tmp_path / name)
        assert clips.labels == ["Swing", "Swing", "YoYo"]
        assert clips.groups == ["Swing_g08", "Swing_g08", "YoYo_g01"]
        assert holds_clips(str(tmp_path / name))


def test_lists_of_paths_and_labels(tmp_path, put):
    put("my clips/a b.mp4", "c.mp4")
    path = tmp_path / "l.txt"
    path.write_text("my clips/a b.mp4 run\n\nc.mp4 jump\n")
    assert read_clips(path).labels == ["run", "jump"]
    path.write_text("my clips/a b.mp4\thigh jump\nc.mp4\trun\n")
    assert read_clips(path).labels == ["high jump", "run"]
    Image.new("L", (4, 4)).save(tmp_path / "my clips/1.png")
    path.write_text("my clips walk\n")
    assert read_clips(path).labels == ["walk"]
    path.write_text("my clips/a b.mp4\nc.mp4\n")
    assert read_clips(path, labelled=None).labels is None


def test_the_table_of_kinetics(tmp_path, put):
    put("_abc-1_000010_000020.mp4", "juggling balls/xyz_000000_000010.mkv")
    (tmp_path / "train.csv").write_text(
        "label,youtube_id,time_start,time_end,split\nabseiling,_abc-1,10,20,train\n"
        "juggling balls,xyz,0,10,train\nyoga,gone,5,15,train\n"
    )
    with pytest.warns(UserWarning, match=r"left out: 1 of 3.*gone_000005_000015\.mp4"):
        clips = read_clips(tmp_path / "train.csv")
    assert clips.labels == ["abseiling", "juggling balls"]
    assert clips.groups == ["_abc-1", "xyz"]
    assert len(clips.clips[1].frames(size=8)) == 30
    assert holds_clips(str(tmp_path / "train.csv"))


def test_arrays_of_every_shape(tmp_path):
    for shape, count, found in (
        ((5, 8, 9), 1, (5, 8, 9)),
        ((5, 8, 9, 3), 1, (5, 8, 9)),
        ((2, 5, 8, 9), 2, (5, 8, 9)),
        ((2, 5, 8, 9, 1), 2, (5, 8, 9)),
        ((20, 7, 64, 64), 7, (20, 64, 64)),
    ):
        clips = read_clips(np.zeros(shape, np.uint8), labelled=False)
        assert [clip.frames().shape[:3] for clip in clips] == [found] * count
        np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
        assert len(read_clips(tmp_path / "a.npy", labelled=False)) == count
        assert len(read_clips(torch.zeros(shape), labelled=False)) == count
    with pytest.raises(DataError, match=r"of shape \(5, 8\)"):
        read_clips(np.zeros((5, 8)), labelled=False)
    with pytest.raises(DataError, match="no frames"):
        read_clips(np.zeros((0, 8, 8)), labelled=False)


def test_files_of_arrays(tmp_path):
    valid = np.ones((8, 9), bool)
    valid[0] = False
    frames = np.zeros((3, 5, 8, 9), np.uint8)
    np.savez(tmp_path / "a.npz", clips=frames, labels=np.array(["x", "y", "x"]), rate=4.0)
    clips = read_clips(tmp_path / "a.npz")
    assert clips.labels == ["x", "y", "x"]
    assert clips.clips[0].rate == 4
    np.savez(tmp_path / "b.npz", frames=frames[0], valid=valid, times=np.arange(5))
    assert (read_clips(tmp_path / "b.npz", labelled=None).clips[0].valid == valid).all()
    np.savez(tmp_path / "c.npz", x=frames, y=frames)
    with pytest.raises(DataError, match="holds x, y: clips are called frames or clips"):
        read_clips(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", clips=frames, labels=np.array(["x"]))
    with pytest.raises(DataError, match="3 clips but 1 labels"):
        read_clips(tmp_path / "d.npz")
    np.savez(tmp_path / "e.npz", frames=frames[0], valid=valid[:3])
    with pytest.raises(DataError, match=r"e\.npz: valid="):
        read_clips(tmp_path / "e.npz")
    (tmp_path / "f.npy").write_bytes(b"none")
    with pytest.raises(DataError, match="cannot be read as arrays"):
        read_clips(tmp_path / "f.npy")


def test_pythons_own_collections(video):
    frames = ramp(3)
    assert read_clips([(frames, "a"), (video, "b"), (Clip(video, 0.5), "c")]).labels == [*"abc"]
    assert read_clips(([frames, video], pandas.Series([1, 0]))).labels == ["1", "0"]
    assert read_clips((np.zeros((2, 5, 8, 9)), ["a", "b"])).labels == ["a", "b"]
    assert read_clips((frames, "a")).labels == ["a"]
    assert read_clips(([frames, frames], [["a", "b"], ["a"]])).labels == [("a", "b"), ("a",)]
    assert len(read_clips(Clip(video), labelled=False)) == 1
    assert len(read_clips([frames, str(video)], labelled=False)) == 2
    clips = read_clips([(frames, "a"), (video, "b")])
    again = read_clips(clips)
    assert (again.labels, again.names, again.groups) == (clips.labels, clips.names, clips.groups)
    assert read_clips(clips, labelled=False).labels is None


def test_wrong_collections_are_named():
    frames = ramp(2)
    for source, message in (
        ([], "the list holds no clips"),
        (5, "clips must be a list"),
        (([frames], ["a", "b"]), "1 clips but 2 labels"),
        ([(7, "a")], r"clip 0 .*shape \(\)"),
        ([(np.full((2, 3, 3), np.nan), "a")], "NaN"),
        ([(np.zeros((2, 5, 8, 9)), "a")], "clip 0 is an array of 2 clips"),
        ("nowhere.mp4", "no such file: nowhere.mp4"),
        ("sp_fsdd:train", "is a set of recordings, not video"),
    ):
        with pytest.raises(DataError, match=message):
            read_clips(source)
    for options, message in (
        ({"labelled": "yes"}, "labelled='yes'"),
        ({"separator": ""}, "separator=''"),
        ({"events": 1}, "events=1"),
        ({"rate": 0}, "rate must be"),
    ):
        with pytest.raises(SettingsError, match=message):
            read_clips([(frames, "a")], **options)


def test_one_without_a_label_is_left_out_and_told():
    with pytest.warns(UserWarning, match="left out: 1 of 3 clips; clip 1 has no label"):
        clips = read_clips(([ramp(2)] * 3, ["a", None, "b"]))
    assert clips.labels == ["a", "b"]
    assert clips.left_out == {1: "clip 1 has no label"}


def test_broken_files_are_left_out_with_the_reason(tmp_path, put):
    put("k/1.mp4")
    (tmp_path / "k/2.mp4").write_bytes(b"")
    (tmp_path / "k/3.avi").write_text("none")
    write_tone(tmp_path / "k/4.mp4")
    with pytest.warns(UserWarning, match="left out: 3 of 4 clips"):
        clips = read_clips(tmp_path)
    assert clips.names == ["k/1.mp4"]
    reasons = list(clips.left_out.values())
    for reason, words in zip(reasons, ("is empty", "not a video", "sound alone"), strict=True):
        assert words in reason
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no video"):
        read_clips(tmp_path / "none")


def test_sound_is_not_taken_for_video(tmp_path, put):
    write_tone(tmp_path / "a.mp4")
    assert not holds_clips(str(tmp_path))
    assert not holds_clips(str(tmp_path / "a.mp4"))
    put("talks/b.mp4")
    assert holds_clips(str(tmp_path / "talks"))
    (tmp_path / "talks/b.txt").write_text("what is said")
    assert not holds_clips(str(tmp_path / "talks"))
    (tmp_path / "talks.csv").write_text("path,text\ntalks/b.mp4,what is said\n")
    assert not holds_clips(str(tmp_path / "talks.csv"))
    assert not holds_clips("nowhere")
    assert holds_clips("vid_radar_fmi:train")
    assert not holds_clips("sp_fsdd:train")


def clips_of(labels, groups):
    clip = Clip(np.zeros((1, 2, 2), np.uint8))
    names = [str(i) for i in range(len(groups))]
    return Clips([clip] * len(groups), labels, None, groups, names)


def test_a_split_keeps_sources_together_and_labels_alike():
    groups = [f"{i // 3}" for i in range(120)]
    labels = ["a" if i % 9 < 6 else "b" for i in range(120)]
    for seed in range(5):
        first, second = clips_of(labels, groups).split(0.25, seed)
        assert not set(first.groups) & set(second.groups)
        assert sorted([*first.names, *second.names], key=int) == [str(i) for i in range(120)]
        assert 27 <= len(second) <= 33
        assert second.classes == first.classes == ["a", "b"]
    mixed = clips_of([*"abab"], [*"xxyy"])
    assert len(mixed.split(0.5)[1]) == 2
    with pytest.raises(DataError, match="all 3 clips are of one source, x"):
        clips_of(None, ["x"] * 3).split(0.2)
    with pytest.raises(DataError, match="too few"):
        clips_of(["a"], ["x"]).split(0.2)


def test_the_hash_tells_what_differs(video, tmp_path):
    frames = ramp(3)
    base = read_clips([(frames, "a"), (video, "b")])
    other = tmp_path / "copy.mp4"
    shutil.copy(video, other)
    assert read_clips([(frames.copy(), "a"), (other, "b")]).sha256 == base.sha256
    changed = frames.copy()
    changed[0, 0, 0, 0] ^= 1
    others = [
        [(frames, "a"), (video, "c")],
        [(changed, "a"), (video, "b")],
        [(frames, "a"), (Clip(video, 0.1), "b")],
        [(video, "b"), (frames, "a")],
    ]
    hashes = {read_clips(source).sha256 for source in others} | {base.sha256}
    assert len(hashes) == 5
    with pytest.raises(SettingsError, match="2 clips but 1 labels"):
        Clips(base.clips, ["a"], None, base.groups, base.names)
