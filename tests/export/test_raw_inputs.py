"""The programs of examples/exported give what elman predicts of the same files: recordings, ink,
clips and tables, by exported files alone."""

import csv
import json
import subprocess
import sys
import warnings
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import MADE, SMALL, moving, now_and_then, say

import elman
from elman.data import Clip, motion_clips
from elman.tasks import Forecast, Handwriting, Synthesis, Video
from elman.tasks.synthesis.mixture import components_of

SQUARE = np.full((1, 6, 6), 255, np.uint8)
PROGRAMS = Path(__file__).parents[2] / "examples" / "exported"
ALONE = """
import runpy, sys
sys.modules["elman"] = sys.modules["torch"] = None  # as if they were not installed
program, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(program, run_name="__main__")
"""


def alone(program: str | Path, *arguments: Any) -> list[str]:
    """The lines that a program prints where neither elman nor torch is."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, PROGRAMS / f"{program}.py", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def exported(task: Any, folder: Path) -> Path:
    elman.export(task, folder, to="onnx")
    return folder


def recorded(folder: Path, texts: Sequence[str]) -> list[Path]:
    """Texts in tones and noise as WAV files."""
    draw, paths = np.random.default_rng(1), []
    for number, text in enumerate(texts):
        sound = say(text).samples + draw.normal(0, 0.02, len(say(text).samples))
        paths.append(folder / f"{number}.wav")
        with wave.open(str(paths[-1]), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes((sound * 32767).astype("<i2").tobytes())
    return paths


@pytest.mark.parametrize("options", [{}, {"bidirectional": False, "acoustic": "mfcc", "deltas": 2}])
def test_recordings_to_text(options: dict[str, Any], tmp_path: Path) -> None:
    kind, own, data, _ = MADE["speech"]
    given = {**SMALL, **own, "epochs": 30, "lr": 0.02, "hidden_size": 24, "ngram": 0, "beam": 1}
    task = kind(**{**given, **options}).fit(data, progress=False)
    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list("ab "), 1 + i % 4)) for i in range(100)]
    paths = recorded(tmp_path, texts)
    expected = task.predict(paths)
    assert len(set(expected)) > 5
    assert alone("speech", exported(task, tmp_path / "files"), *paths) == expected


def drawings(seed: int, count: int) -> list[dict[str, Any]]:
    """Up to four dashes and hooks each, at some size and place on the page."""
    draw, shapes = np.random.default_rng(seed), ([(0, 0), (9, 0)], [(0, 0), (3, 9), (6, 0)])
    found = []
    for i in range(count):
        place, size, kinds = draw.uniform(-50, 50, 2), draw.uniform(0.1, 9), draw.integers(0, 2, 9)
        strokes = [
            (place + size * (shapes[kind] + draw.normal(0, 0.5, 2) + (12 * k, 0))).round(2).tolist()
            for k, kind in enumerate(kinds[: 1 + i % 4])
        ]
        text = "".join("-v"[kind] for kind in kinds[: len(strokes)])
        found.append({"strokes": strokes, "text": text})
    return found


@pytest.mark.parametrize("kind", ["symbol", "text"])
def test_ink_to_symbols_and_text(kind: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {**SMALL, "epochs": 25, "lr": 0.02, "hidden_size": 16, "num_layers": 1}
    if kind == "text":
        given |= {"ngram": 0, "beam": 1}
    known, new = tmp_path / "known.json", tmp_path / "new.json"
    known.write_text(json.dumps(drawings(0, 60)))
    new.write_text(json.dumps([*drawings(1, 100), {"strokes": [[[3.0, 4.0]]]}]))
    task = Handwriting(**given, kind=kind).fit(known, progress=False)
    expected, found = task.predict(new), alone("handwriting", exported(task, tmp_path / "f"), new)
    assert len(set(expected)) > 5
    assert [line.split(" ")[0] for line in found] == expected
    if kind == "symbol":
        shown = [float(line.split(" ")[1]) for line in found]
        np.testing.assert_allclose(shown, task.predict_proba(new).max(1), atol=1e-4)


def clips(folder: Path, frames: int, count: int) -> list[Path]:
    """Coloured squares that move, as files of several sizes and rates."""
    draw = np.random.default_rng(3)
    found, paths = motion_clips(SQUARE, count, frames=frames, size=12, seed=1)[0], []
    for i, clip in enumerate(found):
        tall = clip.repeat(2, 1).repeat(3, 2)[:, i % 5 :, i % 3 :, None] * draw.uniform(0.3, 1, 3)
        own = (clip if i % 4 == 0 else tall).astype(np.uint8)
        paths.append(folder / f"{i}.npz")
        np.savez(paths[-1], frames=own, rate=(8, 10, 13.7)[i % 3])
    return paths


VIDEO: dict[str, Any] = {**SMALL, "channels": 4, "features": 8, "lr": 0.01, "epochs": 4}


@pytest.mark.parametrize(
    "options",
    [
        {"fit": "crop"},
        {"fit": "letterbox", "colour": "colour", "summary_model": True},
        {"size": (11, 14), "several": True},
    ],
)
def test_clips_to_labels(options: dict[str, Any], tmp_path: Path) -> None:
    own = dict(options)
    frames, labels = moving(0)
    known = [Clip(each, rate=10) for each in frames]
    if own.pop("several", False):
        labels = [(label, "any") if i % 3 else (label,) for i, label in enumerate(labels)]
    task = Video(**VIDEO, **own).fit((known, labels), progress=False)
    paths = clips(tmp_path, 9, 100)
    found = alone("video", exported(task, tmp_path / "f"), *paths)
    told = [json.loads(line.rsplit(" ", 1)[0]) for line in found]
    expected = [task.predict(path)[0] for path in paths]
    assert len(set(map(str, expected))) > 2
    assert told == [list(each) if isinstance(each, tuple) else [each] for each in expected]
    shown = [float(line.rsplit(" ", 1)[1]) for line in found]
    likeliest = [task.predict_proba(path).max() for path in paths]
    np.testing.assert_allclose(shown, likeliest, atol=1e-3)


@pytest.mark.parametrize(
    ("frames", "options"),
    [
        (60, {"bidirectional": False, "differences": True}),
        (60, {"differences": False}),
        (18, {"differences": True}),
    ],
)
def test_videos_to_events(frames: int, options: dict[str, Any], tmp_path: Path) -> None:
    """By windows that overlap, too; with differences but the first of these is the same."""
    given = {**VIDEO, "epochs": 40, "kind": "events", "window": 20, **options}
    task = Video(**given).fit(now_and_then(0, 16), progress=False)
    paths = []
    for i, video in enumerate(now_and_then(1, 20)[0]):
        paths.append(tmp_path / f"{i}.npz")
        np.savez(paths[-1], frames=video.array[:frames], rate=10)
    found = alone("video", exported(task, tmp_path / "f"), *paths)
    expected = [
        [[each.label, each.start, each.end, each.confidence] for each in own]
        for own in (task.predict(path)[0] for path in paths)
    ]
    assert sum(map(len, expected)) > 5
    for line, own in zip(found, expected, strict=True):
        events = json.loads(line)
        assert [each[:3] for each in events] == [each[:3] for each in own]
        np.testing.assert_allclose([e[3] for e in events], [e[3] for e in own], atol=2e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"size": (10, 14), "persistence": True, "residual_scale": 0.5},
        {"persistence": False, "size": 12},
    ],
)
def test_frames_to_come(options: dict[str, Any], tmp_path: Path) -> None:
    own = {"kind": "predict", "inputs": 3, "horizon": 2, "num_layers": 1, "flow": False}
    known = [Clip(each, rate=10) for each in motion_clips(SQUARE, 16, frames=6, size=12)[0]]
    task = Video(**SMALL, **own, **options).fit(known, progress=False)
    paths = clips(tmp_path, 9, 20)
    found = alone("video", exported(task, tmp_path / "f"), *paths)
    for line, path in zip(found, paths, strict=True):
        (expected,) = task.predict(path)
        apart = np.array(json.loads(line)) - expected.astype(int)
        assert apart.shape == expected.shape
        assert abs(apart).max() <= 1
        assert (apart != 0).mean() < 0.05


# A pen state that the scores alone decide, in elman and in the program: random numbers are not the
# same in both.
DECIDED = """
def draw(scores, about, bias, random):
    logs, means, deviations, _, pens = density(scores, about, bias)
    offset = means[:, logs.argmax()] + deviations[:, logs.argmax()]
    return offset, int((abs(offset[0]) * 7 % 1 > np.exp(pens).cumsum()).sum().clip(0, 2))
