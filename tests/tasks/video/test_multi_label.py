import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from session_states import sent

import elman
from elman.cli.app import main
from elman.data import write_clip
from elman.tasks import Video
from elman.tasks.metrics import best_thresholds, mean_average_precision, multi_label

SMALL: dict[str, Any] = {
    **{"hidden_size": 12, "channels": 4, "features": 16, "epochs": 20, "batch_size": 8},
    **{"lr": 0.02, "device": "cpu", "restarts": 0, "kind": "classify"},
}
CORNERS = {"ne": (0, 6), "nw": (0, 0), "se": (6, 6)}


def corners(count: int, seed: int = 0) -> tuple[list[Any], list[tuple[str, ...]]]:
    """Clips of which some corners light up, one after the other; or none."""
    draw = np.random.default_rng(seed)
    clips, labels = [], []
    for _ in range(count):
        clip = draw.integers(0, 30, (5, 12, 12)).astype(np.uint8)
        own = tuple(name for name in CORNERS if draw.random() < 0.5)
        for name in own:
            row, column = CORNERS[name]
            clip[draw.integers(5), row : row + 6, column : column + 6] = 220
        clips.append(clip)
        labels.append(own)
    return clips, labels


@pytest.fixture(scope="module")
def task() -> Video:
    return Video(**SMALL, bidirectional=False).fit(corners(80), progress=False)


def test_several_labels_are_told(task: Video) -> None:
    clips, labels = corners(40, seed=9)
    metrics = task.evaluate((clips, labels))
    assert set(metrics) == {"accuracy", "micro_f1", "macro_f1", "loss", "map"}
    assert metrics["micro_f1"] >= 0.9
    assert metrics["map"] >= 0.9
    found = task.predict(clips)
    assert np.mean([set(a) == set(b) for a, b in zip(found, labels, strict=True)]) >= 0.8
    assert () in found
    (one,) = task.predictions(clips[:1], n=3)
    assert len(one.value) + len(one.details["others"]) == 3
    proba = task.predict_proba(clips)
    assert proba.shape == (40, 3)
    assert [row["metric"] for row in task.record["baselines"]] == ["accuracy"] * 3
    common = task.record["baselines"][0]
    assert common["name"] == "most frequent class"
    assert {"micro_f1", "macro_f1"} <= set(common["metrics"])
    assert any("Predicted above a probability of: ne 0." in line for line in task.planned)


def test_a_session_tells_several_labels(task: Video) -> None:
    clips, _ = corners(6, seed=4)
    for clip in clips:
        session = task.session()
        session.accept(clip[:2])
        session = task.session(state=sent(session.state))
        assert session.accept(clip[2:]).value == task.predict([clip])[0]
        assert session.finish().value == task.predict([clip])[0]


def test_thresholds_are_saved(task: Video, tmp_path: Path) -> None:
    model: Any = task.model
    kept = model.head.thresholds.clone()
    assert (kept != 0).all()
    clips, _ = corners(8, seed=2)
    task.save(tmp_path / "model")
    loaded: Any = elman.load(tmp_path / "model")
    assert torch.equal(loaded.model.head.thresholds, kept)
    assert loaded.rows(clips) == task.rows(clips)
    model.head.thresholds.fill_(100)
    try:
        assert task.predict(clips) == [()] * 8
    finally:
        model.head.thresholds.copy_(kept)


def test_several_networks_tell_several_labels() -> None:
    data = corners(32)
    task = Video(**{**SMALL, "epochs": 2}, seeds=2).fit(data, progress=False)
    session = task.session()
    session.accept(data[0][0])
    assert session.finish().details == task.predictions(data[0][:1])[0].details


def test_a_table_of_several_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clips, labels = corners(24)
    lines = ["path,label"]
    for i, (clip, own) in enumerate(zip(clips, labels, strict=True)):
        write_clip(clip, tmp_path / f"{i}.mp4", rate=5)
        lines.append(f"{i}.mp4,{';'.join(own)}")
    Path("clips.csv").write_text("\n".join(lines))
    words = [
        "--no-summary-model",
        "--separator",
        ";",
        "--epochs",
        "2",
        "--hidden-size",
        "8",
        "--channels",
        "4",
    ]
    words += ["--features", "8", "--batch-size", "8", "--cache", "frames", "--kind", "classify"]
    main(["train", "video", "--data", "clips.csv", *words, "--out", "run"])
    capsys.readouterr()
    main(["predict", "run", "0.mp4", "1.mp4", "--n", "3"])
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["label", "probability", "others", "name"]
    assert len(rows) == 2
    main(["evaluate", "run", "--data", "clips.csv", "--json"])
    assert 0 <= json.loads(capsys.readouterr().out)["map"] <= 1
    page = Path("run/report.html").read_text()
    for word in ("Label by label", "too many", "could not be made"):
        assert (word in page) == (word != "could not be made")


def test_thresholds_and_average_precision() -> None:
    """Beside every threshold, and the definition of the average precision."""
    draw = np.random.default_rng(3)
    targets = torch.from_numpy((draw.random((30, 2)) < 0.3).astype(np.float32))
    logits = torch.from_numpy(draw.normal(0, 1, (30, 2)).astype(np.float32)).round(decimals=1)
    logits += targets
    limits = best_thresholds(logits, targets)
    for i in range(2):
        own, true = logits[:, [i]], targets[:, [i]]
        tried = [multi_label(own, true, float(t))["micro_f1"] for t in own.flatten() - 1e-3]
        assert multi_label(own, true, limits[i])["micro_f1"] == pytest.approx(max(tried))
    expected = []
    for i in range(2):
        own, true = logits[:, i], targets[:, i] > 0.5
        precision = [float(true[own >= t].float().mean()) for t in own[true]]
        expected.append(np.mean(precision))
    assert mean_average_precision(logits, targets) == pytest.approx(np.mean(expected))
    assert np.isnan(mean_average_precision(logits, torch.zeros(30, 2)))
