"""Words in sound, from files to labels by the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def words(write_sound: Any, tone: Any) -> None:
    """A folder of files for each word: a low and a high tone of many lengths and sizes."""
    random = np.random.default_rng(0)
    for i in range(20):
        for word, hertz in (("low", 300), ("high", 1500)):
            samples = tone(random.uniform(0.1, 0.3), 8000, hertz, random.uniform(0.1, 0.9))
            write_sound(f"words/{word}/{i}.wav", samples)


def test_from_recordings_to_words(
    words: None, bad_sounds: dict[str, Path], write_sound: Any, tmp_path: Path, command: Any
) -> None:
    def run(line: str) -> tuple[int, str, str]:
        process = command(*line.split())
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    small = "--hidden-size 8 --epochs 8 --lr 0.03 --batch-size 8 --ema 0 --bins 12"
    code, out, err = run(f"train classify --data words --validation words --out run {small}")
    assert code == 0, err
    assert "the model is in run" in out
    write_sound("wide.flac", rate=96000)
    code, out, err = run("predict run words/high/0.wav nan.wav wide.flac words/low/3.wav")
    assert code == 0, err
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["label", "probability", "input", "error"]
    assert [line[0] for line in lines[1:]] == ["high", "", "low", "low"]
    assert "nan.wav: 2 of 2400 samples are NaN" in lines[2][3]
    code, out, err = run("evaluate run --data words --json")
    assert code == 0, err
    assert '"accuracy": 1.0' in out
    code, out, err = run("predict run text.wav")
    assert (code, out) == (2, "")
    assert err.startswith("elman: error: text.wav is not audio that can be read")
    assert len(err.splitlines()) == 1


def test_the_check_of_recordings(
    bad_sounds: dict[str, Path], write_sound: Any, tmp_path: Path, command: Any
) -> None:
    write_sound("good.wav")
    files = ["good.wav", "nan.wav", "nowhere.wav"]
    lines = ["path,text", *(f"{file},x" for file in files)]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    process = command("data", "check", "list.csv")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.startswith("3 utterances, 0.0 minutes\n2 broken, left out\n")
    assert "list.csv:4 (nowhere.wav): no such file: nowhere.wav" in out


def test_recordings_and_pairs_as_shards(write_sound: Any, tmp_path: Path, command: Any) -> None:
    def run(line: str) -> tuple[int, str, str]:
        process = command(*line.split())
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    write_sound("good.wav")
    (tmp_path / "list.csv").write_text("path,text\ngood.wav,x\ngood.wav,x\n")
    code, out, err = run("data shard list.csv --kind speech --out sound")
    assert code == 0, err
    assert out == "shards of speech in sound: 1, their rows: 2\n"
    (tmp_path / "pairs.tsv").write_text("en\tde\none\teins\ntwo\tzwei\n")
    code, out, err = run("data shard pairs.tsv --source en --target de --out pairs")
    assert code == 0, err
    assert out == "shards of pairs in pairs: 1, their rows: 2\n"
    code, out, err = run("data shard list.csv --kind speech --label text --out other")
    assert (code, out) == (2, "")
    assert "--kind speech has no flags of labelled" in err