"""


def decided(scores: torch.Tensor, bias: float, _: Any) -> tuple[torch.Tensor, torch.Tensor]:
    logs, means, deviations, _ = components_of(scores.double(), bias)
    offsets = means[0, :, logs[0].argmax()] + deviations[0, :, logs[0].argmax()]
    shares = scores[0, -3:].double().softmax(-1).cumsum(-1)
    pen = (offsets[0].abs() * 7 % 1 > shares).sum().clamp(max=2)
    return offsets[None].float(), pen[None]


@pytest.mark.parametrize(
    "options",
    [{"condition": "text", "num_layers": 2}, {"condition": "nothing", "spacing": 0.3}],
)
@pytest.mark.parametrize("digits", [0, 2])
def test_handwriting_and_its_nats(
    digits: int, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, new = tmp_path / "known.json", tmp_path / "new.json"
    for seed, path in enumerate((known, new)):
        content = drawings(seed, (40, 100)[seed])
        for each in content:
            each["strokes"] = [np.round(np.array(s), digits).tolist() for s in each["strokes"]]
        path.write_text(json.dumps(content))
    task = Synthesis(**{**SMALL, "epochs": 10, "lr": 0.01, **options}).fit(known, progress=False)
    files = exported(task, tmp_path / "files")
    found = [float(line) for line in alone("synthesis", files, "nats", new)]
    expected = [each.value for each in task.predictions(new)]
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=2e-4)

    program = (
        (PROGRAMS / "synthesis.py").read_text().replace("\nif __name__", f"{DECIDED}\nif __name__")
    )
    monkeypatch.setattr("elman.tasks.synthesis.generation.draw", decided)
    (tmp_path / "decided.py").write_text(program)
    for text in ("v-v", "-", "vv"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may not come to its end
            ink = task.generate(text if options["condition"] == "text" else None, bias=0.5)
        (line,) = alone(tmp_path / "decided", files, "write", text, "0.5")
        strokes = json.loads(line)[0]["strokes"]
        assert [len(each) for each in strokes] == [len(each) for each in ink.strokes]
        for stroke, own in zip(strokes, ink.strokes, strict=True):
            np.testing.assert_allclose(stroke, own, atol=0.02)


def sold(path: Path, names: Sequence[str], start: str, step: str, seed: int, **more: bool) -> Path:
    """A table of series with seasons, gaps and missing values; with covariates, if asked for."""
    draw = np.random.default_rng(seed)
    first = np.datetime64(start, step)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unique_id", "ds", "y", "z", "rain", "price", "size", "shop"])
        for k, name in enumerate(names):
            count, level = 50 + 3 * (k % 7), draw.uniform(-5, 50)
            for i in range(count + (4 if more.get("future") else 0)):
                y = level + 4 * (i % 7 == 5) + draw.normal() + (9 * (i > 40) if k % 3 == 0 else 0)
                values = ["" if i % 11 == k % 11 else f"{y:.3f}", f"{abs(y) * 3:.3f}"]
                values = values if i < count else ["", ""]
                if i % 13 == 4 and i < count:
                    continue
                time = (first + i + k % 2).astype("M8[h]" if step == "h" else "M8[D]")
                covariates = [
                    f"{draw.normal():.2f}",
                    "" if i % 17 == k else f"{i % 5}",
                    f"{k}",
                    "ab"[k % 2],
                ]
                writer.writerow([name, str(time), *values, *covariates])
    return path


@pytest.mark.filterwarnings("ignore:.* (steps have no row|of the steps to come|naive)")
@pytest.mark.parametrize(
    ("step", "options"),
    [
        ("D", {"smoothing": False}),
        ("h", {"smoothing": True, "season": 7, "target": ("y", "z")}),
        ("M", {"smoothing": False, "learn_initial_state": True, "nonnegative": False}),
        (
            "D",
            {
                "smoothing": False,
                "past": ("rain",),
                "future": ("price",),
                "static": ("size", "shop"),
                "cell": "gru",
            },
        ),
    ],
)
def test_tables_to_forecasts(step: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Of series of training, whose intervals learn from held-out steps, and of new ones."""
    more = {"future": "future" in options}
    names = [f"s{i}" for i in range(6)]
    known = sold(tmp_path / "known.csv", names, "2024-01-01", step, 0, **more)
    new = sold(tmp_path / "new.csv", [f"s{i}" for i in range(100)], "2024-01-01", step, 0, **more)
    task = Forecast(**{**SMALL, "horizon": 4, "epochs": 2, **options}).fit(known, progress=False)
    rows = list(csv.DictReader(alone("forecast", exported(task, tmp_path / "files"), new)))
    expected = task.forecasts(new)
    targets = options.get("target", ("y",))
    quantiles = [[float(row[name]) for name in row if name.startswith("q")] for row in rows]
    found = np.reshape(quantiles, (100, 4, len(targets), -1))
    scale = np.abs(expected.quantiles).max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found / scale, expected.quantiles / scale, atol=1e-5)
    mean = np.reshape([float(row["mean"]) for row in rows], found.shape[:3])
    np.testing.assert_allclose(mean, expected.mean, rtol=1e-4, atol=1e-3)
    shown = np.array([row["ds"] for row in rows], "M8[h]").reshape(100, 4, -1)[..., 0]
    assert (shown == expected.times.astype("M8[h]")).all()
