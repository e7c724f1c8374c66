"""Speech from the command line: train, write down, measure, listen."""

import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from elman.cli.app import main
from elman.decode.arpa import write_arpa
from elman.decode.ngram import estimate

TONES = {"a": 500, "b": 1200, "c": 2400}
SETTINGS = """
    --hidden-size 24 --num-layers 1 --epochs 14 --lr 0.03 --batch-size 4 --bins 20 --ngram 2
    --beam 4 --dropout 0 --input-dropout 0 --output-dropout 0 --speed 0 --time-masks 0
    --no-bidirectional --feature-masks 0 --lm-weight 0.5 --word-bonus 1
    --path file --text said --data table.csv --validation table.csv --out model
"""


def say(text: str) -> np.ndarray:
    random = np.random.default_rng(list(text.encode()))
    parts = [np.zeros(800)]
    for character in text:
        hertz = TONES.get(character, 0)
        parts += [np.sin(2 * np.pi * hertz * np.arange(800) / 8000) / 2, np.zeros(400)]
    sound = np.concatenate([*parts, np.zeros(1200)])
    return (sound + 0.01 * random.standard_normal(len(sound))).astype(np.float32)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recordings, a table of them, and a model trained on it by the command."""
    folder = tmp_path_factory.mktemp("speech")
    random = np.random.default_rng(0)
    rows = ["file,said"]
    for i in range(28):
        text = " ".join(random.choice(["ab", "bc", "cab", "ca"], random.integers(1, 4)))
        soundfile.write(folder / f"{i}.wav", say(text), 8000)
        rows.append(f"{i}.wav,{text}")
    (folder / "table.csv").write_text("\n".join(rows))
    soundfile.write(folder / "ab cab.flac", say("ab cab"), 8000)
    (folder / "bad.wav").write_text("no audio")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["train", "speech", *SETTINGS.split()])
    return folder


def test_texts_of_files(run: Any) -> None:
    code, output, errors = run("predict", "model", "ab cab.flac")
    assert (code, output, errors) == (0, "ab cab\n", "")


def test_json(run: Any) -> None:
    code, output, _ = run("predict", "model", "ab cab.flac", "0.wav", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [row["name"] for row in rows] == ["ab cab.flac", "0.wav"]
    assert [word["text"] for word in rows[0]["words"]] == ["ab", "cab"]
    assert run("predict", "model", "ab cab.flac", "0.wav", "--format", "json")[1] == output


def test_subtitles_and_ctm(run: Any) -> None:
    _, output, _ = run("predict", "model", "ab cab.flac", "--format", "srt")
    lines = output.splitlines()
    assert lines[0] == "1"
    assert lines[1].startswith("00:00:00,")
    assert lines[2] == "ab cab"
    _, output, _ = run("predict", "model", "ab cab.flac", "--format", "ctm")
    words = [line.split() for line in output.splitlines()]
    assert [word[4] for word in words] == ["ab", "cab"]
    code, _, errors = run("predict", "model", "0.wav", "1.wav", "--format", "srt")
    assert code == 2
    assert "srt is for one recording" in errors


def test_a_broken_file_costs_no_other(run: Any) -> None:
    code, output, errors = run("predict", "model", "bad.wav", "ab cab.flac", "lost.wav")
    assert code == 2
    assert output == "ab cab.flac\tab cab\n"
    assert "bad.wav is not audio" in errors
    assert "lost.wav" in errors
    assert len(errors.splitlines()) == 1


def test_rates_and_alignment(run: Any) -> None:
    code, output, _ = run("evaluate", "model", "--data", "table.csv")
    assert code == 0
    assert "word error rate" in output
    assert "character error rate" in output
    assert "real-time factor" in output
    code, output, _ = run("evaluate", "model", "--data", "table.csv", "--json")
    metrics = json.loads(output)
    assert metrics["utterances"] == 28
    assert metrics["cer"] <= metrics["wer"] < 0.5


def test_hot_words(run: Any) -> None:
    code, output, _ = run("predict", "model", "ab cab.flac", "--hot-word", "cab")
    assert (code, output) == (0, "ab cab\n")


def test_what_does_not_go_together(run: Any) -> None:
    for words in ((), ("0.wav", "--data", "table.csv"), ("0.wav", "--microphone")):
        code, _, errors = run("predict", "model", *words)
        assert code == 2
        assert "give either sound files, or --data, or --microphone" in errors


def test_a_language_model_must_be_one(run: Any) -> None:
    code, _, errors = run("predict", "model", "0.wav", "--language", "model")
    assert code == 2
    assert "model is a model of the task speech" in errors


def test_no_microphone(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    code, _, errors = run("predict", "model", "--microphone")
    assert code == 2
    assert "the microphone needs sounddevice" in errors


def test_a_microphone(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for sounddevice's stream says "ab cab", pauses, says "bc" and stops by Ctrl-C."""
    quiet = np.zeros(9600, np.float32)
    sound = np.concatenate([say("ab cab"), quiet, say("bc"), quiet])

    class InputStream:
        def __init__(self, *, samplerate: int, channels: int, blocksize: int, **rest: Any) -> None:
            assert (samplerate, channels, blocksize) == (8000, 1, 800)
            self.callback = rest["callback"]

        def __enter__(self) -> None:
            for at in range(0, len(sound), 800):
                self.callback(sound[at : at + 800, None], 800, None, None)

        def __exit__(self, *_: object) -> None:
            pass

    fake = types.SimpleNamespace(InputStream=InputStream, PortAudioError=OSError)
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", fake)
    heard = 0

    class Queue:
        def __init__(self) -> None:
            self.blocks: list[Any] = []

        def put(self, block: Any) -> None:
            self.blocks.append(block)

        def get(self) -> Any:
            nonlocal heard
            heard += 1
            if not self.blocks:
                raise KeyboardInterrupt
            return self.blocks.pop(0)

    monkeypatch.setattr("elman.tasks.speech.microphone.queue.SimpleQueue", Queue)
    code, output, errors = run("predict", "model", "--microphone")
    assert code == 0
    assert "listening" in errors
    lines = [line.rpartition("\033[K")[2] for line in output.split("\n")]
    assert lines[0].startswith("ab ca")
    assert heard == len(range(0, len(sound), 800)) + 1


def test_another_model_of_words_and_a_channel(run: Any, work: Path) -> None:
    write_arpa(estimate(["ab cab"], order=1), work / "words.arpa")
    two = np.stack([say("ab cab"), 0 * say("ab cab")], 1)
    soundfile.write(work / "two.wav", two, 8000)
    code, output, errors = run(
        "predict", "model", "two.wav", "--lm", "words.arpa", "--channel", "0"
    )
    assert (code, output, errors) == (0, "ab cab\n", "")
    code, _, errors = run("predict", "model", "two.wav", "--lm", "none.arpa")
    assert code == 2
    assert "no such file: none.arpa" in errors
    code, output, errors = run("evaluate", "model", "--data", "table.csv", "--lm", "words.arpa")
    assert code == 0, errors
    assert "word error rate" in output
