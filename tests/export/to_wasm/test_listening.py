"""The page that listens: its features, and labels of sound from a simulated microphone."""

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browser import COMMAND, Page
from small_tasks import say

from elman.data import AcousticFeatures
from elman.data.sound.described import described
from elman.export.export import export
from elman.tasks import Classify
from elman.tasks.summary_export import described as of_summary
from elman.tasks.summary_model import SummaryModel

RATE = 8000


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.parametrize("options", [{}, {"kind": "mfcc", "coefficients": 9}], ids=str)
def test_features_are_those_of_the_model(options: dict[str, Any], tmp_path: Path) -> None:
    known = AcousticFeatures(rate=RATE, bins=20, **options)
    samples = np.random.default_rng(0).normal(0, 0.1, 2000).astype(np.float32)
    script = (files("elman.export.to_wasm") / "sound.mjs").read_text()
    given = f"{json.dumps(samples.tolist())}, {json.dumps(described(known))}"
    (tmp_path / "run.mjs").write_text(f"{script}\nconsole.log([...features({given})].join());")
    done = subprocess.run(
        ["node", tmp_path / "run.mjs"], capture_output=True, text=True, check=True, timeout=60
    )
    expected = known.without_loudness(known.offline(samples))
    found = np.array([float(each) for each in done.stdout.split(",")]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=3e-4)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_statistics_are_those_of_the_model(steps: int, tmp_path: Path) -> None:
    draw = np.random.default_rng(steps)
    frames = [draw.normal(size=(t, 3)).astype(np.float32) for t in (steps, 4, 5, 6)]
    model = SummaryModel.learn(frames, ["a", "b", "a", "b"], ["a", "b"], several=False, seed=0)
    script = (files("elman.export.to_wasm") / "sound.mjs").read_text()
    about = json.dumps(of_summary(model, "frames"))
    given = f"{json.dumps(frames[0].flatten().tolist())}, 3, {about}"
    (tmp_path / "run.mjs").write_text(f"{script}\nconsole.log([...statistics({given})].join());")
    done = subprocess.run(
        ["node", tmp_path / "run.mjs"], capture_output=True, text=True, check=True, timeout=60
    )
    found = np.array([float(each) for each in done.stdout.split(",")])
    np.testing.assert_allclose(found, model.statistics(frames[:1])[0], atol=1e-4)


@pytest.mark.skipif(COMMAND is None, reason="no Chromium is installed")
def test_the_page_hears_the_microphone(tmp_path: Path) -> None:
    pytest.importorskip("websockets")
    sounds = [say(text) for text in ("a", "b", "aa", "bb") * 6]
    task = Classify(hidden_size=16, epochs=25, batch_size=8, lr=0.02, device="cpu")
    task = task.fit((sounds, ["a", "b"] * 12), progress=False)
    export(task, tmp_path / "hear.wasm", to="wasm")
    said = ("aa", "bb", "bb", "aa")
    wave = [np.zeros(RATE)]
    for text in said:
        sound = say(text)
        assert sound.rate == RATE
        wave += [np.asarray(sound.samples), np.zeros(RATE)]
    soundfile.write(tmp_path / "said.wav", np.concatenate(wave), RATE, subtype="PCM_16")
    page = Page(
        f"{(tmp_path / 'hear.html').as_uri()}#listen",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}",
        "--autoplay-policy=no-user-gesture-required",
    )
    try:
        text = "document.getElementById('report').textContent"
        page.wait(f"{text}.split('\\n').length > {len(said)}")
        heard = re.findall(r"^(\w+) \(", page.value(text), re.MULTILINE)
    finally:
        page.close()
    assert page.errors == []
    assert heard[: len(said)] == [each[0] for each in said]
