"""The JavaScript of docs/export.md, run by node, gives what elman reads."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data import AcousticFeatures, build_vocabulary
from elman.data.sound.described import described as of_sound
from elman.data.text.described import described as of_text

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
TEXTS = ["Ein großes Haus, das dogs' NICHT da ist: 12½!", "日本語 and русский", "don’t  go"]


def node(call: str, *arguments: Any) -> Any:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    (code,) = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    given = ", ".join(json.dumps(each) for each in arguments)
    code += f"\nconsole.log(JSON.stringify({call}({given})));"
    done = subprocess.run(
        [program, "-"], input=code, capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["words", "characters"])
@pytest.mark.parametrize("lowercase", [False, True])
def test_tokens(kind: Any, *, lowercase: bool) -> None:
    vocabulary = build_vocabulary(kind, TEXTS[:2], lowercase=lowercase)
    for text in TEXTS:
        expected = vocabulary.encode(text).tolist()
        assert node("tokens", text, of_text(vocabulary)) == expected
        assert len(expected) > 1


def test_log_mel() -> None:
    features = AcousticFeatures(rate=8000, bins=20)
    samples = np.random.default_rng(0).normal(0, 0.1, 900).astype(np.float32)
    found = node("logMel", samples.tolist(), of_sound(features))
    np.testing.assert_allclose(found, features.offline(samples), atol=2e-4)
