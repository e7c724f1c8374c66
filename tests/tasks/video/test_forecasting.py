from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.cli.app import main
from elman.data import Clip, moving_digits, read_clips, write_clip
from elman.errors import DataError, SettingsError
from elman.tasks import Video
from elman.tasks.video.forecaster import frames_of, patches_of
from elman.tasks.video.frame_metrics import frame_metrics, ssim

SMALL: dict[str, Any] = {
    **{"hidden_size": 8, "num_layers": 1, "inputs": 3, "horizon": 2, "epochs": 30},
    **{"batch_size": 8, "lr": 0.02, "device": "cpu"},
}
SQUARE = np.full((1, 8, 8), 255, np.uint8)


def gliding(count: int, seed: int = 0, frames: int = 7) -> Any:
    """A square that glides over 16 x 16 pixels and bounces."""
    return moving_digits(SQUARE, count, per_clip=1, frames=frames, size=16, seed=seed)


def drifting(count: int, height: int, width: int, seed: int = 0) -> Any:
    """Blurred noise that moves by a pixel down and two to the right a frame, (count, H, W)."""
    noise = np.random.default_rng(seed).random((height + count, width + 2 * count))
    for axis in (0, 1) * 3:
        noise = (np.roll(noise, 1, axis) + noise + np.roll(noise, -1, axis)) / 3
    noise = (noise - noise.min()) / np.ptp(noise)
    whole = (255 * noise).astype(np.uint8)
    starts = [(count - t, 2 * (count - t)) for t in range(count)]
    return np.stack([whole[y : y + height, x : x + width] for y, x in starts])


@pytest.fixture(scope="module")
def task() -> Video:
    return Video(**SMALL, size=16).fit(gliding(64), progress=False)


def test_frames_are_predicted_better_than_the_last_one(task: Video) -> None:
    assert task.settings.kind == "predict"
    assert task.settings.persistence is True
    clips = gliding(24, seed=5)
    found = task.evaluate(clips)
    still = np.repeat(clips[:, 2:3], 4, 1)[:, :, None].astype(float) / 255
    moved = clips[:, 3:7, None].astype(float) / 255
    assert found["mse"] < 0.9 * ((still - moved) ** 2).sum((2, 3, 4)).mean()
    assert found["mse_1"] < found["mse_2"]
    assert found["mse"] == pytest.approx((found["mse_1"] + found["mse_2"]) / 2, rel=1e-5)


def test_the_frames_after_the_end_are_predicted(task: Video, tmp_path: Path) -> None:
    clips = gliding(5, seed=6)
    found = task.predict(clips)
    assert {(each.shape, each.dtype) for each in found} == {((2, 16, 16, 1), np.dtype(np.uint8))}
    (alone,) = task.predict([clips[3, -3:]])
    assert np.abs(alone.astype(int) - found[3]).max() <= 1  # what is before is not read
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    np.testing.assert_array_equal(np.stack(loaded.predict(clips)), np.stack(found))


def test_a_short_clip_is_answered_with_its_reason(task: Video) -> None:
    clips = [gliding(1)[0], gliding(1, frames=2)[0]]
    found = task.predictions(clips)
    assert [each.value is None for each in found] == [False, True]
    assert found[1].error == "clip 1 has 2 frames, and 3 are needed"
    with pytest.raises(DataError, match="2 frames, and 3 are needed"):
        task.predict(clips[1:])
    with pytest.raises(DataError, match="no clip has the 5 frames"):
        task.evaluate(clips[1:])
    with pytest.warns(UserWarning, match="1 of 9 clips with fewer than 5 frames"):
        batches: Any = task.batches(
            task.preprocessing,
            task.read([*gliding(8), clips[1]], labelled=True),
            training=True,
        )
    assert len(list(batches.epoch(0))) == len(batches)


@pytest.mark.parametrize("side", [16, 32])
def test_pixels_without_data_do_not_count(task: Video, side: int) -> None:
    valid = np.zeros((side, side), bool)
    valid[:, : side // 2] = True
    frames = gliding(8).repeat(side // 16, 2).repeat(side // 16, 3)
    spoilt = frames.copy()
    spoilt[:, :, :, side // 2 :] = 99
    found = []
    for own in (frames, spoilt):
        data = task.read([Clip(each, valid=valid) for each in own], labelled=True)
        output = [torch.full((2, 1, 16, 16), 0.3)] * 16
        metrics = task.metrics(output, task.preprocessing, data)
        batches: Any = task.batches(task.preprocessing, data, training=True)
        batch = next(iter(batches.epoch(0)))
        assert 0.3 < batch.weight.mean() <= 0.5  # where the flow leads to
        batch = batch._replace(inputs=torch.zeros_like(batch.inputs))
        loss = float(task.loss(task.model, batch, None).loss.detach())
        found.append({**metrics, "training": loss})
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_what_only_classifiers_have_is_refused(task: Video) -> None:
    with pytest.raises(SettingsError, match="has no probabilities"):
        task.predict_proba(gliding(1))
    with pytest.raises(SettingsError, match="n is for models that classify"):
        task.predictions(gliding(1), n=2)
    with pytest.raises(SettingsError, match="cannot be compared"):
        task.compare(task, gliding(2))


def test_labels_do_not_hinder(tmp_path: Path) -> None:
    data = list(gliding(16)), ["a", "b"] * 8
    task = Video(**{**SMALL, "epochs": 1}, kind="predict").fit(
        data, folder=tmp_path, progress=False
    )
    assert task.settings.kind == "predict"
    assert task.report_page is not None
    page = task.report_page.read_text()
    assert "could not be made" not in page
    assert page.count("data:image/png;base64,") >= 1
    assert "Lead by lead" in page


def test_the_command_line_writes_frames(
    task: Video, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task.save(tmp_path / "model")
    write_clip(gliding(1)[0], tmp_path / "a.npz")
    words = ["predict", str(tmp_path / "model"), str(tmp_path / "a.npz")]
    for suffix in ("npz", "gif", "mp4"):
        out = tmp_path / f"next.{suffix}"
        main([*words, "--out", str(out)])
        assert read_clips(out, labelled=False).clips[0].frames(grey=True).shape[1:3] == (16, 16)
    assert str(out) in capsys.readouterr().out
    with np.load(tmp_path / "next.npz") as found:
        assert (found["frames"] == task.predict(gliding(1))[0]).all()
    with pytest.raises(SystemExit):
        main(words)
    assert "--out FILE" in capsys.readouterr().err


def test_patches_and_back() -> None:
    frames = torch.rand(3, 2, 1, 8, 12)
    patches = patches_of(frames, 4)
    assert torch.equal(patches[0, 1, :4, 1, 2], frames[0, 1, 0, 4, 8:12])
    assert torch.equal(frames_of(patches, 4), frames)


def test_metrics_of_frames() -> None:
    actual = torch.zeros(2, 1, 1, 8, 8)
    actual[:, :, :, :2, :2] = 1
    predicted = actual.clone()
    predicted[1, 0, 0, 0, 0] = 0.5
    predicted[1, 0, 0, 7, 7] = 1
    weight = torch.ones(2, 1, 1, 8, 8)
    found = frame_metrics(predicted, actual, weight, (200.0,))
    assert found["mse_1"] == 0
    assert found["mse_2"] == 1.25
    assert found["mse"] == 0.625
    assert found["mae"] == 0.75
    assert found["csi_200_1"] == 1
    assert found["csi_200_2"] == pytest.approx(3 / 5)  # 3 hits, a miss and a false alarm
    assert found["csi_200"] == pytest.approx(4 / 5)
    assert found["pixel_mse"] == pytest.approx(1.25 / 128)
    assert found["psnr"] == pytest.approx((100 - 10 * np.log10(1.25 / 64)) / 2)
    weight[1, 0, 0, 7, 7] = 0
    assert frame_metrics(predicted, actual, weight, (200.0,))["csi_200_2"] == pytest.approx(3 / 4)


def test_structural_similarity_of_one_square_is_its_formula() -> None:
    """Against the formula written out for a picture of one window."""
    a, b = np.random.default_rng(0).random((2, 7, 7))
    cov = np.cov(a.ravel(), b.ravel())
    low, high = 1e-4, 9e-4
    expected = (2 * a.mean() * b.mean() + low) * (2 * cov[0, 1] + high)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + low) * (cov[0, 0] + cov[1, 1] + high)
    found = ssim(*(torch.from_numpy(each)[None, None] for each in (a, b)))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.fixture(scope="module")
def along() -> Video:
    """A model of one long clip of 50 x 37 pixels, trained on windows of 16."""
    settings = {**SMALL, "epochs": 1, "crop": 16, "patch": 3, "thresholds": (128.0,)}
    return Video(**settings).fit(drifting(12, 50, 37), progress=False)


def test_frames_of_any_height_and_width(along: Video, tmp_path: Path) -> None:
    assert along.settings.size is None
    assert (along.settings.flow, along.settings.persistence, along.settings.crop) == (
        True,
        True,
        16,
    )
    clip = drifting(12, 50, 37, seed=1)
    (found,) = along.predict([clip[:10]])
    assert found.shape == (2, 50, 37, 1)
    error = np.abs(found[..., 0].astype(float) - clip[10:])[:, 6:, 8:].mean()
    assert error < 0.3 * np.abs(clip[9].astype(float) - clip[10:])[:, 6:, 8:].mean()
    along.save(tmp_path / "model")
    np.testing.assert_array_equal(elman.load(tmp_path / "model").predict([clip[:10]])[0], found)
    simple = along.simple_forecasts([clip])
    assert simple["optical flow"]["mse"] < 0.5 * simple["persistence"]["mse"]
    assert simple["persistence"]["csi_128_1"] > simple["persistence"]["csi_128_2"]


def test_clips_of_several_sizes(along: Video) -> None:
    clips = [drifting(9, *size, seed=3) for size in ((50, 37), (40, 61), (50, 37))]
    found = along.predict(clips)
    assert [each.shape[1:3] for each in found] == [(50, 37), (40, 61), (50, 37)]
    for clip, each in zip(clips, found, strict=True):
        alone = along.predict([clip])[0].astype(int)
        assert np.abs(alone - each).max() <= 1
    metrics = along.evaluate(clips)
    apart = [along.evaluate([clip]) for clip in clips]
    for name in ("mse", "mae", "mse_2", "psnr"):
        assert metrics[name] == pytest.approx(np.mean([each[name] for each in apart]), rel=1e-3)
    assert 0 < metrics["ssim"] <= 1
    settings = {**SMALL, "epochs": 2, "patch": 3}
    task = Video(**settings).fit(clips, clips, progress=False)
    assert task.predict(clips[1:2])[0].shape == (2, 40, 61, 1)
    session = along.session()
    session.accept(clips[0])
    with pytest.raises(DataError, match="40 x 61, and those before were not"):
        session.accept(clips[1])


def test_later_frames_of_one_source_are_held_out(along: Video, tmp_path: Path) -> None:
    clip = drifting(12, 50, 37)
    valid = np.ones(clip.shape, bool)
    valid[:, :5] = False
    train, held_out = along.split(along.read([Clip(clip, valid=valid)], labelled=True))
    (earlier,), (later,) = train.clips.clips, held_out.clips.clips
    assert (earlier.array[..., 0] == clip[:10]).all()
    assert (later.array[..., 0] == clip[7:]).all()  # the last two are to be predicted
    assert (later.valid == valid[7:]).all()
    write_clip(clip, tmp_path / "a.mp4", rate=5)
    train, held_out = Video(**SMALL).split(Video(**SMALL).read(tmp_path / "a.mp4", labelled=True))
    assert [len(each.clips.clips[0].frames()) for each in (train, held_out)] == [10, 5]
    with pytest.raises(DataError, match="none has the 7 frames"):
        along.split(along.read([clip[:6]], labelled=True))


def test_a_session_predicts_after_each_frame(along: Video) -> None:
    clip = drifting(9, 50, 37, seed=2)
    session = along.session()
    found = [session.accept(frame).value for frame in clip[:5]]
    assert [each is None for each in found] == [True, True, False, False, False]
    for count in (3, 5):
        np.testing.assert_array_equal(found[count - 1], along.predict([clip[:count]])[0])
    assert len(session.state["frames"]) == 3  # however many have come
    other = along.session(state=session.state)
    np.testing.assert_array_equal(other.accept(clip[5:]).value, session.accept(clip[5:]).value)
    np.testing.assert_array_equal(other.finish().value, along.predict([clip])[0])
    with pytest.raises(SettingsError, match="finished"):
        other.accept(clip)
    short = along.session()
    short.accept(clip[:2])
    assert short.finish().error == "2 frames have arrived, and 3 are needed"


@pytest.mark.parametrize("size", [4, "a", "3x", "16x9999", True, 12.5])
def test_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(SettingsError, match=r"size: .*(pixels|96x128)"):
        Video(size=size)


def test_sizes_are_numbers_pairs_or_words() -> None:
    sizes = [64, "64", (64, 64), "48x64", (48, 64), "48 x 64"]
    assert [Video(size=each).settings.sides for each in sizes] == [(64, 64)] * 3 + [(48, 64)] * 3


def test_patches_are_coarse_where_no_frame_is_near_the_last_one() -> None:
    random = np.random.default_rng(0)
    still = np.repeat(random.integers(0, 255, (4, 1, 64, 64), np.uint8), 6, 1)
    jumping = np.zeros((4, 6, 64, 64), np.uint8)  # a square that is elsewhere in each frame
    for clip in jumping:
        for frame in clip:
            y, x = random.integers(0, 52, 2)
            frame[y : y + 12, x : x + 12] = 255
    sizes = {}
    for name, frames in (("still", still), ("jumping", jumping), ("small", jumping[..., ::2, ::2])):
        options: Any = {"kind": "predict", "inputs": 3, "horizon": 3, "baselines": False}
        task = Video(**options, max_steps=1).fit(frames, frames, progress=False)
        sizes[name] = task.settings.patch, task.settings.hidden_size
    assert sizes["still"][0] == sizes["small"][0] == 4
    assert sizes["jumping"] == (8, 2 * sizes["still"][1])
    assert sizes["small"][1] == sizes["still"][1]
